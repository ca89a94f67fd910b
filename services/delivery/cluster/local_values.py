"""What differs in a cluster of one's own: values laid over an environment's files in the commit that Argo CD reads."""

from pathlib import Path
from typing import Any

import yaml

from delivery import image_set
from delivery.cluster import vault
from delivery.cluster.kind import SHARED
from delivery.image_set import ImageSet

Values = dict[str, Any]
SHARED_CLASS = "fairlead-shared"
# A laptop has few cores, and most pods are idle most of the time: requests only keep the scheduler from saying no.
IDLE = {"profiles": {"small": {"requests": {"cpu": "20m"}}}}
SERVICES = ("orchestrator", "llm-proxy", "local-models", "ingestion", "vector-store", "trace-store", "trace-collector")


def write(checkout: Path, environment: str, images: ImageSet, operators: list[str], network: str) -> None:
    """Have the environment's values in this checkout say what holds here.

    `network` is the range that this machine's requests come from.
    """
    image_set.write(checkout, environment, images)
    monitored = "kube-prometheus-stack" in operators
    lay_over(
        checkout,
        environment,
        "common",
        {
            "global": {"environment": environment, "profile": "small"},
            "externalSecrets": {
                "enabled": True,
                "store": {"kind": "ClusterSecretStore", "name": vault.STORE},
                "refreshInterval": "10s",
                "prefix": f"{environment}-",
            },
            "serviceMonitor": {"enabled": monitored},
            "prometheusRule": {"enabled": monitored},
        },
    )
    shared = {"size": "1Gi", "accessModes": ["ReadWriteMany"], "class": SHARED_CLASS}
    entry = {"from": [{"ipBlock": {"cidr": network}}], "ports": [{"port": 8080, "protocol": "TCP"}]}
    small = {"storage": {"size": "2Gi"}}
    for chart, values in {
        "platform": copied("fairlead-api-keys", "fairlead-service-keys"),
        "vector-store": {**small, "files": shared, **copied("fairlead-database")},
        "trace-store": {"artifacts": {"size": "1Gi"}, **copied("fairlead-trace-store")},
        "trace-collector": {"sampling": {**small, **IDLE}, "buffer": IDLE},
        "orchestrator": {"networkPolicy": {"ingress": [entry]}},
    }.items():
        lay_over(checkout, environment, chart, values)
    for chart in SERVICES:
        lay_over(checkout, environment, chart, IDLE)


def replicate_database(checkout: Path, environment: str, instances: int) -> None:
    """Have the environment's database be one of CloudNativePG, whose operator is there."""
    roles = [f"fairlead-database-{name}" for name in vault.ROLES]
    values: Values = {
        "mode": "cluster",
        "cluster": {"instances": instances},
        # A replica joins at a checkpoint; an idle database makes one in minutes only.
        "settings": {"checkpoint_timeout": "30s", "checkpoint_completion_target": "0.1"},
    }
    lay_over(checkout, environment, "vector-store", values | copied("fairlead-database", *roles))


def copied(*names: str) -> Values:
    """Secrets of the vault that External Secrets copies whole."""
    return {"externalSecrets": {"secrets": {name: {"*": name} for name in names}}}


def shared_volume(environment: str) -> Values:
    """A volume that pods on every node mount: a folder that all nodes of the cluster share."""
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": f"fairlead-shared-{environment}"},
        "spec": {
            "capacity": {"storage": "1Gi"},
            "accessModes": ["ReadWriteMany"],
            "storageClassName": SHARED_CLASS,
            "persistentVolumeReclaimPolicy": "Retain",
            "claimRef": {"namespace": f"fairlead-{environment}", "name": "fairlead-files"},
            "hostPath": {"path": f"{SHARED}/{environment}", "type": "Directory"},
        },
    }


def lay_over(checkout: Path, environment: str, name: str, values: Values) -> None:
    """Merge values over those in the environment's file of a chart (or `common`)."""
    merge_into(_file(checkout, environment, name), values)


def merge_into(path: Path, values: Values) -> None:
    """Merge values over those in a file, which need not be there."""
    merged = yaml.safe_dump(_merged(_read(path), values), sort_keys=False)
    path.write_text("# Written by make up for this cluster.\n" + merged, encoding="utf-8")


def namespaces(checkout: Path, environment: str, chart: str) -> dict[str, list[str]]:
    """In which other namespaces peers of a chart's pods are, as the environment's values say."""
    return _read(_file(checkout, environment, chart)).get("networkPolicy", {}).get("namespaces", {})


def _file(checkout: Path, environment: str, name: str) -> Path:
    return checkout / "argocd/envs" / environment / f"{name}.yaml"


def _read(path: Path) -> Values:
    found: Values | None = yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else None
    return found or {}


def _merged(below: Values, above: Values) -> Values:
    result = dict(below)
    for key, value in above.items():
        inner = result.get(key)
        result[key] = _merged(inner, value) if isinstance(inner, dict) and isinstance(value, dict) else value
    return result

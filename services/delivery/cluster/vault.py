"""Secrets of a cluster of one's own: made at random the first time, kept in a namespace that stands in for a vault.

External Secrets copies them from there into an environment, as it would from a cloud's vault.
"""

import base64
import secrets
import tempfile
from pathlib import Path
from urllib.parse import quote

from common import key_file
from delivery.cluster.kubernetes import Cluster, until
from delivery.commands import DeliveryError

NAMESPACE = "fairlead-vault"
STORE = "fairlead"
READER = "external-secrets-reader"
# Services that call others, and the person who uses the API.
CALLERS = ("orchestrator", "ingestion", "llm-proxy", "local-models", "trace-collector")
DATABASE_PORT = 5432
# The database's roles by the ends of their Secrets' names, which CloudNativePG reads.
ROLES = {"owner": "fairlead_owner", "app": "fairlead_app", "mlflow": "mlflow"}


def fill(cluster: Cluster, environment: str, database_host: str = "vector-store") -> None:
    """Put what lacks of an environment into the vault."""
    cluster.namespace(NAMESPACE)
    if cluster.get("secret", "-n", NAMESPACE, f"{environment}-fairlead-database") is None:
        _make(cluster, environment, database_host)


def fresh() -> str:
    """A new password."""
    return secrets.token_urlsafe(24)


def open_for_operator(cluster: Cluster, timeout_s: float = 300.0) -> None:
    """Let External Secrets read the vault, as soon as the operator is there."""

    def missing() -> str:
        try:
            cluster.apply(*_store())
        except DeliveryError as error:
            return str(error)
        return ""

    until("opening the vault for External Secrets", missing, timeout_s)


def values(cluster: Cluster, environment: str, name: str) -> dict[str, str]:
    """A secret of the environment. Raises DeliveryError where the vault has none."""
    return cluster.secret_values(NAMESPACE, f"{environment}-{name}")


def key(cluster: Cluster, environment: str) -> str:
    """The key of the person who uses the API."""
    return values(cluster, environment, "user")["key"]


def put(cluster: Cluster, environment: str, name: str, values: dict[str, str]) -> None:
    """Make these the values of a secret of the environment."""
    cluster.secret(NAMESPACE, f"{environment}-{name}", values)


def forget(cluster: Cluster, environment: str) -> None:
    """Empty the vault of what belongs to an environment."""
    found = cluster.get("secrets", "-n", NAMESPACE)["items"]
    names = [secret["metadata"]["name"] for secret in found]
    if mine := [name for name in names if name.startswith(f"{environment}-")]:
        cluster.kubectl("delete", "secret", "-n", NAMESPACE, *mine)


def _make(cluster: Cluster, environment: str, database_host: str) -> None:
    def keep(name: str, values: dict[str, str]) -> None:
        put(cluster, environment, name, values)

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "keys.json"
        keys = {name: key_file.create(path, name=name)[0] for name in (*CALLERS, "user")}
        keep("fairlead-api-keys", {"keys.json": path.read_text(encoding="utf-8")})
    keep("user", {"key": keys.pop("user")})
    keep("fairlead-service-keys", keys)
    keep("fairlead-model-keys", {"none": fresh()})
    trace_store = fresh()
    basic = base64.b64encode(f"fairlead:{trace_store}".encode()).decode()
    keep(
        "fairlead-trace-store",
        {
            "username": "fairlead",
            "password": trace_store,
            "flask-secret-key": secrets.token_urlsafe(32),
            "authorization": f"Basic {basic}",
        },
    )
    passwords = {role: fresh() for role in ROLES.values()}
    keep("fairlead-database", database_secret(database_host, passwords))
    for name, role in ROLES.items():
        keep(f"fairlead-database-{name}", {"username": role, "password": passwords[role]})


def database_secret(host: str, passwords: dict[str, str]) -> dict[str, str]:
    """What services, the migration and MLflow are to find in the Secret of the database."""

    def url(role: str, database: str) -> str:
        return f"postgresql://{role}:{quote(passwords[role])}@{host}:{DATABASE_PORT}/{database}"

    return {
        "url": url("fairlead_app", "fairlead"),
        "owner-url": url("fairlead_owner", "fairlead"),
        "mlflow-url": url("mlflow", "mlflow"),
        "superuser-password": fresh(),
    }


def _store() -> list[dict[str, object]]:
    """A ClusterSecretStore that reads the vault's Secrets by an account which may do nothing else."""
    name = {"name": READER, "namespace": NAMESPACE}
    rules = [
        {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "list", "watch"]},
        {
            "apiGroups": ["authorization.k8s.io"],
            "resources": ["selfsubjectrulesreviews"],
            "verbs": ["create"],
        },
    ]
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": READER}
    provider = {
        "remoteNamespace": NAMESPACE,
        "server": {
            "caProvider": {"type": "ConfigMap", "name": "kube-root-ca.crt", "key": "ca.crt", "namespace": NAMESPACE}
        },
        "auth": {"serviceAccount": name},
    }
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": name},
        {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": name, "rules": rules},
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": name,
            "roleRef": role,
            "subjects": [{"kind": "ServiceAccount", **name}],
        },
        {
            "apiVersion": "external-secrets.io/v1",
            "kind": "ClusterSecretStore",
            "metadata": {"name": STORE},
            "spec": {"provider": {"kubernetes": provider}},
        },
    ]

"""A further environment on a cluster that has one: one pod of each service, but the first one's models and traces."""

from pathlib import Path

from delivery.cluster import argo, local_values, vault
from delivery.cluster.kubernetes import Cluster, until
from delivery.cluster.local_values import Values
from delivery.commands import DeliveryError
from delivery.environments import LIST

# What weighs most, and what need not be there twice to try something.
WITHOUT = ("trace-store", "local-models")
ONE_EACH = ("orchestrator", "llm-proxy", "trace-collector")
# The guest's models that the host's local-models answer for, by the name that each has there.
MODELS = {"chat": "extractive", "all-MiniLM-L6-v2": "all-MiniLM-L6-v2", "rerank": "all-MiniLM-L6-v2"}
LET_GO_S = 120.0
# Among the guest's keys of models, the one that the host's pool has.
KEY = "host"


def share(checkout: Path, guest: str, host: str) -> None:
    """Have the values of both say that the guest uses the host's trace store and local models."""
    local_values.merge_into(checkout / LIST, {"environments": {guest: {"without": list(WITHOUT)}}})
    home, there = f"fairlead-{guest}", f"fairlead-{host}"
    store = {"url": f"http://trace-store.{there}:5000"}
    to_store = {"networkPolicy": {"namespaces": {"trace-store": [there]}}}
    endpoint = {"url": f"http://local-models.{there}:8082/v1", "key": {"file": f"/var/run/fairlead/model-keys/{KEY}"}}
    models = {name: {"endpoints": [{"name": "host", **endpoint, "model": model}]} for name, model in MODELS.items()}
    # It answers in the place of a model, as at home.
    models["chat"]["endpoints"][0] |= {"priority": 1, "stand_in": True}
    guests: dict[str, Values] = {
        "orchestrator": {"traceStore": store, **to_store},
        "trace-collector": {"mlflow": store, **to_store},
        "llm-proxy": {"tunables": {"models": models}, "networkPolicy": {"namespaces": {"local-models": [there]}}},
        "platform": local_values.copied("fairlead-trace-store"),
    }
    for chart, values in guests.items():
        local_values.lay_over(checkout, guest, chart, values)
    for chart in ONE_EACH:
        local_values.lay_over(checkout, guest, chart, {"replicas": 1})
    for chart, callers in {
        "trace-store": ("orchestrator", "trace-collector", "trace-collector-retain"),
        "local-models": ("llm-proxy",),
    }.items():
        also = local_values.namespaces(checkout, host, chart)
        named = {caller: sorted({*also.get(caller, []), home}) for caller in callers}
        local_values.lay_over(checkout, host, chart, {"networkPolicy": {"namespaces": named}})


def admit(cluster: Cluster, guest: str, host: str) -> None:
    """Put into the guest's vault what opens the host's trace store and local models, and nothing more of the host's."""
    store = vault.values(cluster, host, "fairlead-trace-store")
    keys = vault.values(cluster, host, "fairlead-service-keys")
    vault.put(cluster, guest, "fairlead-trace-store", {"authorization": store["authorization"]})
    vault.put(cluster, guest, "fairlead-model-keys", {KEY: keys["llm-proxy"]})


def remove(cluster: Cluster, guest: str) -> None:
    """Take a further environment away with its data and secrets. DeliveryError where the cluster has no such one."""
    if guest not in (further := argo.environments(cluster)[1:]):
        there = ", ".join(further) or "none"
        raise DeliveryError(f"ENV={guest}: the cluster has no such further environment; it has {there}")
    argo.forget_environment(cluster, guest)
    until(f"Argo CD to let go of {guest}", lambda: ", ".join(argo.applications(cluster, guest)), LET_GO_S)
    cluster.kubectl("delete", "namespace", f"fairlead-{guest}", "--ignore-not-found", "--wait=false")
    until(
        f"the end of fairlead-{guest}",
        lambda: "" if cluster.get("namespace", f"fairlead-{guest}") is None else "it is there",
        2 * LET_GO_S,
    )
    cluster.kubectl("delete", "persistentvolume", f"fairlead-shared-{guest}", "--ignore-not-found")
    vault.forget(cluster, guest)

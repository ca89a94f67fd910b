"""A further environment on a cluster that has one: one pod of each service, but the first one's models and traces."""

import base64
from pathlib import Path

from delivery.cluster import local_values, vault
from delivery.cluster.kubernetes import Cluster
from delivery.cluster.local_values import Values
from delivery.environments import LIST

# What weighs most, and what need not be there twice to try something.
WITHOUT = ("trace-store", "local-models")
ONE_EACH = ("orchestrator", "llm-proxy", "trace-collector")
# The guest's models that the host's local-models answer for, by the name that each has there.
MODELS = {"chat": "extractive", "all-MiniLM-L6-v2": "all-MiniLM-L6-v2", "rerank": "all-MiniLM-L6-v2"}
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

    def of_host(name: str) -> dict[str, str]:
        found = cluster.get("secret", "-n", vault.NAMESPACE, f"{host}-{name}")
        return {key: base64.b64decode(value).decode() for key, value in found["data"].items()}

    store, keys = of_host("fairlead-trace-store"), of_host("fairlead-service-keys")
    vault.put(cluster, guest, "fairlead-trace-store", {"authorization": store["authorization"]})
    vault.put(cluster, guest, "fairlead-model-keys", {KEY: keys["llm-proxy"]})

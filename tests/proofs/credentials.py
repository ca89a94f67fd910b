"""Secrets: a provider's key rotates under traffic; with the secret store down and pods restarted, everything serves."""

import secrets
import time

from delivery.cluster import vault
from proofs.stage import MODEL_NAMESPACE, Stage

NAME = "Secrets"
OPERATOR = ("external-secrets", "deployment/external-secrets")


def rotation(stage: Stage) -> None:
    """The model takes the old and the new key, then only the new one, as providers let one rotate."""
    old, new = stage.secret("fairlead-model-keys")["proof"], secrets.token_urlsafe(24)
    cluster = stage.cluster
    with stage.traffic() as traffic:
        cluster.secret(MODEL_NAMESPACE, "model", {"first": old, "second": new})
        stage.until("the model to know both keys", lambda: _model_lacks(stage, new), 180)
        began = time.monotonic()
        stage.rotate("fairlead-model-keys", {"proof": new})
        stage.until("the new key in the environment", lambda: _differs(stage, new), 120)
        stage.note(NAME, "vault → Secret of the environment", f"{time.monotonic() - began:.0f} s", True)
        # The kubelet hands a changed Secret to running pods within its sync period.
        stage.until("the new key in every pod", lambda: _pods_without(stage, new), 180)
        stage.note(NAME, "vault → every pod of the pool", f"{time.monotonic() - began:.0f} s", True)
        cluster.secret(MODEL_NAMESPACE, "model", {"first": new, "second": new})
        time.sleep(75)
    stage.note_traffic(NAME, "traffic while the provider's key rotates", traffic)


def store_down(stage: Stage) -> None:
    """External Secrets is away and the vault is closed, and the pool's and the orchestrator's pods start again."""
    cluster = stage.cluster
    namespace, operator = OPERATOR
    cluster.kubectl("-n", namespace, "scale", operator, "--replicas=0")
    cluster.kubectl("-n", vault.NAMESPACE, "delete", "rolebinding", vault.READER)
    try:
        with stage.traffic() as traffic:
            for app in ("llm-proxy", "orchestrator"):
                cluster.kubectl("-n", stage.namespace, "rollout", "restart", f"deployment/{app}")
                cluster.rolled_out(stage.namespace, f"deployment/{app}", timeout_s=600)
        stage.note_traffic(NAME, "secret store down, pods restarted", traffic)
    finally:
        cluster.kubectl("-n", namespace, "scale", operator, "--replicas=1")
        vault.open_for_operator(cluster)
        cluster.rolled_out(namespace, operator)


def _model_lacks(stage: Stage, key: str) -> str:
    code = "import pathlib; print([p.read_text() for p in pathlib.Path('/keys').iterdir() if p.is_file()])"
    return "" if key in stage.inside("deploy/model", code, namespace=MODEL_NAMESPACE) else "still the old one alone"


def _differs(stage: Stage, key: str) -> str:
    return "" if stage.secret("fairlead-model-keys").get("proof") == key else "still the old one"


def _pods_without(stage: Stage, key: str) -> str:
    code = "print(open('/var/run/fairlead/model-keys/proof').read().strip())"
    names = [pod["metadata"]["name"] for pod in stage.pods("llm-proxy")]
    old = [name for name in names if stage.inside(name, code).strip() != key]
    return ", ".join(old)

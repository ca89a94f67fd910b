"""Self-heal and prune: an edit by hand is undone; a chart that is removed from Git takes no data with it."""

import shutil
import time
from pathlib import Path

from delivery.cluster import argo
from proofs.stage import Stage

NAME = "Self-heal and prune"


def edit_by_hand(stage: Stage) -> None:
    """Someone scales the pool to nothing and takes a label away."""
    cluster, began = stage.cluster, time.monotonic()
    cluster.kubectl("-n", stage.namespace, "patch", "service", "llm-proxy", "-p", '{"spec":{"selector":{"by":"hand"}}}')

    def selector() -> str:
        found = cluster.get("service", "-n", stage.namespace, "llm-proxy")["spec"]["selector"]
        return "" if "by" not in found else f"selector is {found}"

    stage.until("undoing the edit", selector, 180)
    stage.note(NAME, "a Service's selector edited by hand: undone after", f"{time.monotonic() - began:.0f} s", True)


def deleted_chart(stage: Stage) -> None:
    """The vector store's folder is deleted in Git, as by mistake, and comes back by a revert."""
    cluster = stage.cluster
    claims = {"vector-store-data", "fairlead-files"}
    before = _claims(stage)

    def remove(clone: Path) -> None:
        shutil.rmtree(clone / "charts/vector-store")

    with stage.traffic(streams=0) as traffic:
        stage.merge("Delete a chart by mistake", remove)
        time.sleep(45)
        state = stage.application("vector-store")
        conditions = "; ".join(each["message"][:80] for each in state.get("conditions", []))
        after = _claims(stage)
        stage.note(
            NAME,
            "chart folder of the database deleted in Git",
            f"claims {', '.join(sorted(claims & after))} kept; Argo CD says: {conditions or 'nothing'}",
            claims <= after and before == after,
        )
        commit = stage.revert()
        stage.settled(commit)
    stage.note_traffic(NAME, "traffic meanwhile", traffic)
    with stage.traffic(streams=0) as traffic:
        cluster.kubectl(
            "-n", argo.NAMESPACE, "delete", "application", f"{stage.environment}-vector-store", "--wait=false"
        )
        time.sleep(20)
        after = _claims(stage)
        stage.note(NAME, "the database's Application deleted", f"claims kept: {claims <= after}", claims <= after)
        stage.settled(commit)
    stage.note_traffic(NAME, "traffic meanwhile", traffic)


def _claims(stage: Stage) -> set[str]:
    found = stage.cluster.get("pvc", "-n", stage.namespace)["items"]
    return {claim["metadata"]["name"] for claim in found if "deletionTimestamp" not in claim["metadata"]}

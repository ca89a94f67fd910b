"""Backup and restore of database and files as one set: both are lost, and questions are answered again."""

import subprocess
import time
from typing import Any

from proofs.stage import Stage

NAME = "Backup and restore"
CLAIM, SERVER = "vector-store-data", "vector-store-0"


def loss_and_restore(stage: Stage) -> None:
    """Mode `single`: a backup by its CronJob; the database's volume and all files go; a commit restores the latest."""
    cluster, place = stage.cluster, ("-n", stage.namespace)
    backup: dict[str, Any] = {"backup": {"enabled": True, "storage": {"size": "1Gi"}}}
    stage.settled(stage.merge("Back up", lambda clone: stage.values(clone, "vector-store", backup)))
    before = _known(stage)
    stage.note(NAME, "backup by the CronJob's job", _run_now(stage, "vector-store-backup"), True)

    lost = cluster.get("pvc", *place, CLAIM)["metadata"]["uid"]
    cluster.kubectl(*place, "delete", "pvc", CLAIM, "--wait=false")
    cluster.kubectl(*place, "delete", "pod", SERVER, "--grace-period=0", "--force")
    files = stage.state / "shared" / stage.environment
    subprocess.run(["find", str(files), "-mindepth", "1", "-delete"], check=True)
    stage.until("the claim's end", lambda: "there still" if _claim(stage) == lost else "", 120)
    stage.until("the loss to be felt", lambda: "" if stage.unanswered() else "answers still", 60)
    stage.note(NAME, "database's claim and all files deleted: a question", stage.unanswered(), True)
    began = time.monotonic()
    restore = {"restore": {"from": "latest"}}
    commit = stage.merge("Restore the latest backup", lambda clone: stage.values(clone, "vector-store", restore))
    stage.settled(commit, "vector-store")
    stage.until("answers", lambda: stage.unanswered(), 300)
    restored = cluster.kubectl(*place, "logs", "job/vector-store-restore").strip().splitlines()
    stage.note(NAME, "commit that restores → a cited answer", f"{time.monotonic() - began:.0f} s", bool(restored))
    stage.note(NAME, "the Job says", "; ".join(restored), all("restored from" in line for line in restored))
    after = _known(stage)
    lost = before - after
    stage.note(NAME, "stores and files with their bytes", f"{len(before)} before, {len(lost)} lost", not lost)
    stage.settled(
        stage.merge("Nothing to restore", lambda clone: stage.values(clone, "vector-store", {"restore": {"from": ""}}))
    )
    stage.note(NAME, "a question after all", stage.unanswered() or "cited", not stage.unanswered())


def retention(stage: Stage) -> None:
    """The CronJob that removes what is older than it may be runs against the real trace store and database."""
    said = _run_now(stage, "trace-collector-retain")
    stage.note("Retention", "the CronJob's job", said, "Removed: " in said)


def _run_now(stage: Stage, name: str) -> str:
    """Run a CronJob's job at once: how long it took, and what it said last."""
    cluster, place, job = stage.cluster, ("-n", stage.namespace), f"{name}-of-the-proof"
    began = time.monotonic()
    cluster.kubectl(*place, "create", "job", f"--from=cronjob/{name}", job)
    try:
        cluster.kubectl(*place, "wait", "--for=condition=complete", "--timeout=50s", f"job/{job}")
        said = cluster.kubectl(*place, "logs", f"job/{job}").strip().splitlines()[-1]
    finally:
        cluster.kubectl(*place, "delete", "job", job)
    return f"{time.monotonic() - began:.0f} s ({said})"


def _claim(stage: Stage) -> str:
    """Which claim has the name; Argo CD makes another one when the first is gone."""
    found = stage.cluster.get("pvc", "-n", stage.namespace, CLAIM)
    return found["metadata"]["uid"] if found else ""


def _known(stage: Stage) -> set[str]:
    """Stores and files, each file by its bytes' length as they are read back."""
    client = stage.client
    found = {store["id"] for store in client.call("/v1/vector_stores")["data"]}
    for file in client.call("/v1/files")["data"]:
        found.add(f"{file['id']} of {len(client.content(file['id']))}")
    return found

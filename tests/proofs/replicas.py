"""Database of replicas: its primary is killed while questions are asked and files are uploaded."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from delivery.cluster import vault
from delivery.cluster.client import Client
from delivery.commands import DeliveryError
from proofs.beside import TARGET
from proofs.stage import Stage
from proofs.traffic import flowing

NAME = "Database of replicas"
CLUSTER = "clusters.postgresql.cnpg.io"
UPLOAD_EVERY_S = 0.3


def failover(stage: Stage) -> None:
    """CloudNativePG, three instances, synchronous quorum: what was acknowledged is there afterwards."""
    cluster, namespace = stage.cluster, f"fairlead-{TARGET}"
    with cluster.forwarded(namespace, "service/orchestrator", 8080) as port:
        client = Client(f"http://127.0.0.1:{port}", vault.key(cluster, TARGET))
        store = client.store_of(stage.repository.root / "samples")
        with flowing(client.url, client.key, store, streams=0) as traffic, _uploading(client) as uploads:
            stage.until("a first answer and upload", lambda: "" if traffic.answered and uploads.taken else "none", 60)
            primary = _primary(stage, namespace)
            began = time.monotonic()
            cluster.kubectl("-n", namespace, "delete", "pod", primary, "--grace-period=0", "--force")
            stage.until("another primary", lambda: "" if _primary(stage, namespace) != primary else primary, 180)
            stage.note(NAME, "primary killed: another is named after", f"{time.monotonic() - began:.0f} s", True)
            before = len(uploads.taken)
            stage.until("uploads again", lambda: "" if len(uploads.taken) > before + 3 else "none", 180)
            stage.note(NAME, "uploads are taken again after", f"{time.monotonic() - began:.0f} s", True)
            time.sleep(15)
        codes = {failure.split()[1] for failure in traffic.failures}
        said = f"{traffic.figure()}{' with ' + ', '.join(sorted(codes)) if codes else ''}"
        stage.note(NAME, "questions meanwhile", said, codes <= {"503", "504"})
        lost = [file for file in uploads.taken if _lost(client, file)]
        said = f"{len(uploads.taken)} acknowledged, {uploads.refused} refused, {len(lost)} lost"
        stage.note(NAME, "uploads meanwhile", said, not lost)


@dataclass
class _Uploads:
    taken: list[str] = field(default_factory=list[str])
    refused: int = 0


@contextmanager
def _uploading(client: Client) -> Iterator[_Uploads]:
    """Upload small files, one after the other, while the context is open."""
    uploads, ending = _Uploads(), threading.Event()

    def upload() -> None:
        document = Path(__file__)
        while not ending.wait(UPLOAD_EVERY_S):
            try:
                uploads.taken.append(client.upload(document))
            except DeliveryError:
                uploads.refused += 1

    thread = threading.Thread(target=upload, name="uploads")
    thread.start()
    try:
        yield uploads
    finally:
        ending.set()
        thread.join()


def _primary(stage: Stage, namespace: str) -> str:
    return stage.cluster.get(CLUSTER, "-n", namespace, "vector-store")["status"]["currentPrimary"]


def _lost(client: Client, file: str) -> bool:
    try:
        client.call(f"/v1/files/{file}")
    except DeliveryError:
        return True
    return False

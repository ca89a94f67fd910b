"""Scale: the autoscaler adds orchestrators under load, and takes them away without cutting a stream."""

import time

from proofs.stage import Stage
from proofs.traffic import flowing

NAME = "Scale"
QUICK_S = 0.02


def autoscaler(stage: Stage) -> None:
    """By CPU, which needs the metrics server alone."""
    scaling = {
        "enabled": True,
        "by": "cpu",
        "minReplicas": 2,
        "maxReplicas": 4,
        "cpuPercent": 50,
        "scaleDownAfterSeconds": 15,
    }
    small = {"profiles": {"small": {"requests": {"cpu": "100m"}}}}
    stage.settled(
        stage.merge(
            "Scale by load", lambda clone: stage.values(clone, "orchestrator", {"autoscaling": scaling, **small})
        )
    )
    client, began = stage.client, time.monotonic()
    with stage.traffic() as streams:
        with flowing(client.url, client.key, stage.store, streams=0, pause_s=QUICK_S) as load:
            stage.until("more orchestrators", lambda: "" if len(stage.ready("orchestrator")) > 2 else "two", 300)
            stage.note(NAME, "under load: a third orchestrator serves after", f"{time.monotonic() - began:.0f} s", True)
        stage.until(
            "fewer orchestrators", lambda: "" if len(stage.ready("orchestrator")) == 2 else "more than two", 600
        )
        time.sleep(35)
    failures = streams.failures + load.failures
    said = f"{load.answered} more answers; {streams.figure()}"
    stage.note(NAME, "traffic while pods come and go", said, not failures)
    stage.settled(stage.revert())

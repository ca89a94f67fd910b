"""Scale: the autoscaler adds orchestrators under load, and takes them away without cutting a stream."""

import time
from typing import Any

from proofs.canary import install_prometheus
from proofs.stage import Stage
from proofs.traffic import flowing

NAME = "Scale"
COMMON = {"enabled": True, "minReplicas": 2, "maxReplicas": 4, "scaleDownAfterSeconds": 15}


def by_cpu(stage: Stage) -> None:
    """Needs the metrics server alone; the load is questions."""
    _scaled(stage, "by CPU", {"by": "cpu", "cpuPercent": 50}, {"streams": 0, "pause_s": 0.02})


def by_answers_in_flight(stage: Stage) -> None:
    """What an answer needs is mostly patience: KEDA asks Prometheus how many a pod has open. The load is streams."""
    install_prometheus(stage)
    _scaled(
        stage,
        "by answers in flight (KEDA)",
        {"by": "keda", "targetPerPod": 3},
        {"streams": 12, "apart_s": 1.0, "pause_s": 2.0},
    )


def _scaled(stage: Stage, how: str, scaling: dict[str, Any], load: dict[str, Any]) -> None:
    small = {"profiles": {"small": {"requests": {"cpu": "100m"}}}}
    values = {"autoscaling": {**COMMON, **scaling}, **small}
    stage.settled(stage.merge(f"Scale {how}", lambda clone: stage.values(clone, "orchestrator", values)))
    client, began = stage.client, time.monotonic()
    with stage.traffic() as traffic:
        with flowing(client.url, client.key, stage.store, **load) as more:
            stage.until("more orchestrators", lambda: "" if len(stage.ready("orchestrator")) > 2 else "two", 300)
            stage.note(NAME, f"{how}: a third orchestrator serves after", f"{time.monotonic() - began:.0f} s", True)
        stage.until(
            "fewer orchestrators", lambda: "" if len(stage.ready("orchestrator")) == 2 else "more than two", 600
        )
        time.sleep(35)
    failures = traffic.failures + more.failures
    said = f"the load: {more.figure()}; beside it: {traffic.figure()}"
    stage.note(NAME, f"{how}: traffic while pods come and go", said, not failures)
    for failure in failures[:5]:
        print(f"         {failure}", flush=True)
    stage.settled(stage.revert())

"""Bad releases: a missing image, a failing migration, pods that crash: the old version serves, Argo CD says why."""

import time
from pathlib import Path
from typing import Any

from delivery import image_set
from delivery.image_set import ImageSet
from proofs.stage import Stage

NAME = "Bad release"
LOOK_S = 60


def missing_image(stage: Stage) -> None:
    """A tag that no registry has."""

    def change(clone: Path) -> None:
        image_set.write(clone, stage.environment, ImageSet(stage.images.registry, "no-such-tag"))

    _bad(stage, "image tag that is nowhere", change, "llm-proxy")


def failing_migration(stage: Stage) -> None:
    """The migration cannot log in as the owner."""
    _bad(
        stage,
        "migration that fails",
        lambda clone: stage.values(clone, "orchestrator", {"database": {"ownerUrlKey": "superuser-password"}}),
        "orchestrator",
    )


def crashing_pod(stage: Stage) -> None:
    """The new orchestrator ends at once, for a setting that is out of range."""
    _bad(
        stage,
        "pod that crashes at its start",
        lambda clone: stage.values(clone, "orchestrator", {"env": {"FAIRLEAD_MAX_OPEN_ANSWERS": "0"}}),
        "orchestrator",
    )


def _bad(stage: Stage, what: str, change: Any, chart: str) -> None:
    with stage.traffic() as traffic:
        stage.merge(f"A bad release: {what}", change)
        time.sleep(LOOK_S)
        state = stage.application(chart)
        operation = state.get("operationState", {}).get("message", "")
        unwell = [
            f"{each['kind']} {each['name']}: {each.get('health', {}).get('message', '')}"
            for each in state.get("resources", [])
            if each.get("health", {}).get("status") in ("Degraded", "Progressing")
        ]
        said = "; ".join([operation, *unwell])[:240]
        stage.note(NAME, f"{what}: Argo CD", f"{state['health']['status']}: {said}", bool(said))
        stage.settled(stage.revert())
    stage.note_traffic(NAME, f"{what}: traffic", traffic)

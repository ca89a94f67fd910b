"""Bad releases: a missing image, a failing migration, pods that crash: the old version serves, Argo CD says why."""

import time
from pathlib import Path
from typing import Any

from delivery import image_set
from delivery.cluster import argo_api
from delivery.image_set import ImageSet
from proofs.stage import Stage

NAME = "Bad release"
LOOK_S = 60


def missing_image(stage: Stage) -> None:
    """A tag that no registry has."""

    def change(clone: Path) -> None:
        image_set.write(clone, stage.environment, ImageSet(stage.images.registry, "no-such-tag"))

    _bad(stage, "image tag that is nowhere", change, "llm-proxy", ("pull", "Pull"))


def failing_migration(stage: Stage) -> None:
    """The migration cannot log in as the owner; the pods of that release are not to come."""
    # Argo CD does not sync for a hook alone: something else must differ, too, as in every release.
    values = {"database": {"ownerUrlKey": "superuser-password"}, "env": {"FAIRLEAD_MAX_OPEN_ANSWERS": "199"}}
    _bad(
        stage,
        "migration that fails",
        lambda clone: stage.values(clone, "orchestrator", values),
        "orchestrator",
        ("orchestrator-migration",),
    )


def crashing_pod(stage: Stage) -> None:
    """The new orchestrator ends at once, for a setting that is out of range."""
    _bad(
        stage,
        "pod that crashes at its start",
        lambda clone: stage.values(clone, "orchestrator", {"env": {"FAIRLEAD_MAX_OPEN_ANSWERS": "0"}}),
        "orchestrator",
        ("CrashLoopBackOff", "back-off", "exit"),
    )


def _bad(stage: Stage, what: str, change: Any, chart: str, reasons: tuple[str, ...]) -> None:
    with stage.traffic() as traffic:
        stage.merge(f"A bad release: {what}", change)
        time.sleep(LOOK_S)
        until, text = time.monotonic() + LOOK_S, _shown(stage, chart)
        # A pod that crashes runs for a moment now and then, as whoever looks at the page sees.
        while not any(why in text for why in reasons) and time.monotonic() < until:
            time.sleep(2)
            text = _shown(stage, chart)
        stage.note(NAME, f"{what}: Argo CD", text, any(why in text for why in reasons))
        began = time.monotonic()
        commit = stage.revert()
        # What a person does who does not want to wait until the sync's time is up: docs/delivery.md, Roll back.
        ended = argo_api.end_syncs(stage.cluster, stage.environment, commit)
        stage.settled(commit)
        by_hand = f", the sync of {', '.join(ended)} ended by hand" if ended else ""
        stage.note(NAME, f"{what}: revert → healthy", f"{time.monotonic() - began:.0f} s{by_hand}", True)
    stage.note_traffic(NAME, f"{what}: traffic", traffic)


def _shown(stage: Stage, chart: str) -> str:
    """What Argo CD's page shows of an application that is not well."""
    state = stage.application(chart)
    operation = state.get("operationState", {})
    said = argo_api.unwell(stage.cluster, f"{stage.environment}-{chart}")
    if operation.get("phase") != "Succeeded":
        said.insert(0, operation.get("message", ""))
    return f"{state['health']['status']}: {'; '.join(said)[:240]}"

"""Merge → deploy: a prompt and an image reach serving pods by a commit, and go back by a revert."""

import subprocess
import time
from pathlib import Path

from delivery import image_set
from delivery.cluster import kind
from delivery.image_set import IMAGES, ImageSet
from proofs.stage import Stage

NAME = "Merge → deploy"
SAILORS = (
    "You answer sailors in their own words, from the numbered passages alone, and cite each by its number in brackets."
)
# What is left of a rollout when its commit has settled: pods that end after their last stream.
LAST_STREAM_S = 60


def prompt(stage: Stage) -> None:
    """A commit that changes the prompt, under traffic, and its revert."""
    with stage.traffic() as traffic:
        before = set(traffic.asked_last)
        began = time.time()
        stage.merge("Answer as a sailor would", lambda clone: stage.values(clone, "orchestrator", sailors()))
        stage.until("the new prompt", lambda: "" if set(traffic.asked_last) - before else "old prompt only")
        time.sleep(10)
        old = max(traffic.asked_last[each] for each in before)
        stage.note(NAME, "prompt: commit → last answer by the old one", f"{old - began:.0f} s", True)
        began = time.time()
        (new,) = set(traffic.asked_last) - before
        stage.revert()
        stage.until("the old prompt", lambda: "" if _latest(traffic.asked_last) in before else "new prompt still")
        time.sleep(5)
        stage.note(NAME, "prompt: revert → last answer by it", f"{traffic.asked_last[new] - began:.0f} s", True)
    stage.note_traffic(NAME, "traffic meanwhile", traffic)


def image(stage: Stage) -> None:
    """A commit that changes every image, under traffic, and its revert."""
    new = again(stage, "proof-next")

    def write(clone: Path) -> None:
        image_set.write(clone, stage.environment, new)

    with stage.traffic() as traffic:
        for what, commit in (
            ("image: commit → last new pod serves", lambda: stage.merge("Run the next images", write)),
            ("image: revert → last pod serves", stage.revert),
        ):
            began = time.monotonic()
            stage.settled(commit())
            stage.note(NAME, what, f"{time.monotonic() - began:.0f} s", True)
            time.sleep(LAST_STREAM_S)
    # Every part starts anew, the one pod of embeddings too: some are answered by keywords alone, and say so.
    stage.note_traffic(NAME, "traffic meanwhile, with 30 s streams", traffic, degrades=True)


def sailors() -> dict[str, object]:
    """Values with another prompt."""
    return {"tunables": {"system_prompt": SAILORS}}


def again(stage: Stage, tag: str) -> ImageSet:
    """The images that run now under another tag, in the cluster."""
    new = ImageSet(stage.images.registry, tag)
    for each in IMAGES:
        subprocess.run(["docker", "tag", stage.images.name(each), new.name(each)], check=True)
    kind.load(stage.cluster, [new.name(each) for each in IMAGES])
    return new


def _latest(asked_last: dict[str, float]) -> str:
    return max(asked_last, key=lambda each: asked_last[each])

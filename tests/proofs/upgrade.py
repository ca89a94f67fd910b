"""Upgrade: from the release before to this one under traffic, and back, on the same data."""

import tempfile
import time
from pathlib import Path

from delivery import image_set, images
from delivery.cluster import kind
from delivery.commands import run
from delivery.image_set import IMAGES, ImageSet
from delivery.repository import Repository
from proofs.deploy import LAST_STREAM_S
from proofs.stage import Stage

NAME = "Upgrade"
# What a release is beside its images; environments keep their values.
DELIVERED = ("charts", "argocd/root", "argocd/addons")


def there_and_back(stage: Stage) -> None:
    """This release's images and charts are replaced by those of the one before, and come back."""
    revision = _before(stage.repository, stage.images.tag)
    before = _built(stage, revision)
    what = f"{before.tag} → {stage.images.tag}"

    def to_the_one_before(clone: Path) -> None:
        run(["git", "rm", "-r", "--quiet", *DELIVERED], clone)
        run(["git", "checkout", "--quiet", revision, "--", *DELIVERED], clone)
        image_set.write(clone, stage.environment, before)

    with stage.traffic() as traffic:
        for direction, move in (
            ("back", lambda: stage.merge(f"Go back to {before.tag}", to_the_one_before)),
            ("up", stage.revert),
        ):
            began = time.monotonic()
            stage.settled(move())
            stage.note(NAME, f"{what}, {direction}: commit → last pod", f"{time.monotonic() - began:.0f} s", True)
            running = {name.rpartition(":")[2] for name in _images(stage, "orchestrator")}
            wanted = before.tag if direction == "back" else stage.images.tag
            cited = bool(stage.client.ask("Which knot makes a fixed loop?", stage.store).get("citations"))
            said = f"pods run {', '.join(sorted(running))}; a document of before is {'cited' if cited else 'not cited'}"
            stage.note(NAME, f"{what}, {direction}: what serves", said, running == {wanted} and cited)
            time.sleep(LAST_STREAM_S)
    stage.note_traffic(NAME, f"{what}: traffic, with 30 s streams", traffic, degrades=True)


def _before(repository: Repository, tag: str) -> str:
    """The last tagged release before this commit's, or where none is tagged the images before these."""
    tagged = repository.git("tag", "--merged", f"{tag}^", "--list", "v*", "--sort=-v:refname").split()
    return tagged[0] if tagged else repository.image_tag(f"{tag}^")


def _built(stage: Stage, revision: str) -> ImageSet:
    """The images of a revision, built from its own recipe and in the cluster."""
    repository = stage.repository
    with tempfile.TemporaryDirectory(prefix="fairlead-before-") as folder:
        place = Path(folder) / "platform"
        repository.git("worktree", "add", "--quiet", "--detach", str(place), revision)
        try:
            found = ImageSet(stage.images.registry, Repository(place).image_tag())
            images.build(place, found.registry, found.tag, IMAGES)
        finally:
            repository.git("worktree", "remove", "--force", str(place))
    kind.load(stage.cluster, [found.name(each) for each in IMAGES])
    return found


def _images(stage: Stage, app: str) -> set[str]:
    return {container["image"] for pod in stage.pods(app) for container in pod["spec"]["containers"]}

"""A release: images of this commit, built once, put where clusters find them, and named in the first environment."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from delivery import image_set, images
from delivery.commands import DeliveryError, run
from delivery.environments import Layout
from delivery.image_set import DIGEST, IMAGES, ImageSet
from delivery.repository import Repository

# Someone else may push between a fetch and our push.
PUSH_ATTEMPTS = 5

Builder = Callable[[Path, str, str], object]


@dataclass(frozen=True)
class Release:
    """What a release did; `commit` is empty where the environment had these images already."""

    images: ImageSet
    environment: str
    commit: str


def release(
    repository: Repository,
    layout: Layout,
    registry: str,
    *,
    kind_cluster: str = "",
    build: Builder = images.build,
) -> Release:
    """Build, push (or load into a kind cluster), write and commit. Nothing is written before every image is there."""
    repository.must_be_clean()
    repository.branch()
    tag = repository.image_tag()
    current = image_set.read(repository.root, layout.first)
    if (current.registry, current.tag) == (registry, tag):
        return Release(current, layout.first, "")
    build(repository.root, registry, tag)
    built = ImageSet(registry, tag)
    own = [ImageSet(registry, version).name(image) for image, version in image_set.pinned(repository.root).items()]
    if kind_cluster:
        for name in (*(built.name(image) for image in IMAGES), *own):
            run(["kind", "load", "docker-image", name, "--name", kind_cluster], repository.root)
        released = built
    else:
        digests = {image: _pushed(built.name(image), repository.root) for image in IMAGES}
        released = ImageSet(registry, tag, digests)
        for name in own:
            _publish_once(name, repository.root)
    image_set.write(repository.root, layout.first, released)
    commit = repository.commit(image_set.path(layout.first), f"Release {tag} to {layout.first}")
    return Release(released, layout.first, commit)


def publish(repository: Repository, remote: str) -> None:
    """Push the release's commit, on top of what others pushed meanwhile."""
    branch = repository.branch()
    for attempt in range(1, PUSH_ATTEMPTS + 1):
        repository.git("fetch", "--quiet", remote, branch)
        try:
            repository.git("rebase", "--quiet", "FETCH_HEAD")
        except DeliveryError as error:
            repository.git("rebase", "--abort")
            raise DeliveryError(
                f"somebody else released to {remote}/{branch} meanwhile: your images are pushed, your commit is not. "
                f"Take theirs (git reset --hard FETCH_HEAD), then make release again. ({error})"
            ) from error
        try:
            repository.git("push", "--quiet", remote, f"HEAD:refs/heads/{branch}")
        except DeliveryError:
            if attempt == PUSH_ATTEMPTS:
                raise
        else:
            return


def _publish_once(name: str, folder: Path) -> None:
    """Push an image that has a version of its own, unless the registry has this version already."""
    try:
        run(["docker", "manifest", "inspect", name], folder)
    except DeliveryError:
        _pushed(name, folder)


def _pushed(name: str, folder: Path) -> str:
    """Push one image and return the digest that the registry gave it."""
    said = run(["docker", "push", name], folder)
    found = re.search(rf"digest: ({DIGEST.pattern})", said)
    if found is None:
        raise DeliveryError(f"docker push {name} named no digest; it said:\n{said.strip()[-500:]}")
    return found[1]

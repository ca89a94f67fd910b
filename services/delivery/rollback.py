"""A rollback: an environment takes the images back that it ran before."""

from delivery import image_set
from delivery.commands import DeliveryError
from delivery.environments import Layout
from delivery.image_set import ImageSet
from delivery.proposal import Proposal, propose
from delivery.repository import Repository


def rollback(repository: Repository, layout: Layout, environment: str, tag: str = "") -> Proposal:
    """Propose the images that `environment` ran before, or those of `tag`, which it must have run once."""
    layout.known(environment, "ENV")
    current = image_set.read(repository.root, environment)
    images = _former(_ran(repository, environment), current, environment, tag)
    branch = f"rollback/{environment}-to-{images.tag}"
    return propose(repository, layout, environment, images, branch, f"Roll {environment} back to {images.tag}")


def _ran(repository: Repository, environment: str) -> list[ImageSet]:
    """Every set that was released to the environment, oldest first, each once: at the place where it came first."""
    path = image_set.path(environment)
    found: list[ImageSet] = []
    for text in repository.versions(path):
        images = image_set.parsed(text, f"an old {path}")
        if images.tag and images not in found:
            found.append(images)
    return found


def _former(ran: list[ImageSet], current: ImageSet, environment: str, tag: str) -> ImageSet:
    if tag:
        named = [images for images in ran if images.tag == tag]
        if not named:
            known = ", ".join(images.tag for images in ran[-10:]) or "none"
            raise DeliveryError(f"TAG={tag}: {environment} never ran it; the last ones are {known}")
        if named[-1] == current:
            raise DeliveryError(f"{environment} runs {tag} already")
        return named[-1]
    earlier = ran[: ran.index(current)] if current in ran else []
    if not earlier:
        raise DeliveryError(f"{environment} ran nothing before {current.tag or 'its first release'}; name one: TAG=…")
    return earlier[-1]

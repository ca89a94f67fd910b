"""A promotion: an environment takes exactly the images of the one before it."""

from delivery import image_set
from delivery.commands import DeliveryError
from delivery.environments import Layout
from delivery.proposal import Proposal, propose
from delivery.repository import Repository


def promote(repository: Repository, layout: Layout, source: str, target: str) -> Proposal:
    """Propose that `target` runs what `source` runs; DeliveryError where that is not the next step, or is no change."""
    layout.known(source, "FROM")
    layout.known(target, "TO")
    wanted = layout.before(target)
    if source != wanted:
        way = f"make promote FROM={wanted} TO={target}" if wanted else "make release"
        raise DeliveryError(f"images do not go from {source} to {target}; what leads to {target} is {way}")
    images = image_set.read(repository.root, source)
    if not images.tag:
        raise DeliveryError(f"nothing was released to {source} yet: make release, then promote from there")
    if images == image_set.read(repository.root, target):
        raise DeliveryError(f"{target} runs the images of {source} already: {images.tag}")
    branch = f"promote/{source}-to-{target}-{images.tag}"
    return propose(repository, layout, target, images, branch, f"Promote {images.tag} from {source} to {target}")

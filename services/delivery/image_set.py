"""Which images an environment runs: one small file per environment, read and written here."""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from delivery.commands import DeliveryError

# Every image that the project builds, by the name that charts know it by; in a registry it is fairlead-<name>.
IMAGES = ("orchestrator", "llm-proxy", "local-models", "ingestion", "observability", "mlflow")
# The chart whose image has a version of its own: a release of the services must not restart the database.
PINNED_IN = "charts/vector-store/values.yaml"
TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
HEADER = "# The images of every service. Written by make release, make promote and make rollback; not by hand."


@dataclass(frozen=True)
class ImageSet:
    """The images of one build. An empty tag means that nothing was released yet: charts then take their own version."""

    registry: str
    tag: str
    digests: dict[str, str] = field(default_factory=dict)

    def name(self, image: str) -> str:
        """The image's full name, tag included."""
        return f"{self.registry}/fairlead-{image}:{self.tag}"

    def text(self) -> str:
        """The file's content; the same set always gives the same bytes, so that a diff shows only a change."""
        # JSON's quotes: a tag such as 12e45 is text to us and a number to YAML in Go.
        lines = [f"    registry: {json.dumps(self.registry)}", f"    tag: {json.dumps(self.tag)}"]
        lines += ["    digests:" if self.digests else "    digests: {}"]
        lines += [f"      {image}: {json.dumps(digest)}" for image, digest in sorted(self.digests.items())]
        return "\n".join((HEADER, "global:", "  image:", *lines, ""))


def pinned(root: Path) -> dict[str, str]:
    """Images with a version of their own, which a release leaves alone, and their tags: as the chart names them."""
    file = root / PINNED_IN
    return yaml.safe_load(file.read_text(encoding="utf-8"))["image"]["pinned"] if file.exists() else {}


def path(environment: str) -> str:
    """Where an environment's file is, seen from the repository's root."""
    return f"argocd/envs/{environment}/image.yaml"


def parsed(text: str, where: str) -> ImageSet:
    """The set that a file holds; DeliveryError names the field that is wrong."""
    try:
        image = yaml.safe_load(text)["global"]["image"]
        found = ImageSet(image["registry"], image["tag"], image.get("digests") or {})
    except (yaml.YAMLError, TypeError, KeyError) as error:
        raise DeliveryError(
            f"{where} has no global.image with registry and tag ({error}): restore it from Git"
        ) from error
    if not isinstance(found.registry, str) or not found.registry:
        raise DeliveryError(f"{where}: global.image.registry must be a registry's name, such as ghcr.io/fairlead")
    if not isinstance(found.tag, str) or (found.tag and not TAG.fullmatch(found.tag)) or found.tag == "latest":
        raise DeliveryError(f"{where}: global.image.tag must be a fixed tag in quotes, not {found.tag!r}")
    for name, digest in found.digests.items():
        if name not in IMAGES:
            raise DeliveryError(f"{where}: global.image.digests.{name}: no such image; there are {', '.join(IMAGES)}")
        if not DIGEST.fullmatch(str(digest)):
            raise DeliveryError(
                f"{where}: global.image.digests.{name} must be sha256: and 64 hex digits, not {digest!r}"
            )
    return found


def read(root: Path, environment: str) -> ImageSet:
    """The set that an environment runs now."""
    name = path(environment)
    try:
        text = (root / name).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise DeliveryError(f"{name} is missing: restore it from Git") from None
    return parsed(text, name)


def write(root: Path, environment: str, images: ImageSet) -> None:
    """Have the environment run these images."""
    (root / path(environment)).write_text(images.text(), encoding="utf-8")

"""Builds the images of the platform from services/Dockerfile and says what is in them."""

import json
from dataclasses import dataclass
from pathlib import Path

from delivery.commands import DeliveryError, run, run_visibly
from delivery.image_set import IMAGES, ImageSet, pinned
from delivery.repository import Repository

DOCKERFILE = "services/Dockerfile"
# Targets of the recipe that are not one of our services.
OTHERS = ("mlflow", "postgres", "git-server")
MIB = 1024 * 1024
# What a user of a service would have to publish his own code for.
COPYLEFT = ("AGPL", "Affero", "SSPL", "Server Side Public", "BUSL", "Business Source")


@dataclass(frozen=True)
class Built:
    """One image that is on this machine."""

    image: str
    name: str
    size_bytes: int


def build(root: Path, registry: str, tag: str, images: tuple[str, ...] = ()) -> list[Built]:
    """Build these images, or all; pinned ones by their own tag.

    Their provenance is the last commit that can have changed them: built again from a later one they are the same.
    """
    if tag == "latest":
        raise DeliveryError("--tag=latest says nothing about what is in an image: give a commit")
    own = pinned(root)
    commit = Repository(root).image_commit()
    built: list[Built] = []
    for image in images or (*IMAGES, *own):
        name = ImageSet(registry, own.get(image, tag)).name(image)
        if image not in (*IMAGES, *OTHERS):
            raise DeliveryError(
                f"there is no image {image}; there are {', '.join((*IMAGES, 'postgres', 'git-server'))}"
            )
        target = ["--target", image] if image in OTHERS else ["--target", "service", "--build-arg", f"SERVICE={image}"]
        arguments = {"VERSION": tag, "COMMIT": commit}
        flags = [flag for name, value in arguments.items() for flag in ("--build-arg", f"{name}={value}")]
        command = ["docker", "build", "--quiet", "--file", DOCKERFILE, *target, *flags, "--tag", name, "."]
        run(command, root)
        built.append(Built(image, name, _size(name, root)))
    return built


def table(built: list[Built]) -> str:
    """Name and size, one line each."""
    width = max(len(one.name) for one in built)
    return "\n".join(f"{one.name:<{width}}  {one.size_bytes / MIB:7.0f} MiB" for one in built)


def describe(root: Path, built: list[Built], folder: Path) -> list[str]:
    """Write a bill of materials and a list of licences for each image; the lines that someone should look at.

    Files: `<image>.cdx.json` (CycloneDX) and `<image>.licences.txt` in `folder`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    inventory = (root / "services/image/inventory.py").read_text(encoding="utf-8")
    remarks: list[str] = []
    for one in built:
        command = ["docker", "run", "--rm", "--interactive", "--network", "none", "--entrypoint", "python"]
        bill = run([*command, one.name, "-c", inventory, one.name], root)
        (folder / f"{one.image}.cdx.json").write_text(bill, encoding="utf-8")
        lines: list[str] = []
        for part in json.loads(bill)["components"]:
            licences = ", ".join(entry["license"]["name"] for entry in part["licenses"]) or "not declared"
            lines.append(f"{part['name']} {part['version']}: {licences}")
            if any(word in licences for word in COPYLEFT):
                remarks.append(f"{one.image}: {lines[-1]}")
        (folder / f"{one.image}.licences.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return remarks


def scan(root: Path, built: list[Built]) -> None:
    """Look for known vulnerabilities; ends with an error where one of high severity has a fix."""
    for one in built:
        command = ["trivy", "image", "--quiet", "--severity", "HIGH,CRITICAL", "--ignore-unfixed", "--exit-code", "1"]
        run_visibly([*command, one.name], root)


def _size(name: str, root: Path) -> int:
    return int(run(["docker", "image", "inspect", "--format", "{{.Size}}", name], root))

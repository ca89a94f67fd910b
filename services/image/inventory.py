"""Prints what is in an image as a CycloneDX 1.5 bill of materials: Python and Debian packages with their licences.

Run inside the image (`docker run -i --entrypoint python IMAGE - NAME < inventory.py`), with the standard library alone.
"""

import json
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

DPKG = ["dpkg-query", "-W", "-f", "${Package}\\t${Version}\\t${Architecture}\\n"]
SHORT = 60


def python_packages() -> list[dict[str, Any]]:
    """Every distribution that Python finds."""
    found: dict[str, dict[str, Any]] = {}
    for one in metadata.distributions():
        name = re.sub(r"[-_.]+", "-", one.metadata["Name"]).lower()
        found[name] = component(name, one.version, f"pkg:pypi/{name}@{one.version}", licence(one.metadata))
    return [found[name] for name in sorted(found)]


def licence(about: Any) -> list[str]:
    """The declared licence: the SPDX expression, else the classifiers, else the free text where it is a name."""
    if about.get("License-Expression"):
        return [about["License-Expression"]]
    classified = [
        line.split("::")[-1].strip() for line in about.get_all("Classifier", []) if line.startswith("License ::")
    ]
    if classified:
        return classified
    text = (about.get("License") or "").strip()
    return [text] if text and len(text) <= SHORT and "\n" not in text else []


def debian_packages() -> list[dict[str, Any]]:
    """Every installed Debian package, with the licences that its copyright file names."""
    try:
        listed = subprocess.run(DPKG, capture_output=True, text=True, check=True).stdout
    except FileNotFoundError:
        return []
    packages: list[dict[str, Any]] = []
    for line in listed.splitlines():
        name, version, architecture = line.split("\t")
        copyright_file = Path("/usr/share/doc", name, "copyright")
        text = copyright_file.read_text(errors="replace") if copyright_file.is_file() else ""
        names = sorted({found.strip() for found in re.findall(r"^License: *(\S.*)$", text, re.M)})
        packages.append(component(name, version, f"pkg:deb/debian/{name}@{version}?arch={architecture}", names))
    return packages


def component(name: str, version: str, purl: str, licences: list[str]) -> dict[str, Any]:
    """One entry."""
    return {
        "type": "library",
        "name": name,
        "version": version,
        "purl": purl,
        "bom-ref": purl,
        "licenses": [{"license": {"name": one}} for one in licences],
    }


def main(image: str) -> None:
    """Print the bill of this image."""
    bill = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": {"type": "container", "name": image}},
        "components": python_packages() + debian_packages(),
    }
    sys.stdout.write(json.dumps(bill, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])

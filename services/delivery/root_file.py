"""The one file that is applied by hand, for a fork's repository or another branch."""

from pathlib import Path
from typing import Any

import yaml

FILE = "argocd/root.yaml"


def text(root: Path, repository: str, revision: str) -> str:
    """argocd/root.yaml with another repository and revision; an empty one stays as it is in the file."""
    listed: dict[str, Any] = yaml.safe_load((root / FILE).read_text(encoding="utf-8"))
    for item in listed["items"]:
        spec = item["spec"]
        if item["kind"] == "AppProject" and repository:
            spec["sourceRepos"] = [repository]
        if item["kind"] == "Application":
            spec["source"]["repoURL"] = repository or spec["source"]["repoURL"]
            spec["source"]["targetRevision"] = revision or spec["source"]["targetRevision"]
    return yaml.safe_dump(listed, sort_keys=False)

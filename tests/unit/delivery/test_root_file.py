"""The file that is applied by hand names the repository in one place."""

from pathlib import Path

import yaml

from delivery import root_file

ROOT = Path(__file__).parents[3]


def test_a_fork_changes_both_the_source_and_what_is_allowed() -> None:
    shipped = yaml.safe_load((ROOT / root_file.FILE).read_text())
    changed = yaml.safe_load(root_file.text(ROOT, "http://git.example/platform.git", "stable"))
    project, application = changed["items"]
    assert project["spec"]["sourceRepos"] == ["http://git.example/platform.git"]
    assert application["spec"]["source"]["repoURL"] == "http://git.example/platform.git"
    assert application["spec"]["source"]["targetRevision"] == "stable"
    # Nothing else differs.
    shipped["items"][0]["spec"].pop("sourceRepos")
    project["spec"].pop("sourceRepos")
    for key in ("repoURL", "targetRevision"):
        shipped["items"][1]["spec"]["source"].pop(key)
        application["spec"]["source"].pop(key)
    assert changed == shipped


def test_the_repository_is_written_once() -> None:
    text = (ROOT / root_file.FILE).read_text()
    shipped = yaml.safe_load(text)["items"][1]["spec"]["source"]["repoURL"]
    assert text.count(shipped) == 1
    others = [path for path in (ROOT / "argocd").rglob("*.yaml") if path.name != "root.yaml"]
    assert [str(path) for path in others if shipped in path.read_text()] == []

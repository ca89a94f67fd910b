"""A promotion: what is proposed, what it shows, and when it is refused."""

import os
import shutil
from pathlib import Path

import pytest

from delivery.image_set import parsed

from .conftest import Checkout

DEV = "argocd/envs/dev/image.yaml"
TEST = "argocd/envs/test/image.yaml"
pytestmark = pytest.mark.usefixtures("needs_helm")


def test_the_next_environment_gets_exactly_the_images_of_the_one_before(checkout: Checkout) -> None:
    checkout.runs("dev", "aaaa1111")
    head = checkout.git("rev-parse", "HEAD")
    said = checkout.delivery("promote", "--from", "dev", "--to", "test")
    assert said.code == 0, said.err
    branch = "promote/dev-to-test-aaaa1111"
    assert parsed(checkout.read(TEST, branch), TEST) == parsed(checkout.read(DEV), DEV)
    assert checkout.git("diff", "--name-only", "main", branch) == TEST
    # The checkout itself is as it was.
    assert checkout.git("rev-parse", "HEAD") == head
    assert checkout.git("branch", "--show-current") == "main"
    assert checkout.git("status", "--porcelain") == ""
    assert checkout.git("worktree", "list").count("\n") == 0


def test_the_rendered_difference_is_printed_committed_and_left_for_the_pull_request(checkout: Checkout) -> None:
    checkout.runs("test", "old0")
    checkout.runs("dev", "new1")
    said = checkout.delivery("promote", "--from", "dev", "--to", "test")
    body = (checkout.root / ".fairlead/deliveries/promote-dev-to-test-new1.md").read_text()
    message = checkout.git("log", "-1", "--format=%B", "promote/dev-to-test-new1")
    for text in (said.out, body, message):
        for chart in ("alpha", "beta"):
            assert f'-  image: "registry.example/team/fairlead-{chart}:old0"' in text
            assert f'+  image: "registry.example/team/fairlead-{chart}:new1"' in text
        assert "`old0` → `new1`" in text
        # What does not change is not said to change: values of the target apply on both sides.
        assert "+  replicas" not in text


def test_commits_between_the_two_tags_are_listed(checkout: Checkout) -> None:
    first = checkout.git("rev-parse", "HEAD")
    checkout.write("services/app.py", "print('second')\n")
    second = checkout.commit("Answer faster")
    checkout.runs("test", first[:12])
    checkout.runs("dev", second[:12])
    said = checkout.delivery("promote", "--from", "dev", "--to", "test")
    assert f"- {second[:7]} Answer faster" in said.out
    assert "Begin" not in said.out


def test_a_promotion_is_pushed_when_asked(checkout: Checkout) -> None:
    checkout.runs("dev", "aaaa1111")
    said = checkout.delivery("promote", "--from", "dev", "--to", "test", "--push")
    assert said.code == 0, said.err
    pushed = checkout.git("ls-remote", "origin", "refs/heads/promote/dev-to-test-aaaa1111")
    assert pushed.startswith(checkout.git("rev-parse", "promote/dev-to-test-aaaa1111"))


def test_the_pull_request_is_opened_with_the_text(checkout: Checkout) -> None:
    checkout.runs("dev", "aaaa1111")
    # GitHub itself cannot be had in a test: the stand-in notes what it was asked, and checks that the branch is there.
    checkout.tool("gh", f'printf "%s\\n" "$@" > {checkout.root.parent}/asked; echo https://example.org/pull/1\n')
    said = checkout.delivery("promote", "--from", "dev", "--to", "test", "--pull-request")
    assert said.code == 0, said.err
    assert "https://example.org/pull/1" in said.out
    asked = (checkout.root.parent / "asked").read_text().splitlines()
    assert asked[:2] == ["pr", "create"]
    options = dict(zip(asked[2::2], asked[3::2], strict=True))
    assert options["--head"] == "promote/dev-to-test-aaaa1111"
    assert options["--base"] == "main"
    assert "`aaaa1111`" in Path(options["--body-file"]).read_text()
    assert checkout.git("ls-remote", "origin", "refs/heads/promote/dev-to-test-aaaa1111")


def test_the_same_digests_reach_prod_by_two_merged_proposals(checkout: Checkout) -> None:
    digest = f"sha256:{'b' * 64}"
    text = (
        checkout.read(DEV).replace('""', '"aaaa1111"').replace("digests: {}", f'digests: {{orchestrator: "{digest}"}}')
    )
    checkout.write(DEV, text)
    checkout.commit("Release")
    for source, target in (("dev", "test"), ("test", "prod")):
        said = checkout.delivery("promote", "--from", source, "--to", target)
        assert said.code == 0, said.err
        checkout.git("merge", "--quiet", "--no-ff", f"promote/{source}-to-{target}-aaaa1111")
    ran = {
        environment: checkout.read(f"argocd/envs/{environment}/image.yaml") for environment in ("dev", "test", "prod")
    }
    assert ran["prod"] == ran["test"]
    assert parsed(ran["prod"], "prod") == parsed(ran["dev"], "dev")
    assert checkout.read("argocd/envs/test/common.yaml", "HEAD") == checkout.read(
        "argocd/envs/test/common.yaml", "HEAD~2"
    )


@pytest.mark.parametrize(
    ("source", "target", "complaint"),
    [
        ("dev", "staging", "TO=staging: no such environment; there are dev, test, prod"),
        ("stage", "test", "FROM=stage: no such environment; there are dev, test, prod"),
        ("dev", "prod", "make promote FROM=test TO=prod"),
        ("test", "dev", "make release"),
        ("dev", "test", "test runs the images of dev already: aaaa1111"),
        ("test", "prod", "a branch that is there"),
    ],
)
def test_what_cannot_be_promoted_is_refused(checkout: Checkout, source: str, target: str, complaint: str) -> None:
    checkout.runs("dev", "aaaa1111")
    checkout.runs("test", "aaaa1111")
    checkout.git("branch", "promote/test-to-prod-aaaa1111")
    said = checkout.delivery("promote", "--from", source, "--to", target)
    assert said.code == 2
    if "branch" in complaint:
        complaint = "remove it with git branch -D promote/test-to-prod-aaaa1111"
    assert complaint in said.err
    assert "Traceback" not in said.err


def test_nothing_is_promoted_before_a_release(checkout: Checkout) -> None:
    said = checkout.delivery("promote", "--from", "dev", "--to", "test")
    assert (said.code, said.err) == (
        2,
        "error: nothing was released to dev yet: make release, then promote from there\n",
    )


def test_files_that_are_not_committed_are_named(checkout: Checkout) -> None:
    checkout.runs("dev", "aaaa1111")
    checkout.write("services/app.py", "print('half')\n")
    checkout.write("notes.txt", "new\n")
    said = checkout.delivery("promote", "--from", "dev", "--to", "test")
    assert said.code == 2
    assert " M services/app.py" in said.err
    assert "?? notes.txt" in said.err


def test_a_missing_helm_is_named(checkout: Checkout, tmp_path: Path) -> None:
    checkout.runs("dev", "aaaa1111")
    only_git = tmp_path / "only-git"
    only_git.mkdir()
    (only_git / "git").symlink_to(shutil.which("git") or "")
    said = checkout.delivery("promote", "--from", "dev", "--to", "test", path=os.fspath(only_git))
    assert (said.code, said.err) == (2, "error: helm is not on PATH: install Helm 3 (https://helm.sh)\n")
    assert checkout.git("branch", "--list", "promote/*") == ""


def test_a_chart_that_does_not_render_leaves_nothing_behind(checkout: Checkout) -> None:
    checkout.write("charts/beta/templates/all.yaml", "{{ .Values.absent.key }}")
    checkout.runs("dev", "aaaa1111")
    said = checkout.delivery("promote", "--from", "dev", "--to", "test")
    assert said.code == 2
    assert "beta/templates/all.yaml" in said.err
    assert checkout.git("branch", "--list", "promote/*") == ""
    assert checkout.git("worktree", "list").count("\n") == 0

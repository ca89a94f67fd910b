"""A rollback: which images come back."""

import subprocess
from pathlib import Path

import pytest

from delivery.image_set import parsed

from .conftest import Checkout

PROD = "argocd/envs/prod/image.yaml"
pytestmark = pytest.mark.usefixtures("needs_helm")


def proposed(checkout: Checkout, *arguments: str) -> str:
    """The tag that a rollback of prod proposes."""
    said = checkout.delivery("rollback", "--env", "prod", *arguments)
    assert said.code == 0, said.err
    branches = checkout.git("branch", "--list", "--format=%(refname:short)", "rollback/*").splitlines()
    tag = parsed(checkout.read(PROD, branches[-1]), PROD).tag
    assert branches[-1] == f"rollback/prod-to-{tag}"
    checkout.git("branch", "-D", branches[-1])
    return tag


def test_the_images_before_come_back(checkout: Checkout) -> None:
    for tag in ("one", "two", "three"):
        checkout.runs("prod", tag)
    checkout.runs("dev", "four")
    assert proposed(checkout) == "two"


def test_a_second_rollback_goes_further_back_and_not_forth_again(checkout: Checkout) -> None:
    for tag in ("one", "two", "three", "two"):
        checkout.runs("prod", tag)
    assert proposed(checkout) == "one"


def test_named_images_come_back_with_their_digests(checkout: Checkout) -> None:
    digest = f"sha256:{'a' * 64}"
    text = checkout.read(PROD).replace('""', '"one"').replace("digests: {}", f"digests: {{orchestrator: '{digest}'}}")
    checkout.write(PROD, text)
    checkout.commit("prod runs one")
    for tag in ("two", "three"):
        checkout.runs("prod", tag)
    said = checkout.delivery("rollback", "--env", "prod", "--tag", "one")
    assert said.code == 0, said.err
    assert parsed(checkout.read(PROD, "rollback/prod-to-one"), PROD).digests == {"orchestrator": digest}
    assert '-  image: "registry.example/team/fairlead-alpha:three"' in said.out
    assert '+  image: "registry.example/team/fairlead-alpha:one"' in said.out


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--env", "production"], "ENV=production: no such environment; there are dev, test, prod"),
        (["--env", "prod", "--tag", "nine"], "TAG=nine: prod never ran it; the last ones are one"),
        (["--env", "prod", "--tag", "one"], "prod runs one already"),
        (["--env", "prod"], "prod ran nothing before one; name one: TAG=…"),
        (["--env", "test"], "test ran nothing before its first release"),
    ],
)
def test_what_cannot_come_back_is_refused(checkout: Checkout, arguments: list[str], complaint: str) -> None:
    checkout.runs("prod", "one")
    said = checkout.delivery("rollback", *arguments)
    assert said.code == 2
    assert complaint in said.err


def test_a_clone_without_history_says_how_to_get_it(checkout: Checkout, tmp_path: Path) -> None:
    for tag in ("one", "two"):
        checkout.runs("prod", tag)
    checkout.git("push", "--quiet", "origin", "main")
    shallow = tmp_path / "shallow"
    subprocess.run(["git", "clone", "--quiet", "--depth", "1", f"file://{checkout.origin}", shallow], check=True)
    said = Checkout(shallow, checkout.origin, checkout.tools).delivery("rollback", "--env", "prod")
    assert said.code == 2
    assert "git fetch --unshallow" in said.err

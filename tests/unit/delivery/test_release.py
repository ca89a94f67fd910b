"""A release: what is built, pushed, written and committed, and in which order."""

from pathlib import Path

import pytest

from delivery import environments, image_set
from delivery.commands import DeliveryError
from delivery.image_set import IMAGES, ImageSet
from delivery.release import publish, release
from delivery.rendering import render
from delivery.repository import Repository

from .conftest import Checkout

DEV = "argocd/envs/dev/image.yaml"
REGISTRY = "registry.example/team"
# A registry cannot be had in a test: this says what `docker push` says, with a digest made of the image's name.
DOCKER = """
[ "$1" = push ] || exit 64
echo "The push refers to repository [$2]"
sum=$(printf %s "$2" | sha256sum | cut -d' ' -f1)
echo "latest: digest: sha256:$sum size: 1234"
"""


class Built(list[tuple[str, str]]):
    """Notes what was to be built."""

    def __call__(self, _root: Path, registry: str, tag: str) -> None:
        self.append((registry, tag))


@pytest.fixture(autouse=True)
def tools(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(checkout.tools), prepend=":")


def released(checkout: Checkout, build: Built, kind: str = "") -> str:
    repository = Repository.around(checkout.root)
    return release(repository, environments.read(checkout.root), REGISTRY, kind_cluster=kind, build=build).commit


def test_images_are_built_pushed_and_named_by_commit_and_digest(checkout: Checkout) -> None:
    checkout.tool("docker", DOCKER)
    tag = checkout.git("rev-parse", "HEAD")[:12]
    build = Built()
    commit = released(checkout, build)
    assert build == [(REGISTRY, tag)]
    assert checkout.git("rev-parse", "HEAD") == commit
    assert checkout.git("log", "-1", "--format=%s") == f"Release {tag} to dev"
    assert checkout.git("diff", "--name-only", "HEAD~") == DEV
    images = image_set.read(checkout.root, "dev")
    assert (images.registry, images.tag) == (REGISTRY, tag)
    assert sorted(images.digests) == sorted(IMAGES)
    assert len(set(images.digests.values())) == len(IMAGES)


def test_the_same_sources_are_released_once(checkout: Checkout) -> None:
    checkout.tool("docker", DOCKER)
    build = Built()
    assert released(checkout, build)
    assert released(checkout, build) == ""
    for name in ("argocd/envs/prod/common.yaml", "charts/alpha/values.yaml"):
        checkout.write(name, "replicas: 5\n")
        checkout.commit("What is in no image")
        assert released(checkout, build) == ""
    checkout.write("services/app.py", "print('second')\n")
    commit = checkout.commit("Answer faster")
    assert released(checkout, build)
    assert [tag for _, tag in build][1:] == [commit[:12]]


def test_a_kind_cluster_gets_every_image_and_no_digest(checkout: Checkout) -> None:
    asked = checkout.root.parent / "asked"
    checkout.tool("kind", f'echo "$@" >> {asked}\n')
    released(checkout, Built(), kind="fairlead")
    images = image_set.read(checkout.root, "dev")
    assert images.digests == {}
    assert asked.read_text().splitlines() == [
        f"load docker-image {REGISTRY}/fairlead-{image}:{images.tag} --name fairlead" for image in IMAGES
    ]


@pytest.mark.parametrize("docker", ["exit 1\n", 'echo "denied: no permission" >&2; exit 1\n', "echo pushed\n"])
def test_nothing_is_written_when_an_image_is_not_there(checkout: Checkout, docker: str) -> None:
    checkout.tool("docker", docker)
    head = checkout.git("rev-parse", "HEAD")
    with pytest.raises(DeliveryError, match="docker push"):
        released(checkout, Built())
    assert checkout.git("rev-parse", "HEAD") == head
    assert checkout.git("status", "--porcelain") == ""


def test_files_that_are_not_committed_are_refused_before_anything_is_built(checkout: Checkout) -> None:
    checkout.write("services/app.py", "print('half')\n")
    build = Built()
    with pytest.raises(DeliveryError, match=r"services/app\.py"):
        released(checkout, build)
    assert build == []


def test_a_release_is_pushed_on_top_of_what_others_pushed(checkout: Checkout, tmp_path: Path) -> None:
    checkout.tool("docker", DOCKER)
    released(checkout, Built())
    other = Checkout(tmp_path / "other", checkout.origin, checkout.tools)
    checkout.git("clone", "--quiet", str(checkout.origin), str(other.root))
    other.write("services/app.py", "print('theirs')\n")
    theirs = other.commit("Meanwhile")
    other.git("push", "--quiet", "origin", "main")
    publish(Repository.around(checkout.root), "origin")
    pushed = checkout.git("ls-remote", "origin", "refs/heads/main").split()[0]
    assert checkout.git("rev-parse", "HEAD") == pushed
    assert checkout.git("rev-parse", "HEAD~") == theirs


def test_two_releases_at_once_are_told_apart(checkout: Checkout, tmp_path: Path) -> None:
    checkout.tool("docker", DOCKER)
    released(checkout, Built())
    other = Checkout(tmp_path / "other", checkout.origin, checkout.tools)
    checkout.git("clone", "--quiet", str(checkout.origin), str(other.root))
    other.write(DEV, ImageSet(REGISTRY, "theirs").text())
    theirs = other.commit("Release theirs to dev")
    other.git("push", "--quiet", "origin", "main")
    with pytest.raises(DeliveryError, match="somebody else released to origin/main meanwhile"):
        publish(Repository.around(checkout.root), "origin")
    assert checkout.git("ls-remote", "origin", "refs/heads/main").split()[0] == theirs
    # Nothing is left half done: the release is still there, and no rebase is under way.
    assert checkout.git("log", "-1", "--format=%s").startswith("Release ")
    assert checkout.git("status", "--porcelain") == ""
    assert checkout.git("branch", "--show-current") == "main"


def test_the_file_reads_as_it_was_written() -> None:
    images = ImageSet("localhost:5001/x", "1e10", {"mlflow": f"sha256:{'0' * 64}"})
    assert image_set.parsed(images.text(), "a file") == images


@pytest.mark.usefixtures("needs_helm")
@pytest.mark.parametrize("tag", ["1e10", "123456789012", "0x1f", "1_0", "true"])
def test_helm_reads_the_tag_as_text(checkout: Checkout, tag: str) -> None:
    image_set.write(checkout.root, "dev", ImageSet(REGISTRY, tag))
    rendered = render(checkout.root, "dev", ("alpha",))["alpha"]
    assert f'image: "{REGISTRY}/fairlead-alpha:{tag}"' in rendered


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("global: {}", "has no global.image with registry and tag"),
        ("global: {image: {registry: r, tag: latest}}", "global.image.tag must be a fixed tag"),
        ("global: {image: {registry: r, tag: 12}}", "global.image.tag must be a fixed tag in quotes, not 12"),
        ("global: {image: {registry: '', tag: a}}", "global.image.registry must be a registry's name"),
        ("global: {image: {registry: r, tag: a, digests: {web: x}}}", r"digests\.web: no such image; there are orch"),
        ("global: {image: {registry: r, tag: a, digests: {mlflow: x}}}", r"digests\.mlflow must be sha256: and 64 hex"),
    ],
)
def test_a_wrong_file_is_refused_with_the_field(text: str, complaint: str) -> None:
    with pytest.raises(DeliveryError, match=f"^argocd/x:? .*{complaint}|^argocd/x {complaint}"):
        image_set.parsed(text, "argocd/x")


def test_the_shipped_files_are_as_they_would_be_written() -> None:
    root = Path(__file__).parents[3]
    for environment in environments.read(root).environments:
        assert (root / image_set.path(environment)).read_text() == image_set.read(root, environment).text()

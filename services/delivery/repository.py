"""The Git repository that Argo CD reads: what a delivery asks of it and writes into it."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from delivery.commands import DeliveryError, run

# Hex digits of a commit in a tag: enough for any repository, short enough to read.
TAG_LENGTH = 12
# What images are made of (services/Dockerfile copies no more): a commit of charts or values has the images before it.
IN_IMAGES = ("services", "pyproject.toml", "uv.lock", ":(exclude)services/delivery")


@dataclass(frozen=True)
class Repository:
    """A checkout, by its root folder."""

    root: Path

    @classmethod
    def around(cls, folder: Path) -> "Repository":
        """The repository that a folder belongs to."""
        return cls(Path(run(["git", "rev-parse", "--show-toplevel"], folder).strip()))

    def git(self, *arguments: str) -> str:
        """What git printed."""
        return run(["git", *arguments], self.root)

    def must_be_clean(self) -> None:
        """DeliveryError with the files that are not committed."""
        changed = self.git("status", "--porcelain", "--untracked-files=normal").splitlines()
        if changed:
            listed = "\n".join(changed[:10]) + (f"\n… and {len(changed) - 10} more" if len(changed) > 10 else "")
            raise DeliveryError(
                f"these files are not committed:\n{listed}\nCommit or stash them: only commits are delivered."
            )

    def image_commit(self, revision: str = "HEAD") -> str:
        """The last commit up to a revision that can have changed images: their provenance."""
        commit = self.git("log", "-1", "--format=%H", revision, "--", *IN_IMAGES).strip()
        if not commit:
            raise DeliveryError("no commit of this repository has services/: run this in a checkout of the platform")
        return commit

    def image_tag(self, revision: str = "HEAD") -> str:
        """The tag of images built from a revision."""
        return self.image_commit(revision)[:TAG_LENGTH]

    def head(self) -> str:
        """The checked-out commit."""
        return self.git("rev-parse", "HEAD").strip()

    def branch(self) -> str:
        """The checked-out branch; DeliveryError where there is none."""
        name = self.git("branch", "--show-current").strip()
        if not name:
            raise DeliveryError("no branch is checked out: git switch main")
        return name

    def must_not_have_branch(self, name: str) -> None:
        """DeliveryError where a branch of this name is there already."""
        if self.git("branch", "--list", name).strip():
            raise DeliveryError(f"the branch {name} is there already: push it, or remove it with git branch -D {name}")

    def commit(self, path: str, message: str) -> str:
        """Commit one file and return the commit. Hooks judge code; this file is written by a program and tested."""
        self.git("add", "--", path)
        self.git("commit", "--quiet", "--no-verify", "--message", message, "--", path)
        return self.head()

    def versions(self, path: str) -> list[str]:
        """Every content that a file had on the way to this commit, oldest first."""
        if self.git("rev-parse", "--is-shallow-repository").strip() == "true":
            raise DeliveryError("this clone has only a part of the history: git fetch --unshallow")
        commits = self.git("log", "--reverse", "--format=%H", "--diff-filter=AM", "--", path).split()
        return [self.git("show", f"{commit}:{path}") for commit in commits]

    def subjects(self, old: str, new: str) -> list[str]:
        """One line per commit from one tag to another; empty where this clone lacks one of them."""
        try:
            return self.git("log", "--format=%h %s", "--no-merges", f"{old}..{new}").splitlines()
        except DeliveryError:
            return []

    @contextmanager
    def worktree(self) -> Iterator["Repository"]:
        """A second checkout of this commit, gone afterwards: what is open in an editor stays as it is."""
        with tempfile.TemporaryDirectory(prefix="fairlead-delivery-") as folder:
            place = Path(folder) / "checkout"
            self.git("worktree", "add", "--quiet", "--detach", str(place))
            try:
                yield Repository(place)
            finally:
                self.git("worktree", "remove", "--force", str(place))

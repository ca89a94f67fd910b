"""A change of an environment's images as a branch, ready for a pull request that shows what Kubernetes will be told."""

from dataclasses import dataclass
from pathlib import Path

from delivery import image_set, rendering
from delivery.commands import run
from delivery.environments import Layout
from delivery.image_set import ImageSet
from delivery.repository import Repository

# GitHub takes 65,536 characters in a description; the rest of them is for the text around the diff.
LONGEST_DIFF = 55_000
MOST_SUBJECTS = 50
# Not in Git: where the texts of pull requests are left.
TEXTS = ".fairlead/deliveries"


@dataclass(frozen=True)
class Proposal:
    """A commit on a branch of its own, and the text that explains it."""

    branch: str
    commit: str
    title: str
    body: str
    body_file: Path
    base: str

    def push(self, repository: Repository, remote: str) -> None:
        """Publish the branch."""
        repository.git("push", "--quiet", remote, f"{self.branch}:refs/heads/{self.branch}")

    def open_pull_request(self, repository: Repository) -> str:
        """Open the pull request (on GitHub, by its command line) and return its address."""
        command = ["gh", "pr", "create", "--head", self.branch, "--base", self.base, "--title", self.title]
        return run([*command, "--body-file", str(self.body_file)], repository.root).strip()


def propose(
    repository: Repository, layout: Layout, environment: str, images: ImageSet, branch: str, title: str
) -> Proposal:
    """Write the images into the environment on a new branch. The checkout itself stays as it is."""
    repository.must_be_clean()
    repository.must_not_have_branch(branch)
    base = repository.branch()
    now = image_set.read(repository.root, environment)
    with repository.worktree() as checkout:
        before = rendering.render(checkout.root, environment, layout.charts_of(environment))
        image_set.write(checkout.root, environment, images)
        after = rendering.render(checkout.root, environment, layout.charts_of(environment))
        diff = rendering.difference(before, after)
        body = _body(environment, now, images, repository.subjects(now.tag, images.tag) if now.tag else [], diff)
        commit = checkout.commit(image_set.path(environment), f"{title}\n\n{body}")
    repository.git("branch", branch, commit)
    file = repository.root / TEXTS / f"{branch.replace('/', '-')}.md"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(body, encoding="utf-8")
    return Proposal(branch, commit, title, body, file, base)


def _body(environment: str, now: ImageSet, then: ImageSet, subjects: list[str], diff: str) -> str:
    """Markdown, for people who decide: from what to what, which commits, and the whole rendered difference."""
    lines = [f"Images in {environment}: `{now.tag or 'none released'}` → `{then.tag}`, from `{then.registry}`."]
    if subjects:
        more = len(subjects) - MOST_SUBJECTS
        lines += ["", "Commits:", "", *(f"- {subject}" for subject in subjects[:MOST_SUBJECTS])]
        lines += [f"- … and {more} more"] if more > 0 else []
    if len(diff) > LONGEST_DIFF:
        cut = diff[:LONGEST_DIFF].rpartition("\n")[0]
        diff = f"{cut}\n… {diff.count(chr(10)) - cut.count(chr(10))} more lines: make promote prints them all"
    lines += ["", "What changes in Kubernetes:", "", "```diff", diff or "nothing", "```", ""]
    return "\n".join(lines)

"""`python -m delivery`: from a commit to an environment."""

from pathlib import Path
from typing import Annotated

import typer

from delivery import environments, root_file
from delivery.cli_cluster import bootstrap_command, down_command, up_command
from delivery.cli_images import images_command
from delivery.plain_errors import plain_errors
from delivery.promote import promote
from delivery.proposal import Proposal
from delivery.release import publish, release
from delivery.repository import Repository
from delivery.rollback import rollback

app = typer.Typer(help="Deliver: release, promote, roll back.", no_args_is_help=True, add_completion=False)

Folder = Annotated[Path, typer.Option(help="A folder of the checkout.")]
Push = Annotated[bool, typer.Option("--push", help="Push what was committed.")]
Remote = Annotated[str, typer.Option(help="Where to push.")]
PullRequest = Annotated[bool, typer.Option("--pull-request", help="Push, and open the pull request on GitHub.")]
HERE = Path()

app.command("images")(images_command)
app.command("up")(up_command)
app.command("down")(down_command)
app.command("bootstrap")(bootstrap_command)


@app.command("release")
def release_command(
    registry: Annotated[
        str, typer.Option(help="Where images are pushed, such as ghcr.io/fairlead.")
    ] = "ghcr.io/fairlead",
    kind: Annotated[str, typer.Option(help="Load the images into this kind cluster and push none.")] = "",
    push: Push = False,
    remote: Remote = "origin",
    folder: Folder = HERE,
) -> None:
    """Build the images of this commit, push them, and have the first environment run them."""
    with plain_errors():
        repository = Repository.around(folder)
        # Registries take lower-case names only; the names of their owners may have others.
        done = release(repository, environments.read(repository.root), registry.lower(), kind_cluster=kind)
        if not done.commit:
            typer.echo(
                f"{done.environment} has {done.images.tag} already: nothing that is in an image has changed since"
            )
            return
        if push:
            publish(repository, remote)
        typer.echo(
            f"{done.environment} runs {done.images.tag} as soon as Argo CD has read commit {repository.head()[:12]}"
        )
        if not push:
            typer.echo(f"Now: git push {remote} {repository.branch()}")


@app.command("promote")
def promote_command(
    source: Annotated[str, typer.Option("--from", help="The environment whose images are taken.")],
    target: Annotated[str, typer.Option("--to", help="The environment that shall run them.")],
    push: Push = False,
    pull_request: PullRequest = False,
    remote: Remote = "origin",
    folder: Folder = HERE,
) -> None:
    """Write a branch on which an environment runs the images of the one before it, and show what that changes."""
    with plain_errors():
        repository = Repository.around(folder)
        _publish(
            promote(repository, environments.read(repository.root), source, target),
            repository,
            remote,
            push,
            pull_request,
        )


@app.command("rollback")
def rollback_command(
    environment: Annotated[str, typer.Option("--env", help="The environment.")],
    tag: Annotated[str, typer.Option(help="Images that it ran once; without it, those that it ran before.")] = "",
    push: Push = False,
    pull_request: PullRequest = False,
    remote: Remote = "origin",
    folder: Folder = HERE,
) -> None:
    """Write a branch on which an environment runs the images that it ran before, and show what that changes."""
    with plain_errors():
        repository = Repository.around(folder)
        _publish(
            rollback(repository, environments.read(repository.root), environment, tag),
            repository,
            remote,
            push,
            pull_request,
        )


@app.command("root")
def root_command(
    repository: Annotated[str, typer.Option(help="The Git repository that Argo CD reads, as Argo CD reaches it.")] = "",
    revision: Annotated[str, typer.Option(help="Its branch, tag or commit.")] = "",
    folder: Folder = HERE,
) -> None:
    """Print argocd/root.yaml for another repository or revision, for kubectl apply."""
    with plain_errors():
        typer.echo(root_file.text(Repository.around(folder).root, repository, revision), nl=False)


def _publish(proposal: Proposal, repository: Repository, remote: str, push: bool, pull_request: bool) -> None:
    """Show the proposal, publish it as far as was asked, and say what is left to do."""
    typer.echo(f"{proposal.title}\n\n{proposal.body}")
    if push or pull_request:
        proposal.push(repository, remote)
    if pull_request:
        typer.echo(proposal.open_pull_request(repository))
        return
    typer.echo(f"On branch {proposal.branch}; the text for its pull request is in {proposal.body_file}")
    if not push:
        typer.echo(f"Now: git push {remote} {proposal.branch}")

"""`python -m delivery up`, `down` and `bootstrap`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from delivery.cluster import argo, guest, kind
from delivery.cluster.bootstrap import bootstrap, ground, reached
from delivery.cluster.kind import OPERATORS, Kit
from delivery.cluster.kubernetes import Cluster
from delivery.cluster.up import Wish, up
from delivery.commands import DeliveryError
from delivery.plain_errors import plain_errors
from delivery.repository import Repository

STATE = Path(".fairlead/cluster")


def up_command(
    name: Annotated[str, typer.Option(help="Name of the kind cluster.")] = "fairlead",
    environment: Annotated[str, typer.Option(help="Which environment runs in it, or is added to it.")] = "dev",
    operators: Annotated[
        str, typer.Option(help=f"Which operators, with commas between: {', '.join(OPERATORS)}.")
    ] = "external-secrets",
    workers: Annotated[int, typer.Option(min=0, max=5, help="Nodes beside the control plane.")] = 0,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Where the API is on this machine.")] = 8088,
) -> None:
    """Make a cluster with Argo CD and this checkout's platform in it, and ask it a question.

    Where the cluster is there with another environment, this one is added beside it, and uses its models and traces.
    """
    with plain_errors():
        chosen = [operator for operator in operators.split(",") if operator]
        if unknown := set(chosen) - set(OPERATORS):
            raise DeliveryError(
                f"--operators: there is no {', '.join(sorted(unknown))}; there are {', '.join(OPERATORS)}"
            )
        repository = Repository.around(Path())
        wish = Wish(Cluster(name), environment, chosen, workers, port, repository.root / STATE)
        answer = up(repository, wish, Kit.from_environment())
        typer.echo(f"\n{answer['choices'][0]['message']['content']}\n")
        for citation in answer["citations"]:
            typer.echo(f"  {citation['filename']}: {json.dumps(citation['quote'], ensure_ascii=False)}")
        which = "" if name == Cluster().name else f' ARGS="--name {name}"'
        if argo.environments(wish.cluster)[0] == environment:
            typer.echo(f"\n  API      http://127.0.0.1:{port}/v1")
        else:
            which = f" ENV={environment}{which}"
            forward = f"-n fairlead-{environment} port-forward service/orchestrator :8080"
            typer.echo(f"\n  API      kubectl --context {wish.cluster.context} {forward}")
        typer.echo(
            f"  key      kubectl --context {wish.cluster.context} -n fairlead-vault get secret {environment}-user "
            "-o jsonpath='{.data.key}' | base64 -d"
        )
        typer.echo(f"  stop     make down{which}")


def down_command(
    name: Annotated[str, typer.Option(help="Name of the kind cluster.")] = "fairlead",
    environment: Annotated[str, typer.Option(help="A further environment, which alone goes; empty: the cluster.")] = "",
) -> None:
    """Take the cluster away with everything in it, or one of its further environments."""
    with plain_errors():
        if environment:
            guest.remove(Cluster(name), environment)
            typer.echo(f"{environment} is gone, with its data and its secrets")
        else:
            kind.delete(Cluster(name))


def bootstrap_command(
    cluster: Annotated[str, typer.Option(help="Name of the row of clusters.csv.")],
    cloud: Annotated[str, typer.Option(help="aws, azure, gcp or kind.")],
    environment: Annotated[str, typer.Option(help="dev, test or prod.")],
    repository: Annotated[str, typer.Option(help="What Argo CD reads; empty: what argocd/root.yaml says.")] = "",
    revision: Annotated[str, typer.Option(help="Its branch, tag or commit; empty: what argocd/root.yaml says.")] = "",
    context: Annotated[str, typer.Option(help="kubectl's context; empty: the current one.")] = "",
) -> None:
    """Have Argo CD take over a cluster that Terraform made."""
    with plain_errors():
        root = Repository.around(Path()).root
        folder = root / "terraform" / cloud
        if not (folder / "main.tf").exists():
            raise DeliveryError(f"CLOUD={cloud}: there is no terraform/{cloud}; there are aws, azure, gcp and kind")
        found = ground(folder, environment, cluster)
        bootstrap(reached(found, context), found, root, repository, revision, Kit.from_environment())
        typer.echo(f"{cluster} is Argo CD's now. Watch: kubectl get applications -n argocd")

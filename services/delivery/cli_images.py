"""`python -m delivery images`."""

from pathlib import Path
from typing import Annotated

import typer

from delivery import images
from delivery.plain_errors import plain_errors
from delivery.repository import Repository


def images_command(
    registry: Annotated[str, typer.Option(help="What the names begin with.")] = "ghcr.io/fairlead",
    tag: Annotated[str, typer.Option(help="Empty: the last commit that can have changed them.")] = "",
    only: Annotated[str, typer.Option(help="Some of them, with commas between.")] = "",
    bills: Annotated[Path | None, typer.Option(help="Write bills of materials and licences into this folder.")] = None,
    scan: Annotated[bool, typer.Option("--scan", help="Look for known vulnerabilities (needs trivy).")] = False,
) -> None:
    """Build the images, and show their sizes."""
    with plain_errors():
        repository = Repository.around(Path())
        chosen = tuple(only.split(",")) if only else ()
        built = images.build(repository.root, registry, tag or repository.image_tag(), chosen)
        typer.echo(images.table(built))
        if bills:
            for remark in images.describe(repository.root, built, bills):
                typer.echo(f"look at the licence of {remark}", err=True)
            typer.echo(f"Bills of materials and licences are in {bills}")
        if scan:
            images.scan(repository.root, built)

"""`python -m common.keys`: create, list and revoke API keys."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from common import key_file

app = typer.Typer(help="Create, list and revoke API keys.", no_args_is_help=True, add_completion=False)
File = Annotated[Path, typer.Option("--file", envvar="FAIRLEAD_KEYS_FILE", help="The key file.")]


@app.command()
def create(
    file: File,
    name: Annotated[str, typer.Option(help="Who or what will use it.")] = "",
    tenant: Annotated[str, typer.Option(help="The tenant whose data it opens.")] = "default",
    group: Annotated[list[str] | None, typer.Option(help="A document group it may read; repeatable.")] = None,
    lane: Annotated[str, typer.Option(help="interactive or batch.")] = "interactive",
    days: Annotated[int, typer.Option(min=1, max=3650, help="Days until it expires.")] = 90,
) -> None:
    """Create a key and print it: it is shown this once."""
    if lane not in ("interactive", "batch"):
        raise typer.BadParameter("must be interactive or batch", param_hint="--lane")
    expires_at = datetime.now(UTC) + timedelta(days=days)
    try:
        key, stored = key_file.create(
            file, name=name, tenant=tenant, groups=tuple(group or ()), lane=lane, expires_at=expires_at
        )
    except (ValueError, OSError) as error:
        raise typer.BadParameter(str(error)) from None
    typer.echo(key)
    typer.echo(f"id {stored.id}, tenant {tenant}, lane {lane}, expires {expires_at:%Y-%m-%d}", err=True)


@app.command("list")
def list_keys(file: File) -> None:
    """List keys, without the keys themselves."""
    table = Table("id", "name", "tenant", "groups", "lane", "created", "expires")
    now = datetime.now(UTC)
    try:
        keys = key_file.read(file).keys
    except (ValueError, OSError) as error:
        raise typer.BadParameter(str(error)) from None
    for key in keys:
        expires = "never" if key.expires_at is None else f"{key.expires_at:%Y-%m-%d}"
        state = f"{expires} (expired)" if key.expired(now) else expires
        table.add_row(
            key.id, key.name, key.tenant, ", ".join(key.groups), key.lane, f"{key.created_at:%Y-%m-%d}", state
        )
    Console().print(table)


@app.command()
def revoke(file: File, key_id: Annotated[str, typer.Argument(help="The key's id, as `list` shows it.")]) -> None:
    """Revoke a key; running services refuse it within a second or two."""
    try:
        found = key_file.revoke(file, key_id)
    except (ValueError, OSError) as error:
        raise typer.BadParameter(str(error)) from None
    if not found:
        typer.echo(f"No key has the id {key_id}; `list` shows them.", err=True)
        raise typer.Exit(1)
    typer.echo(f"{key_id} is revoked.")


if __name__ == "__main__":
    app()

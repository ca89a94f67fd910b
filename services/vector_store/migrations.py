"""Brings a database's schema up to this version of the code, and says whether it fits."""

from common.postgres import Pool


async def migrate(owner_url: str) -> list[str]:
    """Applies what is missing, as the owner, and returns the names of the migrations applied. Raises SchemaError."""
    raise NotImplementedError


async def schema_fits(pool: Pool) -> str | None:
    """None when services of this version can run on the database, else a sentence saying why not (for readiness)."""
    raise NotImplementedError

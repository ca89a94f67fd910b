"""`python -m ingestion reindex`: build, compare, switch or drop a store's index of another embedding model."""

from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from common import questions
from common.pool_client import PoolClient
from common.postgres import open_pool
from ingestion.embed import BatchSize
from ingestion.reindex import Reindexer
from ingestion.settings import IngestionSettings
from ingestion.tunables import IngestionTunables
from vector_store.catalog import Catalog
from vector_store.models import Scope
from vector_store.postgres_engine import PostgresChunkStore
from vector_store.shadow import Shadow, ShadowIndexes

DATABASE_WAIT_S = 10.0


@dataclass(frozen=True)
class Wanted:
    """What the command was told."""

    store: str
    tenant: str
    model: str | None
    version: str | None
    evaluate: Path | None
    switch: bool
    abort: bool


async def reindex(settings: IngestionSettings, tunables: IngestionTunables, wanted: Wanted) -> None:
    """Do what was told; raises ConflictError, NotFoundError, ValueError and what the pool raises."""
    console = Console(highlight=False, soft_wrap=True)
    judged = questions.read(wanted.evaluate) if wanted.evaluate else []
    async with AsyncExitStack() as stack:
        pool = await stack.enter_async_context(open_pool(settings.database(), max_size=4))
        await pool.wait(timeout=DATABASE_WAIT_S)
        client = await stack.enter_async_context(PoolClient(settings.pool_url, settings.service_key))
        catalog, shadows = Catalog(pool), ShadowIndexes(pool)
        scope = Scope(wanted.tenant, None, "operator")
        named = await catalog.find_stores(scope, [wanted.store])
        store_id = named[0].id if named else (await catalog.get_store(scope, wanted.store)).id
        if wanted.abort:
            dropped = await shadows.abort(scope, store_id)
            removed = await shadows.clear(scope, store_id)
            say = f"The shadow index is dropped ({removed:,} vectors)." if dropped else "There was no shadow index."
            console.print(say, markup=False)
            return
        if wanted.model is None:
            raise ValueError("Say which model the store is to have with --model, or --abort.")
        # What a run that was killed after its switch, or while it was dropped, has left.
        await shadows.clear(scope, store_id)
        one = Reindexer(catalog, PostgresChunkStore(pool), shadows, client, tunables, BatchSize())
        target = await one.begin(scope, store_id, wanted.model, wanted.version)

        def show(state: Shadow) -> None:
            console.print(f"{state.files - state.pending:,} of {state.files:,} files", markup=False)

        complete = await one.build(scope, store_id, target, show)
        if judged:
            serving, building = await one.evaluate(scope, store_id, judged)
            state = await shadows.state(scope, store_id)
            assert state is not None
            console.print(f"{len(judged)} questions{'':24} nDCG@10  recall@10", markup=False)
            for name, quality in ((state.serving, serving), (state.building, building)):
                console.print(f"{name!s:<40}{quality.ndcg:8.4f}{quality.recall:11.4f}", markup=False)
        say = "The shadow index is complete." if complete else "Files keep changing; the shadow index lacks some."
        console.print(say)
        if not wanted.switch:
            console.print(
                "Searches use the old index still. Next: the same with --switch, which also embeds what comes"
            )
            console.print("in until then, to let the new one serve; or --abort to drop it.")
            return
        if not await one.switch(scope, store_id, target, show):
            raise ValueError("Files keep changing faster than they are embedded: run it again in a calmer hour.")
        removed = await shadows.clear(scope, store_id)
        console.print(f"The store serves from {target.model}; {removed:,} vectors of before are removed.", markup=False)

"""One job: a file attached to a store → bytes → passages → vectors → index, or the reason why not."""

import asyncio
import hashlib
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import msgspec

from common.live_config import LiveConfig
from common.logs import get_logger
from common.pool_client import PoolClient, PoolRejected
from ingestion import metrics
from ingestion.chunk import ChunkOptions
from ingestion.chunk_records import chunks_of
from ingestion.embed import BatchSize, Vectors, embed
from ingestion.failures import FileFailure, Reason, too_large
from ingestion.language import configuration_for
from ingestion.prepare import Prepared, Request
from ingestion.quality import Quality
from ingestion.sandbox import Limits, Sandbox
from ingestion.tokens import Tokens, tokenizer_file
from ingestion.tunables import EmbeddingModel, IngestionTunables
from vector_store.catalog import Catalog
from vector_store.engine import ChunkStore
from vector_store.errors import ConflictError, NotFoundError, SpaceMismatchError
from vector_store.models import EmbeddingSpace, ErrorCode, File, FileError, Scope, StoreFile
from vector_store.objects import Objects

log = get_logger("ingest")

# Raise it when extraction or chunking changes what comes out of the same bytes: files are then made anew.
EXTRACTION_VERSION = 2

Result = Literal["completed", "unchanged", "failed", "gone"]


@dataclass(frozen=True)
class Ingestor:
    """Everything that a job needs; its jobs run side by side."""

    live: LiveConfig[IngestionTunables]
    catalog: Catalog
    chunks: ChunkStore
    objects: Objects
    pool: PoolClient
    sandbox: Sandbox
    quality: Quality
    batch_size: BatchSize = field(default_factory=BatchSize)

    async def ingest(self, tenant: str, store_id: str, file_id: str) -> Result:
        """Bring the index to what the file is now. Safe to repeat, and to break off, at any point.

        A fault of the file itself becomes its status; faults of our own or of what we depend on are raised.
        """
        scope = Scope(tenant, None)
        try:
            file = await self.catalog.get_file(scope, file_id)
            attached = await self.catalog.get_store_file(scope, store_id, file_id)
            if attached.status == "cancelled":
                return "gone"
            return await self._bring_up(scope, file, attached)
        except (NotFoundError, ConflictError):
            # Deleted, detached or cancelled meanwhile: nobody waits for the result.
            return "gone"

    async def _bring_up(self, scope: Scope, file: File, attached: StoreFile) -> Result:
        space = await self.catalog.space_of(scope, attached.store_id)
        tunables = in_space(self.live.current.value, space)
        options = options_of(attached, tunables)
        fingerprint = fingerprint_of(file, options, tunables)
        if attached.fingerprint == fingerprint:
            await self.catalog.set_status(scope, attached.store_id, file.id, "completed")
            return "unchanged"
        try:
            prepared = await self._prepare(file, options, tunables)
            vectors = await self._embed(prepared, tunables)
            await self._write(scope, file, attached, prepared, vectors, (fingerprint, tunables.embedding))
        except FileFailure as failure:
            if failure.reason is Reason.WRONG_SPACE and await self.catalog.space_of(scope, attached.store_id) != space:
                # The store was given another index meanwhile.
                return await self._bring_up(scope, file, attached)
            await self.give_up(scope, attached.store_id, file.id, failure)
            await self.quality.failed(file, failure.reason)
            return "failed"
        await self.quality.indexed(file, prepared)
        return "completed"

    async def give_up(self, scope: Scope, store_id: str, file_id: str, failure: FileFailure) -> None:
        """The file fails with its reason; what was indexed of an earlier content is not true of it any more."""
        log.info("file_failed", store=store_id, file=file_id, reason=failure.reason, message=failure.message)
        metrics.FAILURES.labels(failure.reason).inc()
        await self.chunks.delete(scope, store_id, file_id)
        await self.catalog.set_status(
            scope, store_id, file_id, "failed", FileError(_wire_code(failure.reason), failure.message, failure.reason)
        )

    async def _prepare(self, file: File, options: ChunkOptions, tunables: IngestionTunables) -> Prepared:
        limits = tunables.limits
        if file.bytes > limits.file_bytes:
            raise too_large("The file", limits.file_bytes)
        async with self._on_disk(file) as path:
            tokenizer = str(tokenizer_file(tunables.embedding.tokenizer))
            request = Request(str(path), file.filename, tokenizer, options, limits.file_bytes, limits.text_chars)
            with _timed("prepare"):
                prepared = await self.sandbox.prepare(request, Limits(limits.memory_bytes, limits.cpu_s, limits.wall_s))
        for kind, count in prepared.removed.items():
            metrics.REMOVED.labels(kind).inc(count)
        return prepared

    @asynccontextmanager
    async def _on_disk(self, file: File) -> AsyncIterator[Path]:
        """The file's bytes in a temporary file, streamed there so that memory does not grow with them."""
        with tempfile.TemporaryDirectory(prefix="fairlead-ingest-") as folder:
            # Its name is ours: what users call their files never becomes a path.
            path = Path(folder) / "file"
            with _timed("fetch"), path.open("wb") as target:
                try:
                    async for piece in self.objects.stream(file.object_key):
                        await asyncio.to_thread(target.write, piece)
                except NotFoundError:
                    await self._still(file)
                    raise FileFailure(Reason.MISSING, "The file's bytes are no longer in storage.") from None
            yield path

    async def _embed(self, prepared: Prepared, tunables: IngestionTunables) -> list[Vectors]:
        try:
            with _timed("embed"):
                return await embed(self.pool, prepared, tunables.embedding, self.batch_size)
        except PoolRejected as error:
            message = f"The embedding model refused the text: {error}"
            raise FileFailure(Reason.REJECTED, message) from None

    async def _write(
        self,
        scope: Scope,
        file: File,
        attached: StoreFile,
        prepared: Prepared,
        vectors: list[Vectors],
        made_with: tuple[str, EmbeddingModel],
    ) -> None:
        await self._still(file)
        fingerprint, embedding = made_with
        space = EmbeddingSpace(embedding.model, embedding.version, vectors[0].shape[1])
        chunks = chunks_of(file, prepared, vectors)
        language = configuration_for(prepared.language)
        try:
            with _timed("write"):
                await self.chunks.write(
                    scope, attached.store_id, file.id, chunks, space=space, fingerprint=fingerprint, language=language
                )
        except SpaceMismatchError as error:
            raise FileFailure(Reason.WRONG_SPACE, str(error)) from None
        metrics.CHUNKS.inc(len(chunks))

    async def _still(self, file: File) -> None:
        """Raises ConflictError when the file was replaced meanwhile: the job for its new bytes is behind us."""
        now = await self.catalog.get_file(Scope(file.tenant, None), file.id)
        if now.object_key != file.object_key:
            raise ConflictError(f"File '{file.id}' was replaced.")


def in_space(tunables: IngestionTunables, space: EmbeddingSpace | None) -> IngestionTunables:
    """The tunables with the embedding model of a store's space; unchanged where it has none or an unknown one."""
    known = tunables.embedding.named(space.model, space.version) if space else None
    return tunables.model_copy(update={"embedding": known}) if known else tunables


def options_of(attached: StoreFile, tunables: IngestionTunables) -> ChunkOptions:
    """The chunking that a file asked for when it was attached, else the configured one."""
    chunking = tunables.chunking
    options = ChunkOptions(chunking.size, chunking.overlap, tunables.embedding.window, chunking.context)
    strategy: dict[str, Any] = dict(attached.chunking_strategy or {})
    own = strategy.get(strategy.get("type", ""), {})
    if strategy.get("type") == "static":
        size = int(own.get("max_chunk_size_tokens", chunking.size))
        overlap = int(own.get("chunk_overlap_tokens", chunking.overlap))
        return replace(options, strategy="static", size=size, overlap=overlap)
    if strategy.get("type") == "sentence":
        sentences, repeated = int(own.get("max_sentences", 1)), int(own.get("overlap_sentences", 0))
        return replace(options, strategy="sentence", overlap=0, sentences=sentences, sentence_overlap=repeated)
    return options


def fingerprint_of(file: File, options: ChunkOptions, tunables: IngestionTunables) -> str:
    """A hash of everything that the index of a file is made from: equal means that there is nothing to do."""
    embedding = tunables.embedding
    made_from = {
        "sha256": file.sha256,
        # The kind of a text, and the title of one without headings, follow from the name.
        "filename": file.filename,
        "extraction": EXTRACTION_VERSION,
        "chunking": asdict(options),
        "model": embedding.model,
        "version": embedding.version,
        "tokenizer": str(embedding.tokenizer) if embedding.tokenizer else None,
    }
    return hashlib.sha256(msgspec.json.encode(made_from)).hexdigest()


def check_tokenizer(tunables: IngestionTunables) -> None:
    """Refuses tunables whose tokenizer cannot be loaded; raises ValueError."""
    for model in (tunables.embedding, *tunables.embedding.others):
        Tokens(tokenizer_file(model.tokenizer))


def _wire_code(reason: Reason) -> ErrorCode:
    """OpenAI's three codes; the sentence that goes with it says the rest."""
    if reason is Reason.UNSUPPORTED:
        return "unsupported_file"
    return "server_error" if reason in {Reason.GAVE_UP, Reason.WRONG_SPACE, Reason.MISSING} else "invalid_file"


@contextmanager
def _timed(step: str) -> Iterator[None]:
    began = time.perf_counter()
    try:
        yield
    finally:
        metrics.STEP_SECONDS.labels(step).observe(time.perf_counter() - began)

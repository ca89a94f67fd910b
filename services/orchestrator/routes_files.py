"""`/v1/files`: documents as they were uploaded."""

import mimetypes
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse

from common.auth import Caller, CallerDep
from common.errors import ApiError, invalid
from common.ids import new_id
from common.logs import get_logger
from orchestrator import shapes
from orchestrator.resources import ResourcesDep
from orchestrator.scope import ScopeDep
from orchestrator.upload import UploadForm
from orchestrator.wire import Cursor, Id, Order
from vector_store.audit_events import AuditEvent
from vector_store.objects import Objects

router = APIRouter()
log = get_logger("files")

PURPOSES = ("assistants", "user_data", "batch", "fine-tune", "vision", "evals")
LONGEST_FILENAME = 255
# Between the parts of a form there is little beside the file itself.
FORM_OVERHEAD_BYTES = 1024 * 1024

FileLimit = Annotated[int, Query(ge=1, le=10_000)]


@router.post("/v1/files")
async def create_file(request: Request, caller: CallerDep, scope: ScopeDep, held: ResourcesDep) -> dict[str, Any]:
    """Keep an uploaded file. Its bytes go to object storage as they arrive; a refused upload leaves nothing."""
    # A client that says how much it sends need not send it in vain.
    declared = int(request.headers.get("content-length") or 0) - FORM_OVERHEAD_BYTES
    await held.quotas.require_room(scope, max(0, declared))
    form = UploadForm(request, "file", held.settings.max_upload_bytes)
    await form.until_file()
    assert form.file is not None
    filename = _filename(form.file.filename or "")
    file_id = new_id("file-")
    key = f"{caller.tenant}/{file_id}"
    try:
        await held.objects.put(key, form.content())
        groups = _groups(form.fields.pop("groups", None), caller)
        purpose = _checked(form.fields)
        created = await held.catalog.create_file(
            scope,
            filename=filename,
            bytes=form.bytes,
            sha256=form.sha256,
            object_key=key,
            content_type=_content_type(form.file.content_type, filename),
            purpose=purpose,
            groups=groups,
            file_id=file_id,
            quota=held.quotas.stored(caller.tenant),
        )
    except BaseException:
        await _remove(held.objects, key)
        raise
    return shapes.file(created)


@router.get("/v1/files")
async def list_files(
    scope: ScopeDep,
    held: ResourcesDep,
    purpose: str | None = None,
    limit: FileLimit = 10_000,
    order: Order = "desc",
    after: Cursor = None,
) -> dict[str, Any]:
    """The caller's files."""
    page = await held.catalog.list_files(scope, purpose=purpose, limit=limit, order=order, after=after)
    return shapes.listing(page, shapes.file)


@router.get("/v1/files/{file_id}")
async def get_file(file_id: Id, scope: ScopeDep, held: ResourcesDep) -> dict[str, Any]:
    """One file."""
    return shapes.file(await held.catalog.get_file(scope, file_id))


@router.get("/v1/files/{file_id}/content")
async def get_file_content(file_id: Id, scope: ScopeDep, held: ResourcesDep) -> StreamingResponse:
    """A file's bytes, to be saved: they are never shown as a page of this origin."""
    found = await held.catalog.get_file(scope, file_id)
    held.audit_writer.note(AuditEvent.of(scope, "file.read", file_id=file_id))
    await held.objects.size(found.object_key)  # a 404 is only possible before the answer has begun
    headers = {
        "content-length": str(found.bytes),
        "content-disposition": f"attachment; filename*=UTF-8''{quote(found.filename, safe='')}",
        "x-content-type-options": "nosniff",
    }
    return StreamingResponse(held.objects.stream(found.object_key), media_type=found.content_type, headers=headers)


@router.delete("/v1/files/{file_id}")
async def delete_file(file_id: Id, scope: ScopeDep, held: ResourcesDep) -> dict[str, Any]:
    """Delete a file, and with it its passages in every store."""
    await held.catalog.delete_file(scope, file_id)
    return shapes.deleted(file_id, "file")


async def _remove(objects: Objects, key: str) -> None:
    try:
        await objects.delete(key)
    except Exception as error:
        # What made the upload fail is what its caller must hear; the left-over is found by its log line.
        log.exception("upload_not_removed", key=key, error=type(error).__name__)


def _checked(fields: dict[str, str]) -> str:
    """The purpose; raises ApiError for a field that is missing or has no meaning here."""
    purpose = fields.pop("purpose", None)
    if purpose is None:
        raise invalid("The form has no field 'purpose'.", "purpose")
    if purpose not in PURPOSES:
        raise invalid(f"'{purpose[:64]}' is not a purpose; use one of {', '.join(PURPOSES)}.", "purpose")
    for name in fields:
        raise invalid(f"The field '{name[:64]}' is not known here.", name[:64])
    return purpose


def _groups(given: str | None, caller: Caller) -> tuple[str, ...]:
    """The groups that may see the document (`crew,pilots`), none for everyone in the tenant. Only the caller's own:
    with others it would hide the document from itself."""
    groups = tuple(dict.fromkeys(name for part in (given or "").split(",") if (name := part.strip())))
    for name in groups:
        if name not in caller.groups:
            raise ApiError(403, f"Your key is not of the group '{name[:64]}'.", param="groups", code="not_in_group")
    return groups


def _filename(given: str) -> str:
    """The name without any path that the client's system put before it."""
    name = given.replace("\\", "/").rpartition("/")[2]
    name = "".join(character for character in name if character.isprintable()).strip()
    if name in ("", ".", ".."):
        raise invalid("The file has no name.", "file")
    if len(name) > LONGEST_FILENAME:
        raise invalid(f"The file's name has more than {LONGEST_FILENAME} characters.", "file")
    return name


def _content_type(given: str | None, filename: str) -> str:
    """What the client says, unless it says nothing in particular."""
    kind = (given or "").partition(";")[0].strip().lower()
    if kind in ("", "application/octet-stream") or not kind.isascii() or "/" not in kind:
        return mimetypes.guess_type(filename)[0] or "application/octet-stream"
    return kind

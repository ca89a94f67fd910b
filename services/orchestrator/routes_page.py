"""The pages (chat at `/`, `/documents`) and their files under `/web/`: open to everyone, for they ask for the key."""

from pathlib import Path

from fastapi import APIRouter, Request, Response
from fastapi.staticfiles import StaticFiles

WEB_DIR = Path(__file__).parent / "web"

# Answers and documents are untrusted text. The page runs nothing inline, and Trusted Types make the browser itself
# refuse to parse a string as HTML, so a hole in the page's renderer still cannot run a script or call another host.
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'self'",
        "base-uri 'none'",
        "object-src 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
HEADERS = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    # File names carry no version, so a browser asks each time and mostly hears 304: a deployed change shows at once.
    "cache-control": "no-cache",
}

router = APIRouter(include_in_schema=False)
_files = StaticFiles(directory=WEB_DIR)


@router.api_route("/", methods=["GET", "HEAD"])
async def page(request: Request) -> Response:
    """The chat page."""
    return await _file("index.html", request)


@router.api_route("/documents", methods=["GET", "HEAD"])
async def documents_page(request: Request) -> Response:
    """Sources and files with their state, what was read of each, and a search that explains itself."""
    return await _file("documents.html", request)


@router.api_route("/web/{path:path}", methods=["GET", "HEAD"])
async def page_file(path: str, request: Request) -> Response:
    """A style sheet, module or picture of the page; 404 in the error shape for anything else."""
    return await _file(path, request)


async def _file(path: str, request: Request) -> Response:
    response = await _files.get_response(path, request.scope)
    response.headers.update(HEADERS)
    return response

"""The three routes of health over one `Health`: `/livez`, `/readyz`, `/healthz`."""

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from common.health import Health


def router(health: Health) -> APIRouter:
    """The three routes over one `Health`."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/livez")
    async def livez() -> dict[str, str]:
        """200 while the event loop turns; no dependency is asked, so none can get this process killed."""
        return {"state": "ok"}

    @routes.get("/readyz")
    async def readyz() -> JSONResponse:
        """200 when requests may come here: valid configuration, a schema that fits, not draining."""
        reasons = health.unready_reasons()
        return JSONResponse({"ready": not reasons, "reasons": reasons}, status_code=503 if reasons else 200)

    @routes.get("/healthz")
    async def healthz() -> JSONResponse:
        """The deep report, for people and alerts; 503 only when the service cannot do its work."""
        report = await health.report()
        return JSONResponse(report, status_code=503 if report["state"] == "down" else 200)

    _ = (livez, readyz, healthz)
    return routes

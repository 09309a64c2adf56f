"""Is it alive, can it answer, what has it counted."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from api.backend import is_ready
from api.metrics import exposition

router = APIRouter(tags=["health"])


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """The process is up."""
    return {"status": "ok"}


@router.get("/readyz", responses={503: {"description": "Not ready, and why"}})
async def readyz(request: Request) -> JSONResponse:
    """The database answers and the statements are compiled."""
    amiss = await is_ready(request.app.state.backend)
    return JSONResponse(
        {"status": "ok"} if amiss is None else {"status": "unavailable", "detail": amiss}, 200 if amiss is None else 503
    )


@router.get("/metrics", include_in_schema=False)
async def metrics() -> Response:
    """What Prometheus reads."""
    body, content_type = exposition()
    return Response(body, media_type=content_type)

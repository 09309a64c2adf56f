"""Signals of a person or a site, now or at any moment raw telemetry is still held for."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import AwareDatetime

from api.auth import Capability, Principal, requires
from api.cache import CachedRead
from api.problems import responses
from api.signals import Asked, read_person, read_site
from noc_platform.telemetry.vocabulary import DEFAULT_WINDOW_MINUTES, Window

router = APIRouter(prefix="/api/v2/noc/telemetry", tags=["telemetry"], route_class=CachedRead)
Viewer = Annotated[Principal, Depends(requires(Capability.VIEW))]
Identity = Annotated[str, Path(min_length=1, max_length=64, pattern=r"^[^\x00]+$")]
# Beyond these PostgreSQL or Python has no instants left for the margins around a window.
EARLIEST, LATEST = datetime(1900, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
WindowMinutes = Annotated[int, Query(ge=1, le=1440, description="Length of the window, minutes.")]
AsOf = Annotated[
    AwareDatetime | None,
    Query(ge=EARLIEST, le=LATEST, description="End of the window, not included, ISO 8601 with a zone. Default: now."),
]
KnownAt = Annotated[
    AwareDatetime | None,
    Query(ge=EARLIEST, le=LATEST, description="Count only what had been received by then. Default: now."),
]


@router.get("/signals/{person_id}/", responses=responses(404, 410), response_class=Response)
@router.get("/signals/{person_id}", include_in_schema=False)
async def read_person_signals(
    request: Request,
    person_id: Identity,
    viewer: Viewer,
    window_minutes: WindowMinutes = DEFAULT_WINDOW_MINUTES,
    as_of: AsOf = None,
    known_at: KnownAt = None,
) -> Response:
    """What one guard did in the window, and why a value is missing where it is."""
    asked = _asked(window_minutes, as_of, known_at)
    return Response(await read_person(await request.app.state.backend.ready(), viewer, person_id, asked))


@router.get("/signals/site/{site_id}/", responses=responses(404, 410), response_class=Response)
@router.get("/signals/site/{site_id}", include_in_schema=False)
async def read_site_signals(
    request: Request,
    site_id: Identity,
    viewer: Viewer,
    window_minutes: WindowMinutes = DEFAULT_WINDOW_MINUTES,
    as_of: AsOf = None,
    known_at: KnownAt = None,
) -> Response:
    """Activity of the guards on duty at the site, summed, with how many were heard."""
    asked = _asked(window_minutes, as_of, known_at)
    return Response(await read_site(await request.app.state.backend.ready(), viewer, site_id, asked))


def _asked(minutes: int, as_of: datetime | None, known_at: datetime | None) -> Asked:
    now = datetime.now(UTC)
    end = now if as_of is None else as_of.astimezone(UTC)
    known = now if known_at is None else known_at.astimezone(UTC)
    return Asked(Window.before(end, minutes), minutes, known, now)

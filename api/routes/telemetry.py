"""Signals of a person or a site, now or at any moment raw telemetry is still held for."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from api.auth import Capability, Principal, requires
from api.problems import responses
from api.signals import read_person, read_site
from noc_platform.telemetry.vocabulary import DEFAULT_WINDOW_MINUTES, Window

router = APIRouter(prefix="/api/v2/noc/telemetry", tags=["telemetry"])
Viewer = Annotated[Principal, Depends(requires(Capability.VIEW))]
Identity = Annotated[str, Path(min_length=1, max_length=64)]
JSON = "application/json"


@dataclass(frozen=True)
class Asked:
    """The window a question is about. `moment` is part of the cache key: "now" stays the same question."""

    window: Window
    minutes: int
    known_at: datetime
    moment: str


async def asked(
    window_minutes: Annotated[
        int, Query(ge=1, le=1440, description="Length of the window, minutes.")
    ] = DEFAULT_WINDOW_MINUTES,
    as_of: Annotated[datetime | None, Query(description="End of the window, not included; now if left out.")] = None,
    known_at: Annotated[datetime | None, Query(description="Only what had been received by then.")] = None,
) -> Asked:
    """The window of the query; instants without a zone are UTC."""
    now = datetime.now(UTC)
    end, known = (now if moment is None else _with_zone(moment) for moment in (as_of, known_at))
    return Asked(Window.before(end, window_minutes), window_minutes, known, f"{as_of}|{known_at}|{window_minutes}")


Question = Annotated[Asked, Depends(asked)]


@router.get("/signals/site/{site_id}/", responses=responses(404, 410), response_class=Response)
@router.get("/signals/site/{site_id}", include_in_schema=False)
async def read_site_signals(request: Request, site_id: Identity, viewer: Viewer, question: Question) -> Response:
    """Activity of the guards on duty at the site, summed, with how many were heard."""

    async def compute() -> bytes:
        return await read_site(
            await request.app.state.backend.ready(),
            viewer,
            site_id,
            question.window,
            question.minutes,
            question.known_at,
        )

    key = f"site|{viewer.scope}|{site_id}|{question.moment}"
    return _answer(*await request.app.state.answers.through("site_signals", key, compute))


@router.get("/signals/{person_id}/", responses=responses(404, 410), response_class=Response)
@router.get("/signals/{person_id}", include_in_schema=False)
async def read_person_signals(request: Request, person_id: Identity, viewer: Viewer, question: Question) -> Response:
    """What one guard did in the window, and why a value is missing where it is."""

    async def compute() -> bytes:
        return await read_person(
            await request.app.state.backend.ready(),
            viewer,
            person_id,
            question.window,
            question.minutes,
            question.known_at,
        )

    key = f"person|{viewer.scope}|{person_id}|{question.moment}"
    return _answer(*await request.app.state.answers.through("person_signals", key, compute))


def _answer(data: bytes, cached: bool) -> Response:
    return Response(
        b'{"status":"success","cached":%s,"data":%s}' % (b"true" if cached else b"false", data), media_type=JSON
    )


def _with_zone(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)

"""Errors as RFC 9457 problem documents: one shape for whatever goes wrong, never a stack trace."""

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from uuid import uuid4

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from noc_platform.errors import NocError

log = logging.getLogger(__name__)
CONTENT_TYPE = "application/problem+json"
RETRY_SECONDS = "5"
TEXT = {"type": "string"}
SCHEMA = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "instance"],
    "properties": {
        "type": {**TEXT, "description": "Kind of problem; about:blank where the status says it all."},
        "title": {**TEXT, "description": "The status in words."},
        "status": {"type": "integer", "description": "The HTTP status."},
        "detail": {**TEXT, "description": "What is wrong with this request, and what to do."},
        "instance": {**TEXT, "description": "The path asked for."},
        "errors": {
            "type": "array",
            "description": "Which parameters do not fit, and why.",
            "items": {"type": "object", "properties": {"parameter": TEXT, "detail": TEXT}},
        },
        "reference": {**TEXT, "description": "Where the log says more, for 500 and 503."},
    },
}
HEADERS = {
    HTTPStatus.UNAUTHORIZED: {"WWW-Authenticate": "Bearer"},
    HTTPStatus.SERVICE_UNAVAILABLE: {"Retry-After": RETRY_SECONDS},
}


class Unauthenticated(NocError):
    """No token, or one that proves nothing."""

    status = 401


class Forbidden(NocError):
    """A good token without the capability this needs."""

    status = 403


class Gone(NocError):
    """It was here once, and where it went."""

    status = 410


class TooLarge(NocError):
    """A body larger than is read."""

    status = 413


def problem(
    request: Request, status: int, detail: str, headers: Mapping[str, str] | None = None, **more: Any
) -> JSONResponse:
    """A problem document."""
    document = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "instance": request.url.path,
        **more,
    }
    return JSONResponse(document, status, {**HEADERS.get(HTTPStatus(status), {}), **(headers or {})}, CONTENT_TYPE)


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What a route declares in OpenAPI of how it can fail."""
    content = {CONTENT_TYPE: {"schema": SCHEMA}}
    return {
        status: {"description": HTTPStatus(status).phrase, "content": content}
        for status in (401, 403, 422, 500, 503, *statuses)
    }


def install(app: FastAPI) -> None:
    """Let every error of `app` leave as a problem document."""

    @app.exception_handler(NocError)
    async def _ours(request: Request, error: NocError) -> JSONResponse:
        if error.status < HTTPStatus.INTERNAL_SERVER_ERROR:
            return problem(request, error.status, str(error))
        return _ours_to_mend(request, error.status, error)

    @app.exception_handler(RequestValidationError)
    async def _invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        errors = [
            {"parameter": ".".join(str(part) for part in item["loc"][1:]), "detail": item["msg"]}
            for item in error.errors()
        ]
        return problem(
            request, 422, "; ".join(f"{item['parameter']}: {item['detail']}" for item in errors), errors=errors
        )

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> JSONResponse:
        return problem(request, error.status_code, str(error.detail), error.headers)

    @app.exception_handler(Exception)
    async def _unforeseen(request: Request, error: Exception) -> JSONResponse:
        return _ours_to_mend(request, HTTPStatus.INTERNAL_SERVER_ERROR, error)


def _ours_to_mend(request: Request, status: int, error: Exception) -> JSONResponse:
    """A failure on our side: the log says what, the caller learns only where it is said."""
    reference = uuid4().hex
    log.error("%s %s failed, reference %s", request.method, request.url.path, reference, exc_info=error)
    advice = "Try again in a moment." if status == HTTPStatus.SERVICE_UNAVAILABLE else "Tell those who run the service."
    return problem(
        request,
        status,
        f"Something went wrong on our side. {advice} The log has it under {reference}.",
        reference=reference,
    )

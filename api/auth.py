"""Who asks: signed tokens, capabilities, and the sites a caller may see."""

import hashlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cached_property
from typing import Any

import jwt
from cachetools import TTLCache
from fastapi import Request

from api.problems import Forbidden, Unauthenticated

ALGORITHM = "HS256"
ISSUER = "noc-platform"
AUDIENCE = "noc-api"
# A token is verified once and remembered this long, never past its own end.
REMEMBERED_SECONDS = 30
MOST_REMEMBERED = 10_000
LONGEST_TOKEN = 8_192


class Capability(StrEnum):
    """What a token may do (domain.md §8)."""

    VIEW = "noc:view"
    VIEW_PII = "noc:view_pii"
    INGEST = "noc:ingest"
    ADMIN = "noc:admin"


@dataclass(frozen=True)
class Principal:
    """A verified caller. `sites` None is every site of the tenant."""

    subject: str
    tenant: str
    capabilities: frozenset[str]
    sites: frozenset[str] | None
    expires_at: float

    def may(self, capability: Capability) -> bool:
        """Whether the caller has the capability; an administrator has them all."""
        return capability in self.capabilities or Capability.ADMIN in self.capabilities

    def sees(self, *sites: str | None) -> bool:
        """Whether one of these sites is in the caller's scope."""
        return self.sites is None or any(site in self.sites for site in sites)

    @cached_property
    def scope(self) -> str:
        """What an answer depends on besides its parameters: part of every cache key, the same for equal rights."""
        sites = None if self.sites is None else sorted(self.sites)
        rights = json.dumps([self.tenant, sites, self.may(Capability.VIEW_PII)])
        # A digest, because a scope may hold thousands of sites and a name may hold any character.
        return hashlib.sha256(rights.encode()).hexdigest()


def issue(
    key: str,
    tenant: str,
    capabilities: list[str],
    sites: list[str] | None,
    lasting: timedelta,
    at: datetime,
    subject: str,
) -> str:
    """A signed token. `at` is now, UTC."""
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": subject,
        "tenant": tenant,
        "capabilities": capabilities,
        "iat": at,
        "exp": at + lasting,
    }
    return jwt.encode(claims if sites is None else {**claims, "sites": sites}, key, algorithm=ALGORITHM)


def verify(token: str, key: str) -> Principal:
    """The caller a token proves. Raises `Unauthenticated` when it is expired, unsigned, foreign or malformed."""
    try:
        claims = jwt.decode(
            token,
            key,
            algorithms=[ALGORITHM],
            audience=AUDIENCE,
            issuer=ISSUER,
            options={"require": ["exp", "sub", "tenant"]},
        )
    except jwt.ExpiredSignatureError as error:
        raise Unauthenticated("The token has expired; ask for a new one (noc token).") from error
    except jwt.InvalidTokenError as error:
        raise Unauthenticated("The token is not one of ours; make one with noc token.") from error
    tenant = claims["tenant"]
    if not isinstance(tenant, str) or not tenant:
        raise Unauthenticated("The token names no tenant; make one with noc token.")
    return Principal(
        subject=str(claims["sub"]),
        tenant=tenant,
        capabilities=_names(claims, "capabilities"),
        # Only a token that says nothing of sites is for all of them; one that names none is for none.
        sites=_names(claims, "sites") if "sites" in claims else None,
        expires_at=float(claims["exp"]),
    )


def _names(claims: dict[str, Any], claim: str) -> frozenset[str]:
    names = claims.get(claim, [])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise Unauthenticated(f"The token's {claim} are not a list of names; make one with noc token.")
    return frozenset(names)


class Gate:
    """Verifies the bearer token of a request, remembering good ones for a short while."""

    def __init__(self, key: str) -> None:
        self._key = key
        self._known: TTLCache[str, Principal] = TTLCache(MOST_REMEMBERED, REMEMBERED_SECONDS)

    def admit(self, header: str | None, at: datetime) -> Principal:
        """The caller behind an Authorization header. Raises `Unauthenticated`."""
        kind, _, token = (header or "").partition(" ")
        if kind.lower() != "bearer" or not token or len(token) > LONGEST_TOKEN:
            raise Unauthenticated("Send a token: Authorization: Bearer … (make one with noc token).")
        known = self._known.get(token)
        if known is not None and known.expires_at > at.timestamp():
            return known
        principal = verify(token, self._key)
        self._known[token] = principal
        return principal


def requires(capability: Capability) -> Callable[[Request], Awaitable[Principal]]:
    """A dependency that gives the caller, if they have the capability."""

    async def caller(request: Request) -> Principal:
        principal: Principal = request.app.state.gate.admit(request.headers.get("authorization"), datetime.now(UTC))
        if not principal.may(capability):
            raise Forbidden(f"This needs the capability {capability}; the token does not have it.")
        return principal

    return caller

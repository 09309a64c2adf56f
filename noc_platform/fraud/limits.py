"""Limits of the fraud rules (domain.md §5.1): what they are unless somebody says otherwise, and who may say it.

A site's limit comes before its client's, that before its tenant's, that before the default; each limit by itself.
Every change is a row and an entry in the ledger, inside the caller's transaction; none is ever rewritten.
Elsewhere: what limits are compared with (`detectors`), what follows (`rules`).
"""

from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from datetime import datetime
from enum import StrEnum
from uuid import UUID, uuid5

import pyarrow as pa
from sqlalchemy import Connection, text

from noc_platform.errors import BadInput, Conflict, NotFound
from noc_platform.journal.documents import document
from noc_platform.journal.ledger import Action, Decision, Said, Subject, enter

# Any constants will do: they only have to stay.
CHANGES = UUID("6e6f6320-6672-6175-642d-6c696d697473")
LOCK = 0x6E6F6366
SEVERITY_LIMIT = "unauthorized_access_severity"


class Severity(StrEnum):
    """How bad what a detector found is, in rising order."""

    LOW = "LOW"
    MEDIUM = "MEDIUM"
    HIGH = "HIGH"
    CRITICAL = "CRITICAL"


SEVERITIES = tuple(Severity)


def _limit(default: float, lowest: float, highest: float, unit: str) -> float:
    told: float = field(default=default, metadata={"lowest": lowest, "highest": highest, "unit": unit})
    return told


@dataclass(frozen=True)
class DetectorLimits:
    """The limits of one site's events. Raises `BadInput` for a value out of its bounds.

    Defaults are those of domain.md §5.1, and so are the bounds of the working hours, the speed and the window; other
    bounds are ours. `min_travel_minutes` is how long it takes at least to get to the site from any other, whatever the
    distance. The origin has 30 and no rule that reads it: with it everybody who walks to the next building would be
    accused, so nothing is asked until somebody who knows the place says so. `unauthorized_access_severity` is a place
    in `SEVERITIES`, so that all limits are numbers.
    """

    max_continuous_work_hours: float = _limit(16, 8, 24, "hours")
    min_travel_minutes: float = _limit(0, 0, 240, "minutes")
    max_travel_speed_kmh: float = _limit(150, 50, 300, "km/h")
    unauthorized_access_severity: float = _limit(3, 0, 3, "0 LOW to 3 CRITICAL")
    biometric_confidence_min: float = _limit(0.7, 0.1, 0.99, "of 1")
    gps_accuracy_max_meters: float = _limit(100, 10, 1000, "metres")
    geofence_violation_meters: float = _limit(200, 0, 10_000, "metres")
    concurrent_biometric_minutes: float = _limit(5, 1, 30, "minutes")

    def __post_init__(self) -> None:
        for name in NAMES:
            checked(name, getattr(self, name))

    @property
    def unauthorized_severity(self) -> Severity:
        """How bad it is to be where one is not assigned."""
        return SEVERITIES[int(self.unauthorized_access_severity)]


_FIELDS = {each.name: each for each in fields(DetectorLimits)}
NAMES = tuple(_FIELDS)


def checked(name: str, value: float | str) -> float:
    """The value of a limit as it is kept; a severity may be given by its name.

    Raises `BadInput` for a limit there is not, and for what is not within its bounds.
    """
    bounds = _called(name).metadata
    is_severity = name == SEVERITY_LIMIT
    if isinstance(value, str):
        if not is_severity or value not in SEVERITIES:
            wanted = f"one of {', '.join(SEVERITIES)}" if is_severity else "a number"
            raise BadInput(f"{name} must be {wanted}, not {value}.")
        return float(SEVERITIES.index(Severity(value)))
    # Written so that what is not a number is refused as well.
    if not bounds["lowest"] <= value <= bounds["highest"] or (is_severity and value != int(value)):
        raise BadInput(f"{name} must be {bounds['lowest']} to {bounds['highest']} ({bounds['unit']}), not {value}.")
    return float(value)


def _called(name: str) -> Field[float]:
    if name not in _FIELDS:
        raise BadInput(f"No limit of the fraud rules is called {name}; there are {', '.join(NAMES)}.")
    return _FIELDS[name]


DEFAULTS = DetectorLimits()


@dataclass(frozen=True)
class Scope:
    """What a limit holds for: a site, or all sites of a client, or of a tenant. Raises `BadInput` for both at once."""

    tenant_id: str
    client_id: str | None = None
    site_id: str | None = None

    def __post_init__(self) -> None:
        if self.client_id is not None and self.site_id is not None:
            raise BadInput("A limit holds for a site or for a client; name one of them.")

    @property
    def kind(self) -> str:
        """SITE, CLIENT or TENANT, as the ledger tells where a limit comes from."""
        if self.site_id is not None:
            return "SITE"
        return "CLIENT" if self.client_id is not None else "TENANT"

    @property
    def name(self) -> str:
        """As people are told."""
        return f"{self.kind.lower()} {self.site_id or self.client_id or self.tenant_id}"


@dataclass(frozen=True)
class LimitChange:
    """A change of one limit. `value` is None where the scope has none of its own from then on, `before` where it had
    none until then. `made_at` is UTC."""

    change_id: UUID
    scope: Scope
    name: str
    value: float | None
    before: float | None
    made_at: datetime
    made_by: str
    reason: str


class LimitsBook:
    """Which limits hold where, of all tenants it was given.

    `held` says what each scope holds of its own, by name. Answers are remembered, and the same object is given for the
    same place, which `detectors.detect` makes use of.
    """

    def __init__(self, held: Mapping[Scope, Mapping[str, float]]) -> None:
        self._held = {scope: dict(values) for scope, values in held.items()}
        self._known: dict[tuple[str, str | None, str | None], DetectorLimits] = {}

    def of(self, tenant_id: str, client_id: str | None, site_id: str | None) -> DetectorLimits:
        """The limits of events at a site of a client; either may be unknown. Raises `BadInput` for a value out of its
        bounds, which only somebody who wrote the table by hand can have put there."""
        place = (tenant_id, client_id, site_id)
        known = self._known.get(place)
        if known is None:
            known = self._known[place] = self._resolved(*place)
        return known

    def rows(self, evidence: pa.Table) -> list[DetectorLimits]:
        """The limits of each row, by its columns tenant_id, client_id and site_id."""
        if not self._held:
            return [DEFAULTS] * evidence.num_rows
        names = ("tenant_id", "client_id", "site_id")
        return [self.of(*place) for place in zip(*(evidence[name].to_pylist() for name in names), strict=True)]

    def _resolved(self, tenant_id: str, client_id: str | None, site_id: str | None) -> DetectorLimits:
        scopes = [Scope(tenant_id)]
        if client_id is not None:
            scopes.append(Scope(tenant_id, client_id=client_id))
        if site_id is not None:
            scopes.append(Scope(tenant_id, site_id=site_id))
        values: dict[str, float] = {}
        for scope in scopes:
            values |= self._held.get(scope, {})
        return DetectorLimits(**values) if values else DEFAULTS


_LATEST = """
    select distinct on (tenant_id, client_id, site_id, name)
           tenant_id, client_id, site_id, name, value, change_id, made_at
    from noc_fraud_limit
    where made_at <= coalesce(cast(:as_of as timestamptz), 'infinity') and name = any(:names)
    order by tenant_id, client_id, site_id, name, made_at desc, number desc
"""


def limits_book(connection: Connection, as_of: datetime | None = None) -> LimitsBook:
    """The limits that are in force, or were at a moment (UTC), of every tenant the connection may see."""
    held: dict[Scope, dict[str, float]] = {}
    for row in connection.execute(text(_LATEST), {"as_of": as_of, "names": list(NAMES)}):
        if row.value is not None:
            held.setdefault(Scope(row.tenant_id, row.client_id, row.site_id), {})[row.name] = row.value
    return LimitsBook(held)


def change(connection: Connection, scope: Scope, name: str, value: float | str | None, said: Said) -> LimitChange:
    """A person sets a limit, or withdraws it with None, so that what is above the scope holds there again.

    Raises `BadInput` for a limit there is not or a value out of its bounds, `NotFound` for a site or a client there is
    not, and `Conflict` where a later change is there already or there is nothing to withdraw.
    """
    _called(name)
    kept = None if value is None else checked(name, value)
    _hold(connection, scope.tenant_id)
    _must_exist(connection, scope)
    last = connection.execute(text(_LAST), _asked(scope, name)).one_or_none()
    before = None if last is None else last.value
    if last is not None and last.made_at > said.at:
        raise Conflict(
            f"{name} of {scope.name} was changed at {last.made_at:%F %T} UTC, after {said.at:%F %T}; the latest "
            "counts. Leave out the moment to change it as of now."
        )
    if kept is None and before is None:
        raise Conflict(f"{scope.name.capitalize()} has no {name} of its own that could be withdrawn.")
    # Whatever happens at the same time, one change follows another: a second successor would have the same identity.
    told = [scope.tenant_id, scope.client_id, scope.site_id, name, None if last is None else last.change_id]
    change_id = uuid5(CHANGES, document(told))
    made = LimitChange(change_id, scope, name, kept, before, said.at, said.by.strip(), said.why.strip())
    _write(connection, made)
    return made


_OF_SCOPE = "tenant_id = :tenant and client_id is not distinct from :client and site_id is not distinct from :site"
_LAST = f"""
    select change_id, value, made_at from noc_fraud_limit
    where {_OF_SCOPE} and name = :name order by made_at desc, number desc limit 1
"""


def _asked(scope: Scope, name: str) -> dict[str, str | None]:
    return {"tenant": scope.tenant_id, "client": scope.client_id, "site": scope.site_id, "name": name}


def _hold(connection: Connection, tenant_id: str) -> None:
    """Be the only one to change limits of a tenant until the transaction ends."""
    question = "select pg_advisory_xact_lock(:fraud, hashtext(:tenant))"
    connection.execute(text(question), {"fraud": LOCK, "tenant": tenant_id})


def _must_exist(connection: Connection, scope: Scope) -> None:
    for table, column, called in (("noc_site", "site_id", scope.site_id), ("noc_client", "client_id", scope.client_id)):
        question = f"select count(*) from {table} where tenant_id = :tenant and {column} = :called"
        asked = {"tenant": scope.tenant_id, "called": called}
        if called is not None and not connection.execute(text(question), asked).scalar():
            raise NotFound(f"No {scope.name} is known; `noc ingest` brings sites and clients in.")


def _write(connection: Connection, made: LimitChange) -> None:
    statement = """
        insert into noc_fraud_limit (change_id, tenant_id, client_id, site_id, name, value, made_at, made_by, reason)
        values (:change, :tenant, :client, :site, :name, :value, :made_at, :made_by, :reason)"""
    told = {
        "change": made.change_id, "value": made.value, "made_at": made.made_at, "made_by": made.made_by,
        "reason": made.reason, **_asked(made.scope, made.name),
    }  # fmt: skip
    connection.execute(text(statement), told)
    enter(connection, [_decision(made)])


def _decision(made: LimitChange) -> Decision:
    scope = made.scope
    return Decision(
        scope.tenant_id,
        Subject.TENANT if scope.site_id is None else Subject.SITE,
        scope.tenant_id if scope.site_id is None else scope.site_id,
        Action.THRESHOLD_CHANGED,
        rule="fraud_limit",
        reason=made.reason,
        made_at=made.made_at,
        made_by=made.made_by,
        inputs={
            "change_id": made.change_id, "name": made.name, "client_id": scope.client_id, "before": made.before,
            "value": made.value,
        },
        threshold=made.value,
        threshold_source=scope.kind,
        key=str(made.change_id),
    )  # fmt: skip

"""The life of findings as anybody would write it down: a list, and a loop over it."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from noc_platform.findings.vocabulary import Draft, Severity

QUIET = timedelta(hours=4)
CLOSE = timedelta(hours=6)


@dataclass
class PlainFinding:
    key: tuple[str, str | None, str, str | None]
    severity: Severity
    summary: str
    first_seen_at: datetime
    last_seen_at: datetime
    count: int = 1
    status: str = "NEW"
    resolved_at: datetime | None = None
    resolved_by: str | None = None
    judged_at: datetime | None = None
    is_false: bool | None = None

    @property
    def is_open(self) -> bool:
        return self.status in ("NEW", "ACKNOWLEDGED", "IN_PROGRESS")


@dataclass
class PlainLedger:
    findings: list[PlainFinding] = field(default_factory=list)

    def audit(self, drafts: list[Draft]) -> None:
        for key in {(each.tenant_id, each.site_id, each.finding_type, each.person_id) for each in drafts}:
            same = [
                each for each in drafts if (each.tenant_id, each.site_id, each.finding_type, each.person_id) == key
            ]  # fmt: skip
            seen_at = max(each.seen_at for each in same)
            last = [each for each in same if each.seen_at == seen_at]
            summary = max((each.severity.rank, each.summary) for each in last)[1]
            worst = max((each.severity for each in same), key=lambda severity: severity.rank)
            self._see(key, min(each.seen_at for each in same), seen_at, worst, summary)

    def _see(
        self,
        key: tuple[str, str | None, str, str | None],
        first: datetime,
        seen_at: datetime,
        worst: Severity,
        said: str,
    ) -> None:
        for each in self.findings:
            if each.key == key and each.is_open:
                is_news = seen_at > each.last_seen_at
                is_worse = worst.rank > each.severity.rank
                if is_news or (seen_at == each.last_seen_at and is_worse):
                    each.count += is_news
                    each.last_seen_at, each.summary = seen_at, said
                    each.severity = worst if is_worse else each.severity
                return
        for each in self.findings:
            if each.key == key and self._keeps_quiet(each, seen_at):
                return
        self.findings.append(PlainFinding(key, worst, said, first, seen_at))

    def _keeps_quiet(self, each: PlainFinding, seen_at: datetime) -> bool:
        if seen_at <= each.last_seen_at:
            return True
        if each.status == "FALSE_POSITIVE":
            assert each.judged_at is not None
            return abs(each.judged_at - seen_at) < QUIET
        assert each.resolved_at is not None
        return each.resolved_by != "platform" and seen_at <= each.resolved_at < seen_at + QUIET

    def close(self, at: datetime) -> None:
        for each in self.findings:
            if each.status == "NEW" and each.last_seen_at < at - CLOSE:
                each.status, each.resolved_at, each.resolved_by = "RESOLVED", at, "platform"

    def judge(self, each: PlainFinding, what: str, at: datetime) -> bool:
        """Whether it may be done; then it is."""
        if what == "acknowledge":
            if each.status == "NEW":
                each.status = "ACKNOWLEDGED"
                return True
            return False
        closed_itself = each.status == "RESOLVED" and each.resolved_by == "platform" and each.judged_at is None
        may = each.is_open or closed_itself if what == "resolve" else each.is_open or each.status == "RESOLVED"
        if not may or (each.judged_at is not None and each.judged_at >= at):
            return False
        each.status = "RESOLVED" if what == "resolve" else "FALSE_POSITIVE"
        each.is_false, each.judged_at = what != "resolve", at
        if each.resolved_at is None or at < each.resolved_at:
            each.resolved_at, each.resolved_by = at, "ana"
        return True

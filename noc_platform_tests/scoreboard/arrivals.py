"""Claims about arrival: order and lateness change nothing in the end, and what was known earlier can be had again."""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pyarrow as pa

from noc_platform_tests.scoreboard.claims import Claim, exactly
from noc_platform_tests.scoreboard.worlds import Written, platform, shuffled

ORDERS = (1, 2, 3)
KEY = [("tenant_id", "ascending"), ("person_id", "ascending"), ("bucket", "ascending")]


def claims(world: Written, orders: Sequence[int]) -> list[Claim]:
    """Both claims, each on platforms of their own that take the same world in differently; `orders` are seeds."""
    known_at = datetime.combine(world.manifest.plan.day(2), datetime.min.time(), UTC) + timedelta(hours=13)
    with platform(world, known_at=known_at) as earlier:
        seen_then, last = earlier.people(), earlier.days()[-1]
    with platform(world) as whole:
        expected, as_known = digest(whole.people()), whole.people(known_at, until=last)
    found = []
    for seed in orders:
        with platform(world, shuffled(seed)) as other:
            found.append(digest(other.people()))
    return [_same(expected, found), _reproduced(seen_then, as_known)]


def digest(signals: pa.Table) -> str:
    """A hash of signals, whatever order their rows come in."""
    text = signals.sort_by(KEY).to_pandas().to_json(date_format="iso", date_unit="us")
    return hashlib.sha256(text.encode()).hexdigest()


def _same(expected: str, found: list[str]) -> Claim:
    return exactly(
        "signals after shuffled arrival",
        "Files in any order, late rows included, end in the same signals to the last digit.",
        sum(each == expected for each in found), len(found),
    )  # fmt: skip


def _reproduced(then: pa.Table, now: pa.Table) -> Claim:
    """Rows an earlier platform had, against those a later one gives for what was known at that moment."""
    earlier, later = (_by_key(table) for table in (then, now))
    names = sorted(set(earlier) | set(later))
    agreeing = sum(earlier.get(name) == later.get(name) for name in names)
    return exactly(
        "signals as known at an earlier moment",
        "Asked what was known then, the platform answers what a platform of that day had computed.",
        agreeing, len(names),
    )  # fmt: skip


def _by_key(table: pa.Table) -> dict[Any, str]:
    rows = table.sort_by(KEY).to_pandas()
    told = rows.drop(columns=["tenant_id", "person_id", "bucket"])
    keys = zip(rows.tenant_id, rows.person_id, rows.bucket, strict=True)
    return dict(zip(keys, pd.Series(map(repr, told.itertuples(index=False))), strict=True))

"""Whatever is given, JSON and PostgreSQL take it, or it is refused with a reason."""

import json
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from noc_platform.findings.vocabulary import Judged, Severity
from noc_platform.journal.documents import document, plain
from noc_platform.store.sessions import Database


class Shape(Enum):
    ROUND = ("r", 1)


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (None, None),
        (True, True),
        (float("nan"), None),
        (float("-inf"), None),
        (np.float64("nan"), None),
        (np.float32(0.5), 0.5),
        (np.int64(3), 3),
        (np.bool_(True), True),
        (pa.scalar(7), 7),
        (Severity.HIGH, "HIGH"),
        (Shape.ROUND, ["r", 1]),
        (datetime(2026, 1, 1, 5, 30, tzinfo=ZoneInfo("Asia/Kolkata")), "2026-01-01T00:00:00+00:00"),
        (date(2026, 1, 1), "2026-01-01"),
        (timedelta(minutes=2), 120.0),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        ({2, 1}, [1, 2]),
        ((1, (2,)), [1, [2]]),
        ({Severity.LOW: {1: None}}, {"LOW": {"1": None}}),
        (Judged("m", 1, -3.0, 2.5, "mature"),
         {"metric": "m", "hour_of_week": 1, "z": -3.0, "threshold": 2.5, "threshold_source": "mature"}),
        ("a\x00b\ud800", "a\ufffdb?"),
        ("🛡", "🛡"),
    ],
)  # fmt: skip
def test_values_as_json_has_them(value: Any, wanted: Any) -> None:
    assert plain(value) == wanted
    assert json.loads(document(value)) == wanted
    assert json.loads(document({"in": [value]})) == {"in": [wanted]}


@pytest.mark.parametrize("value", [object(), 1j, b"bytes"])
def test_what_json_has_no_word_for_is_refused(value: object) -> None:
    with pytest.raises(TypeError, match="no form in JSON"):
        document({"it": [value]})


def test_an_instant_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="no zone"):
        document([datetime(2026, 1, 1)])  # noqa: DTZ001 - that is the point
    assert document([datetime(2026, 1, 1, tzinfo=UTC)])


texts = st.text(st.characters(exclude_categories=()))
values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | texts | st.dates(),
    lambda inner: st.lists(inner) | st.dictionaries(texts, inner),
    max_leaves=8,
)


@given(value=values)
def test_the_quick_way_and_the_long_way_say_the_same(value: object) -> None:
    assert json.loads(document(value)) == plain(value)


def test_postgresql_takes_it(database: Database) -> None:
    odd = {"nul\x00": ["\ud800", "\udfff", "\\u0000", float("nan"), "🛡"], "deep": {"er": [{}]}}
    with database.transaction() as connection:
        kept = connection.execute(text("select cast(:it as jsonb)"), {"it": document(odd)}).scalar()
    assert kept == plain(odd)

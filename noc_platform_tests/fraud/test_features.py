"""The evidence: each engine against obvious loops, and what people rely on, one by one."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from noc_platform.store.sessions import Server
from noc_platform_tests.engines import Engine, opened
from noc_platform_tests.fraud.facts.plain import plain_evidence
from noc_platform_tests.fraud.facts.running import disagreements, found
from noc_platform_tests.fraud.facts.worlds import made

# Shrinking a number makes no smaller world: the failing one is printed as it is.
FIND = (Phase.explicit, Phase.reuse, Phase.generate)


@pytest.fixture(scope="module", params=["duckdb", "postgres"])
def engine(request: pytest.FixtureRequest, server: Server) -> Iterator[Engine]:
    with opened(request.param, server) as engine:
        yield engine


@pytest.fixture(scope="module")
def spark(server: Server) -> Iterator[Engine]:
    with opened("spark", server) as engine:
        yield engine


@examples(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck), phases=FIND)
@given(seed=st.integers(0, 2**32))
def test_every_column_agrees_with_a_plain_loop(engine: Engine, seed: int) -> None:
    world = made(seed)
    assert disagreements(found(engine, world), plain_evidence(world)) == {}


@pytest.mark.spark
@examples(max_examples=2, deadline=None, suppress_health_check=list(HealthCheck), phases=FIND)
@given(seed=st.integers(0, 2**32))
def test_every_column_agrees_with_a_plain_loop_on_spark(spark: Engine, seed: int) -> None:
    world = made(seed)
    assert disagreements(found(spark, world), plain_evidence(world)) == {}

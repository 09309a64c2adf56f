"""The service as a whole: starts light, says how it is, counts, and fails in one shape."""

import subprocess
import sys

import pytest

from api import metrics
from api.app import create_app
from noc_platform.errors import Unavailable
from noc_platform.settings import Settings
from noc_platform_tests.api.conftest import AT, SIGNALS, Service
from noc_platform_tests.api.test_signals import is_problem

HEAVY = ("dagster", "mlflow", "ibis", "pandas", "duckdb", "pyarrow", "cashews", "alembic", "sqlalchemy", "sklearn")


def test_nothing_heavy_is_imported_before_it_listens(settings: Settings) -> None:
    code = f"""
import sys
from api.app import create_app
create_app()
print([name for name in {HEAVY} if name in sys.modules])
"""
    environment = {"NOC_HOME": str(settings.home)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.strip() == "[]"


def test_it_says_that_it_is_alive_and_ready(service: Service) -> None:
    assert service.get("/healthz").json() == {"status": "ok"}
    assert service.get("/readyz").status_code == 200


def test_it_is_alive_but_not_ready_without_its_database(settings: Settings) -> None:
    """Nothing answers at the port; the process says so and does not fall over."""
    from noc_platform_tests.api.conftest import serving

    nowhere = settings.model_copy(update={"database_url": "postgresql://nobody@127.0.0.1:1/noc"})
    for service in serving(nowhere):
        assert service.get("/healthz").status_code == 200
        response = service.get("/readyz")
        assert response.status_code == 503
        assert "PostgreSQL" in response.text
        is_problem(service.get(f"{SIGNALS}/p0/", service.token("t")), 503)


def test_every_error_is_a_problem_document(service: Service) -> None:
    is_problem(service.get("/nowhere"), 404)
    is_problem(service.get("/api/v2/noc/telemetry/signals/"), 404)
    refused = service.ask("DELETE", "/healthz")
    is_problem(refused, 405)
    assert refused.headers["allow"] == "GET"


def test_what_nobody_foresaw_is_a_500_with_a_reference(
    settings: Settings, caplog: pytest.LogCaptureFixture, tenant: str
) -> None:
    from noc_platform_tests.api.conftest import serving

    for service in serving(settings):

        @service.app.get("/broken")
        async def broken() -> None:
            raise RuntimeError("secret inner workings")

        @service.app.get("/away")
        async def away() -> None:
            raise Unavailable("away for lunch")

        problem = is_problem(service.get("/broken"), 500)
        assert "secret" not in str(problem)
        assert str(problem["reference"]) in caplog.text
        assert service.get("/away").headers["retry-after"]


def test_requests_and_hits_are_counted_under_route_templates(service: Service, operation: str) -> None:
    for _ in range(2):
        service.get(f"{SIGNALS}/p0/", service.token(operation), **AT)
    service.get("/no/such/path/4711")
    text = service.get("/metrics").text
    template = "/api/v2/noc/telemetry/signals/{person_id}/"
    assert f'noc_telemetry_api_requests_total{{endpoint="{template}",status="200"}}' in text
    assert f'noc_telemetry_api_latency_seconds_bucket{{endpoint="{template}"' in text
    assert f'noc_telemetry_api_cache_reads_total{{endpoint="{template}",result="hit"}}' in text
    assert "4711" not in text
    assert operation not in text


def test_metrics_carry_the_names_dashboards_use() -> None:
    assert metrics.REQUESTS._name == "noc_telemetry_api_requests"
    assert metrics.LATENCY._name == "noc_telemetry_api_latency_seconds"


def test_openapi_shows_units_and_meanings(service: Service) -> None:
    document = service.get("/openapi.json").json()
    paths = document["paths"]
    assert f"{SIGNALS}/{{person_id}}/" in paths
    post = paths["/api/v2/noc/telemetry/events/"]["post"]
    batches = post["requestBody"]["content"]["application/json"]["schema"]["oneOf"]
    fixes = next(b for b in batches if b["properties"]["stream"]["const"] == "location_updates")
    accuracy = fixes["properties"]["events"]["items"]["properties"]["accuracy_meters"]
    assert "[metres]" in accuracy["description"]
    assert "application/problem+json" in post["responses"]["413"]["content"]


def test_a_slash_at_the_end_makes_no_difference(service: Service, operation: str) -> None:
    token = service.token(operation)
    for path in (f"{SIGNALS}/p0", f"{SIGNALS}/site/s0"):
        bare, slashed = (service.get(path + end, token, **AT).json() for end in ("", "/"))
        assert bare["data"] == slashed["data"]


def test_two_services_may_live_in_one_process(settings: Settings) -> None:
    assert create_app(settings) is not create_app(settings)

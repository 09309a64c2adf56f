"""Settings: what does not fit is named, and the secret is made once and for nobody else to read."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from noc_platform.errors import Misconfigured
from noc_platform.settings import Settings, load_settings


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("NOC_API_PORT", "eighty"),
        ("NOC_TELEMETRY_CACHE_TTL", "-1"),
        ("NOC_TELEMETRY_RETENTION_DAYS", "0"),
        ("NOC_INGEST_BATCH_ROWS", "1e99"),
        ("NOC_EARLIEST_EVENT", "2000-01-01T00:00:00"),
        ("NOC_TOKEN_SECRET", "short"),
        ("NOC_WORKERS", "2"),
    ],
)
def test_what_does_not_fit_is_named(monkeypatch: pytest.MonkeyPatch, variable: str, value: str) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(Misconfigured, match=variable):
        load_settings()


def test_a_setting_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NOC_HOME", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("NOC_MOVEMENT_TOP_SPEED_KMH", "90")
    settings = load_settings()
    assert settings.lake == str(tmp_path / "elsewhere" / "lake")
    assert settings.movement_policy.top_speed_kmh == 90


def test_the_secret_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home", token_secret=None)
    with ThreadPoolExecutor(8) as threads:
        keys = set(threads.map(lambda _: settings.signing_key(), range(64)))
    assert len(keys) == 1
    assert len(keys.pop()) >= 32
    (made,) = (tmp_path / "home").iterdir()
    assert stat.S_IMODE(made.stat().st_mode) == 0o600
    assert Settings(home=tmp_path / "other", token_secret=None).signing_key() != settings.signing_key()

"""Verdicts exist for what was looked at, come later, and are mostly right; chance may choose some to look at."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest

from noc_platform.errors import BadInput
from noc_platform.simulator.manifest import Manifest
from noc_platform.simulator.world import WorldPlan
from noc_platform.simulator.writer import write_world

PLAN = WorldPlan(guards=80, sites=8, days=10, seed=12, planted=4.0, random_review=0.2)


def table(folder: Path, manifest: Manifest, name: str) -> Any:
    paths = [folder / file.path for file in (*manifest.files, *manifest.truth) if file.stream == name]
    return pd.concat([pq.read_table(path).to_pandas() for path in paths], ignore_index=True)


@pytest.fixture(scope="module")
def reviewed(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Every attendance with its truth, and the verdict on it where there is one."""
    folder = tmp_path_factory.mktemp("reviewed")
    manifest = write_world(PLAN, folder)
    punches = table(folder, manifest, "attendance_events")
    known = punches.groupby(["tenant_id", "attendance_id"], as_index=False).received_at.max()
    truth = table(folder, manifest, "attendances").merge(known, on=["tenant_id", "attendance_id"])
    verdicts = table(folder, manifest, "verdicts")
    assert set(verdicts.subject_kind) == {"ATTENDANCE"}
    found = truth.merge(
        verdicts, "left", left_on=["tenant_id", "attendance_id"], right_on=["tenant_id", "subject_id"],
        suffixes=("", "_of_verdict"), validate="one_to_one",
    )  # fmt: skip
    assert found.subject_id.notna().sum() == len(verdicts)
    return found


def test_labels_exist_only_for_what_was_looked_at(reviewed: Any) -> None:
    looked_at = reviewed.verdict.notna()
    assert 0 < looked_at.mean() < 0.5
    assert reviewed[~looked_at].is_fraud.any(), "nobody saw some of the frauds"
    assert reviewed[looked_at].is_fraud.mean() > 2 * reviewed.is_fraud.mean(), "what is flagged is not like the rest"


def test_they_are_decided_after_what_they_judge_was_known(reviewed: Any) -> None:
    decided = reviewed[reviewed.verdict.notna()]
    delay = decided.occurred_at - decided.received_at
    assert (delay > pd.Timedelta(0)).all()
    assert pd.Timedelta(hours=6) < delay.median() < pd.Timedelta(hours=30)
    assert (decided.received_at_of_verdict > decided.occurred_at).all()


def test_they_are_mostly_right_and_sometimes_wrong_or_undecided(reviewed: Any) -> None:
    decided = reviewed[reviewed.verdict.isin(["CONFIRMED", "FALSE_POSITIVE"])]
    right = (decided.verdict == "CONFIRMED") == decided.is_fraud
    assert 0.85 < right.mean() < 1.0
    assert (reviewed.verdict == "UNDECIDED").any()
    confirmed = decided[(decided.verdict == "CONFIRMED") & decided.is_fraud]
    assert all(kind in kinds for kind, kinds in zip(confirmed.fraud_kind, confirmed.frauds, strict=True))
    assert decided[decided.verdict == "FALSE_POSITIVE"].fraud_kind.isna().all()


def test_chance_chooses_from_all_of_them_alike(reviewed: Any) -> None:
    is_random = reviewed.selection == "RANDOM"
    assert is_random.mean() == pytest.approx(PLAN.random_review, abs=0.05)
    assert (reviewed[is_random].selection_probability == PLAN.random_review).all()
    assert reviewed[is_random].is_fraud.mean() == pytest.approx(reviewed.is_fraud.mean(), abs=0.12)
    assert reviewed[~is_random].selection_probability.isna().all()


def test_the_slice_changes_nothing_but_the_verdicts(tmp_path: Path) -> None:
    small = replace(PLAN, guards=12, sites=4, days=2)
    with_slice = write_world(small, tmp_path / "with")
    without = write_world(replace(small, random_review=0.0), tmp_path / "without")
    differing = {
        one.stream
        for one, other in zip((*with_slice.files, *with_slice.truth), (*without.files, *without.truth), strict=True)
        if one.sha256 != other.sha256
    }
    assert differing == {"verdicts"}
    assert "RANDOM" not in set(table(tmp_path / "without", without, "verdicts").selection)


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_a_share_that_is_none_is_refused(share: float) -> None:
    with pytest.raises(BadInput, match="random_review"):
        replace(PLAN, random_review=share)

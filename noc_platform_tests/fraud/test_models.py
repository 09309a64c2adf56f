"""The artefact: what comes back is what went in, and nothing that is not ours is ever loaded."""

import copy
import hashlib
import io
import pickle
import subprocess
import sys
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest
import skops.io
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from sklearn.ensemble import IsolationForest
from sklearn.linear_model import LogisticRegression, SGDClassifier

from noc_platform.errors import Unavailable
from noc_platform.fraud import models
from noc_platform.fraud.models import Artefact, Manifest, Shelf, Unloadable
from noc_platform.fraud.vocabulary import FEATURES_VERSION
from noc_platform_tests.fraud.small_model import FAMILIES, NAMES, fitted, manifest, rows

SHARED = "memory://models"
joblib = import_module("joblib")  # has no types


class Burglar:
    """Unpickling it writes a file: that the file is missing proves nobody did."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return (Path.touch, (self.mark,))


@pytest.fixture
def saved(tmp_path: Path) -> Artefact:
    return models.save(str(tmp_path / "models"), fitted(), manifest())


def load(artefact: Artefact) -> models.Loaded:
    return models.load(artefact, NAMES, FEATURES_VERSION)


def registered(tmp_path: Path, content: bytes) -> Artefact:
    """Somebody put this into the registry by hand, hash and all."""
    path = tmp_path / "foreign.skops"
    path.write_bytes(content)
    return Artefact(str(path), len(content), hashlib.sha256(content).hexdigest())


def archive(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as opened:
        for name, content in members.items():
            opened.writestr(f"{name}.json", content)
    return buffer.getvalue()


def with_manifest(model: Any, said: Manifest) -> bytes:
    buffer = io.BytesIO(skops.io.dumps(model))
    with zipfile.ZipFile(buffer, "a") as opened:
        opened.writestr(models.MANIFEST_MEMBER, said.content)
    return buffer.getvalue()


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
@pytest.mark.parametrize("family", FAMILIES)
def test_what_comes_back_says_what_went_in_said(tmp_path: Path, family: str, method: str) -> None:
    model = fitted(family, method)
    loaded = load(models.save(str(tmp_path), model, manifest(family=family)))
    values, _ = rows(seed=8)
    assert (loaded.probabilities(values) == model.predict_proba(values)[:, 1]).all()
    assert loaded.manifest.family == family


def test_a_model_is_named_by_its_content_and_never_written_over(saved: Artefact, tmp_path: Path) -> None:
    path = Path(saved.uri)
    assert path.name == f"{hashlib.sha256(path.read_bytes()).hexdigest()}.skops"
    assert path.stat().st_size == saved.size
    models.save(str(tmp_path / "models"), fitted("logistic_regression"), manifest())
    assert len(list(path.parent.iterdir())) == 2
    assert load(saved).artefact == saved


def test_a_model_may_lie_in_an_object_store() -> None:
    artefact = models.save(SHARED, fitted(), manifest())
    assert artefact.uri.startswith("memory://")
    assert load(artefact).manifest.names == NAMES


@given(position=st.integers(min_value=0), change=st.integers(1, 255))
def test_a_changed_byte_is_noticed_wherever_it_is(position: int, change: int) -> None:
    content = bytearray(_stored())
    content[position % len(content)] ^= change
    with pytest.raises(Unloadable, match="altered"):
        models.parse(bytes(content), _artefact(_stored()), NAMES, FEATURES_VERSION)


@given(kept=st.integers(0, 10_000))
def test_a_model_cut_short_is_noticed(kept: int) -> None:
    content = _stored()[: min(kept, len(_stored()) - 1)]
    with pytest.raises(Unloadable, match="bytes long"):
        models.parse(content, _artefact(_stored()), NAMES, FEATURES_VERSION)


@given(content=st.binary(max_size=300))
def test_random_bytes_are_no_model_even_with_the_right_hash(content: bytes) -> None:
    with pytest.raises(Unloadable):
        models.parse(content, _artefact(content), NAMES, FEATURES_VERSION)


def test_a_model_that_grew_is_not_read_to_its_end(saved: Artefact) -> None:
    with Path(saved.uri).open("ab") as opened:
        opened.write(b"more")
    with pytest.raises(Unloadable, match="longer"):
        load(saved)


@pytest.mark.parametrize("kind", ["pickle", "joblib", "compressed joblib", "zip around a pickle"])
def test_a_pickle_where_skops_is_expected_is_never_unpickled(tmp_path: Path, kind: str) -> None:
    mark, buffer = tmp_path / "burgled", io.BytesIO()
    if kind == "pickle":
        pickle.dump(Burglar(mark), buffer)
    elif kind == "zip around a pickle":
        buffer.write(archive(schema=pickle.dumps(Burglar(mark)), manifest=pickle.dumps(Burglar(mark))))
    else:
        joblib.dump(Burglar(mark), buffer, compress=3 if kind.startswith("compressed") else 0)
    with pytest.raises(Unloadable, match=r"skops|manifest"):
        load(registered(tmp_path, buffer.getvalue()))
    assert not mark.exists()
    assert "pickle" not in kind or pickle.loads(pickle.dumps(Burglar(mark))) is None  # noqa: S301 - the proof works
    assert "pickle" not in kind or mark.exists()


def test_an_array_of_pickles_inside_a_skops_archive_is_never_unpickled(tmp_path: Path) -> None:
    mark, array = tmp_path / "burgled", io.BytesIO()
    np.save(array, np.array([Burglar(mark)], dtype=object), allow_pickle=True)
    source, target = io.BytesIO(_stored()), io.BytesIO()
    with zipfile.ZipFile(source) as read, zipfile.ZipFile(target, "w") as written:
        for name in read.namelist():
            written.writestr(name, array.getvalue() if name.endswith(".npy") else read.read(name))
    with pytest.raises(Unloadable, match="cannot be read"):
        load(registered(tmp_path, target.getvalue()))
    assert not mark.exists()


def test_foreign_types_are_named_and_not_loaded(tmp_path: Path) -> None:
    model = LogisticRegression().fit(*_known())
    model.extra = Path("/etc/passwd")
    with pytest.raises(Unloadable, match=r"pathlib\.PosixPath"):
        load(registered(tmp_path, with_manifest(model, manifest())))


@pytest.mark.parametrize(
    ("place", "value"),
    [("left_child", 10**9), ("left_child", -7), ("left_child", 0), ("right_child", 10**6), ("right_child", -1),
     ("right_child", 0), ("feature", 10**6), ("feature", -7)],
)  # fmt: skip
def test_a_forest_that_would_read_foreign_memory_is_never_asked(tmp_path: Path, place: str, value: int) -> None:
    model = copy.deepcopy(fitted("random_forest"))
    tree = model.calibrated_classifiers_[0].estimator.estimator[-1].estimators_[2].tree_
    state = tree.__getstate__()
    state["nodes"][place][0] = value
    tree.__setstate__(state)
    with pytest.raises(Unloadable, match="a branch"):
        load(registered(tmp_path, with_manifest(model, manifest(example_probability=0.5))))


@pytest.mark.parametrize("place", ["left", "right", "feature_idx", "is_categorical"])
def test_boosting_that_would_read_foreign_memory_is_never_asked(tmp_path: Path, place: str) -> None:
    model = copy.deepcopy(fitted("gradient_boosting"))
    predictor = model.calibrated_classifiers_[0].estimator.estimator[-1]._predictors[1][0]
    predictor.nodes[place][0] = 1 if place == "is_categorical" else 10**6
    with pytest.raises(Unloadable, match="a branch"):
        load(registered(tmp_path, with_manifest(model, manifest(example_probability=0.5))))


def test_a_foreign_model_cannot_be_saved_either(tmp_path: Path) -> None:
    model = LogisticRegression().fit(*_known())
    model.extra = Path("/etc/passwd")
    with pytest.raises(Unloadable, match="PosixPath"):
        models.save(str(tmp_path / "models"), model, manifest(example=(0.0,) * 4))
    assert not (tmp_path / "models").exists()


def test_an_archive_without_a_manifest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Unloadable, match="no manifest"):
        load(registered(tmp_path, skops.io.dumps(fitted())))


def test_another_archive_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Unloadable, match="not one of skops"):
        load(registered(tmp_path, archive(something=b"{}")))


def test_a_manifest_that_does_not_fit_says_where(tmp_path: Path) -> None:
    content = archive(schema=b"{}", manifest=b'{"layout": 1, "names": []}')
    with pytest.raises(Unloadable, match=r"tenant_id: Field required; model_type"):
        load(registered(tmp_path, content))


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (NAMES[:-1], f"expects features there are none of: {NAMES[-1]}"),
        ((*NAMES[:-1], "shoe_size"), f"expects features there are none of: {NAMES[-1]}"),
        ((NAMES[1], NAMES[0], *NAMES[2:]), f"another order: {NAMES[0]} before {NAMES[1]}"),
        ((*NAMES[:2], NAMES[3], NAMES[2]), f"another order: {NAMES[2]} before {NAMES[3]}"),
    ],
)
def test_a_model_for_other_features_says_which(saved: Artefact, names: tuple[str, ...], said: str) -> None:
    with pytest.raises(Unloadable, match=said):
        models.load(saved, names, FEATURES_VERSION)


def test_a_model_takes_its_own_columns_of_those_there_are(saved: Artefact) -> None:
    loaded = models.load(saved, (*NAMES[:2], "shoe_size", *NAMES[2:]), FEATURES_VERSION)
    values, _ = rows()
    wider = np.insert(values, 2, 43.0, axis=1)
    assert (loaded.probabilities(wider) == load(saved).probabilities(values)).all()


def test_features_computed_differently_since_are_other_features(saved: Artefact) -> None:
    with pytest.raises(Unloadable, match="version 1 of the features; they are at version 2"):
        models.load(saved, NAMES, 2)


def test_a_model_that_has_come_to_say_something_else_is_refused(tmp_path: Path) -> None:
    said = manifest(example_probability=0.987, libraries={"scikit-learn": "0.1"})
    with pytest.raises(Unloadable, match=r"gave 0\.987 when it was saved .*scikit-learn 0\.1, now"):
        load(registered(tmp_path, with_manifest(fitted(), said)))


@pytest.mark.parametrize(
    "model",
    [
        IsolationForest(n_estimators=2),
        SGDClassifier(),
        LogisticRegression(),
    ],
    ids=["no classifier", "no probabilities", "never fitted"],
)
def test_what_is_not_a_fitted_classifier_is_refused(tmp_path: Path, model: Any) -> None:
    if not isinstance(model, LogisticRegression):
        model.fit(*_known())
    with pytest.raises(Unloadable, match="not a classifier"):
        load(registered(tmp_path, with_manifest(model, manifest(example_probability=0.5))))


def test_a_model_of_another_width_is_refused(tmp_path: Path) -> None:
    values, labels = _known()
    model = LogisticRegression().fit(values[:, :3], labels)
    with pytest.raises(Unloadable, match="does not take the 4 columns"):
        load(registered(tmp_path, with_manifest(model, manifest(example_probability=0.5))))


def test_a_model_of_one_class_is_refused(tmp_path: Path) -> None:
    from sklearn.ensemble import RandomForestClassifier

    values, labels = _known()
    model = RandomForestClassifier(2).fit(values, np.zeros_like(labels))
    with pytest.raises(Unloadable, match="cannot be asked"):
        models.save(str(tmp_path), model, manifest())


def test_the_positive_label_is_found_by_its_index(tmp_path: Path) -> None:
    loaded = load(models.save(str(tmp_path), fitted(), manifest(positive=0)))
    values, _ = rows()
    assert (loaded.probabilities(values) == fitted().predict_proba(values)[:, 0]).all()


def test_a_model_that_is_gone_is_told_from_a_store_that_does_not_answer(saved: Artefact) -> None:
    Path(saved.uri).unlink()
    with pytest.raises(Unloadable, match="no model at"):
        load(saved)
    with pytest.raises(Unavailable, match="cannot be read just now"):
        load(Artefact("nowhere-at-all://models/a.skops", saved.size, saved.sha256))
    assert not Unloadable.transient
    assert Unavailable.transient


def test_a_folder_that_cannot_be_written_to_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(Unavailable, match="could not be written"):
        models.save(str(tmp_path / "file" / "models"), fitted(), manifest())


@pytest.mark.parametrize(
    "different",
    [{"names": ("a", "a", "b", "c")}, {"ranges": ()}, {"example": (1.0,)}, {"threshold": 1.5}, {"threshold": np.nan}],
)
def test_a_manifest_that_contradicts_itself_is_not_made(different: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        manifest(**different)


def test_a_champion_is_loaded_once_and_another_takes_its_place(tmp_path: Path) -> None:
    shelf = Shelf()
    first = models.save(str(tmp_path), fitted(), manifest())
    second = models.save(str(tmp_path), fitted("logistic_regression"), manifest())
    with ThreadPoolExecutor(8) as pool:
        seen = list(pool.map(lambda _: shelf.get(first, NAMES, FEATURES_VERSION), range(16)))
    assert all(each is seen[0] for each in seen)
    with pytest.raises(Unloadable, match="another order"):
        shelf.get(first, NAMES[::-1], FEATURES_VERSION)
    Path(first.uri).unlink()
    assert shelf.get(second, NAMES, FEATURES_VERSION).artefact == second
    assert shelf.get(first, NAMES, FEATURES_VERSION) is seen[0]


def test_a_broken_champion_is_tried_again_after_a_while(saved: Artefact) -> None:
    content = Path(saved.uri).read_bytes()
    Path(saved.uri).write_bytes(b"broken")
    patient, hasty = Shelf(), Shelf(refusal_seconds=0)
    for shelf in (patient, hasty):
        with pytest.raises(Unloadable):
            shelf.get(saved, NAMES, FEATURES_VERSION)
    Path(saved.uri).write_bytes(content)
    with pytest.raises(Unloadable):
        patient.get(saved, NAMES, FEATURES_VERSION)
    assert hasty.get(saved, NAMES, FEATURES_VERSION).artefact == saved


def test_few_models_are_held_at_once(tmp_path: Path) -> None:
    shelf = Shelf(capacity=1)
    held = [models.save(str(tmp_path), fitted(family), manifest()) for family in FAMILIES]
    for artefact in held:
        shelf.get(artefact, NAMES, FEATURES_VERSION)
    Path(held[0].uri).unlink()
    with pytest.raises(Unloadable):
        shelf.get(held[0], NAMES, FEATURES_VERSION)


def test_loading_a_model_needs_no_mlflow_and_importing_the_module_nothing_heavy(saved: Artefact) -> None:
    code = (
        "import sys\nfrom noc_platform.fraud import models\n"
        "light = [m for m in ('sklearn', 'skops', 'fsspec', 'numpy', 'pandas') if m in sys.modules]\n"
        f"models.load(models.{saved!r}, {NAMES!r}, {FEATURES_VERSION})\n"
        "print(light, [m for m in ('mlflow', 'dagster') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[0] == "[] []"


def _known() -> tuple["np.ndarray[Any, Any]", "np.ndarray[Any, Any]"]:
    values, labels = rows()
    return np.nan_to_num(values), labels


@cache
def _stored() -> bytes:
    """The bytes of one small model."""
    artefact = models.save(f"{SHARED}/one", fitted("logistic_regression"), manifest())
    content: bytes = fsspec.filesystem("memory").cat_file(artefact.uri)
    return content


def _artefact(content: bytes) -> Artefact:
    return Artefact("memory://one.skops", len(content), hashlib.sha256(content).hexdigest())

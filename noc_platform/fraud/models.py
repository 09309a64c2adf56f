"""A trained model as a file: written once, named by its content, and loaded only after it has been proved to be ours.

The file is a skops archive, never a pickle, with the manifest as one more member: one file, so that one hash covers the
model and what it expects. The API loads models with this module; nothing here knows MLflow or pandas.
Elsewhere: training (`training`), versions and who is champion (`registry`).
"""

import hashlib
import io
import json
import math
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from itertools import pairwise
from threading import Lock
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from noc_platform.errors import NocError, Unavailable

if TYPE_CHECKING:
    import numpy as np

MANIFEST_MEMBER = "manifest.json"
SCHEMA_MEMBER = "schema.json"
SUFFIX = ".skops"
LIBRARIES = ("numpy", "scikit-learn", "scipy", "skops")
# What scikit-learn keeps beside its public estimators, which skops knows by itself: seen with
# `skops.io.get_untrusted_types` on forests, histogram gradient boosting and logistic regression, each calibrated.
# None of them runs code when it is made.
TRUSTED_TYPES = (
    "numpy.dtype",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.calibration._TemperatureScaling",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.tree._tree.Tree",
)
# The same arithmetic in the same order gives the same bits; another build of the libraries may differ in the last ones.
SAME_PROBABILITY = 1e-9
# What reading a malformed archive was seen to raise, in zipfile, json, numpy, scikit-learn and skops.
MALFORMED = (ArithmeticError, AttributeError, EOFError, ImportError, LookupError, OSError, RuntimeError, TypeError)
MALFORMED_FILE = (*MALFORMED, ValueError, zipfile.BadZipFile, zlib.error)

Share = Annotated[float, Field(ge=0, le=1)]


class Unloadable(NocError):
    """A model that must not be used, and why.

    Status 500 and not transient, unlike a store that does not answer (`Unavailable`): the file is wrong, and asking
    again gives the same file. Whoever scores goes on with the champion it holds, or with rules.
    """


class Manifest(BaseModel):
    """What a model expects and how it came to be; it travels inside the model's file.

    `names` are the columns in order; `ranges` the least and greatest value seen in training for each (None where a
    column was never known); `base_rate` the share of positives in training, `threshold` a probability; `positive` the
    index of the positive label among the model's classes; `example` one row (None: not known), and
    `example_probability` what the model said of it when it was saved. Instants carry a zone.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    layout: Literal[1] = 1
    tenant_id: str
    model_type: str
    names: tuple[str, ...] = Field(min_length=1)
    features_version: int
    ranges: tuple[tuple[float, float] | None, ...]
    threshold: Share
    base_rate: Share
    family: str
    parameters: dict[str, str | int | float | bool | None] = {}
    positive: Annotated[int, Field(ge=0, le=1)] = 1
    trained_from: datetime | None = None
    trained_until: datetime | None = None
    rows: dict[str, int] = {}
    example: tuple[float | None, ...]
    example_probability: Share | None = None
    libraries: dict[str, str] = Field(default_factory=lambda: installed_libraries())

    @model_validator(mode="after")
    def _one_of_each_for_every_name(self) -> Self:
        if len(set(self.names)) != len(self.names):
            raise ValueError("a name occurs twice")
        if len(self.ranges) != len(self.names) or len(self.example) != len(self.names):
            raise ValueError(f"{len(self.names)} names, {len(self.ranges)} ranges, {len(self.example)} example values")
        return self

    @property
    def content(self) -> bytes:
        """As JSON, keys sorted: the same manifest is the same bytes."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True, indent=1, allow_nan=False).encode()

    @property
    def sha256(self) -> str:
        """Hash of its content, in hexadecimal."""
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True)
class Artefact:
    """A model's file: where it is (a path or any URL fsspec reads), how long in bytes, and its hash in hexadecimal."""

    uri: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Loaded:
    """A model that passed every check. `model` is a fitted scikit-learn classifier of two classes, and `places` says
    where each of the manifest's columns stands among the names it was loaded for."""

    model: Any
    manifest: Manifest
    artefact: Artefact
    places: tuple[int, ...]

    def chosen(self, values: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
        """The manifest's columns (n, k), of rows whose columns are the names it was loaded for."""
        if self.places == tuple(range(values.shape[1])):
            return values
        return values[:, list(self.places)]

    def probabilities(self, values: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
        """Probability of the positive label, (n,), of rows whose columns are the names it was loaded for, float64;
        NaN is not known."""
        positive: np.ndarray[Any, Any] = self.model.predict_proba(self.chosen(values))[:, self.manifest.positive]
        return positive


def installed_libraries() -> dict[str, str]:
    """Versions of what a model depends on, as installed here."""
    return {name: version(name) for name in LIBRARIES}


def save(folder: str, model: Any, manifest: Manifest) -> Artefact:
    """Write the model into a folder (a path or URL) under the name of its hash. What is there is never written over.

    Raises `Unloadable` for a model that could not be loaded again, before anything is written, and `Unavailable`
    when the folder cannot be written to.
    """
    import skops.io

    told = manifest.model_copy(update={"example_probability": _example_probability(model, manifest)})
    archive = io.BytesIO(skops.io.dumps(model, compression=zipfile.ZIP_DEFLATED))
    with zipfile.ZipFile(archive, "a", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr(MANIFEST_MEMBER, told.content)
    content = archive.getvalue()
    digest = hashlib.sha256(content).hexdigest()
    artefact = Artefact(f"{folder.rstrip('/')}/{digest}{SUFFIX}", len(content), digest)
    parse(content, artefact, told.names, told.features_version)
    _write(folder, artefact, content)
    return artefact


def load(artefact: Artefact, expected_names: Sequence[str], features_version: int) -> Loaded:
    """Read a model, checking before parsing and asking it once before trusting it.

    Raises `Unloadable` when the file is gone, altered, not skops, foreign, or made for other features, saying which;
    `Unavailable` when its store does not answer.
    """
    return parse(_read(artefact), artefact, expected_names, features_version)


def parse(content: bytes, artefact: Artefact, expected_names: Sequence[str], features_version: int) -> Loaded:
    """The model in these bytes, after every check of `load`. Raises `Unloadable`."""
    _check_content(content, artefact)
    manifest = _manifest_in(content, artefact)
    places = _places(manifest, expected_names, features_version, artefact)
    loaded = Loaded(_model_in(content, artefact), manifest, artefact, places)
    _check_model(loaded)
    return loaded


def _write(folder: str, artefact: Artefact, content: bytes) -> None:
    import fsspec

    try:
        filesystem, directory = fsspec.core.url_to_fs(folder)
        _, path = fsspec.core.url_to_fs(artefact.uri)
        if filesystem.exists(path):
            return
        filesystem.makedirs(directory, exist_ok=True)
        # Under another name first: a writer that is killed leaves no half of a model under the name of the whole.
        unfinished = f"{path}.unfinished"
        filesystem.pipe_file(unfinished, content)
        filesystem.mv(unfinished, path)
    except (OSError, ImportError, ValueError) as error:
        raise Unavailable(f"The model could not be written to {artefact.uri}: {error}") from error


def _read(artefact: Artefact) -> bytes:
    import fsspec

    try:
        with fsspec.open(artefact.uri, "rb") as opened:
            # One byte more than it should have shows that it is too long; all of it need not be fetched for that.
            content: bytes = opened.read(artefact.size + 1)
    except FileNotFoundError as error:
        raise Unloadable(f"There is no model at {artefact.uri} any more.") from error
    except (OSError, ImportError, ValueError) as error:
        raise Unavailable(f"The model at {artefact.uri} cannot be read just now: {error}") from error
    return content


def _check_content(content: bytes, artefact: Artefact) -> None:
    if len(content) != artefact.size:
        found = "longer" if len(content) > artefact.size else f"{len(content)} bytes long"
        raise Unloadable(
            f"The model at {artefact.uri} was {artefact.size} bytes when it was registered and is {found}."
        )
    if hashlib.sha256(content).hexdigest() != artefact.sha256:
        raise Unloadable(f"The model at {artefact.uri} has been altered: its SHA-256 is not the one registered.")


def _manifest_in(content: bytes, artefact: Artefact) -> Manifest:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as opened:
            members = set(opened.namelist())
            if SCHEMA_MEMBER not in members:
                raise Unloadable(f"{artefact.uri} is an archive, but not one of skops. Nothing in it was loaded.")
            if MANIFEST_MEMBER not in members:
                raise Unloadable(f"The model at {artefact.uri} has no manifest, so nobody knows what it expects.")
            return Manifest.model_validate_json(opened.read(MANIFEST_MEMBER))
    except ValidationError as error:
        said = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()[:3])
        raise Unloadable(f"The manifest of the model at {artefact.uri} does not fit: {said}.") from error
    except MALFORMED_FILE as error:
        raise Unloadable(
            f"{artefact.uri} is not a skops file, the only kind that is ever loaded (a pickle is not). "
            "Register a model that was saved by the platform."
        ) from error


def _places(
    manifest: Manifest, expected_names: Sequence[str], features_version: int, artefact: Artefact
) -> tuple[int, ...]:
    """Where the model's columns are among the expected ones. A model may do without some (training leaves out what
    says nothing for a tenant); it may not expect others, nor another order."""
    if manifest.features_version != features_version:
        raise Unloadable(
            f"The model at {artefact.uri} was trained on version {manifest.features_version} of the features; "
            f"they are at version {features_version}. Train it again."
        )
    if unknown := [name for name in manifest.names if name not in expected_names]:
        raise Unloadable(
            f"The model at {artefact.uri} expects features there are none of: {', '.join(unknown)}. Train it again."
        )
    places = tuple(list(expected_names).index(name) for name in manifest.names)
    for before, (place, after) in zip(manifest.names, pairwise(places), strict=False):
        if place > after:
            raise Unloadable(
                f"The model at {artefact.uri} was trained on the features in another order: {before} before "
                f"{expected_names[after]}. Train it again."
            )
    return places


def _model_in(content: bytes, artefact: Artefact) -> Any:
    import skops.io

    try:
        foreign = sorted(set(skops.io.get_untrusted_types(data=content)) - set(TRUSTED_TYPES))
        if foreign:
            raise Unloadable(
                f"The model at {artefact.uri} is made of types the platform does not use: {', '.join(foreign)}. "
                "It was not made here and was not loaded."
            )
        return skops.io.loads(content, trusted=list(TRUSTED_TYPES))
    except MALFORMED_FILE as error:
        raise Unloadable(f"The model at {artefact.uri} cannot be read: {type(error).__name__}: {error}") from error


def _check_model(loaded: Loaded) -> None:
    """The model is a classifier of two classes over the manifest's columns, and says of the example what it said."""
    from noc_platform.fraud.trees import astray

    model, manifest, uri = loaded.model, loaded.manifest, loaded.artefact.uri
    if not hasattr(model, "predict_proba") or len(getattr(model, "classes_", ())) != 2:
        raise Unloadable(f"The model at {uri} is a {type(model).__name__}, not a classifier of two classes.")
    if getattr(model, "n_features_in_", None) != len(manifest.names):
        raise Unloadable(f"The model at {uri} does not take the {len(manifest.names)} columns its manifest names.")
    if (wrong := astray(model)) is not None:
        raise Unloadable(f"The model at {uri} is damaged: {wrong}. It was not asked anything.")
    told, expected = _example_probability(model, manifest, uri), manifest.example_probability
    if expected is None or abs(told - expected) > SAME_PROBABILITY:
        raise Unloadable(
            f"The model at {uri} gives its example {told}, and gave {expected} when it was saved "
            f"{_differences(manifest.libraries)}. Train it again."
        )


def _example_probability(model: Any, manifest: Manifest, uri: str = "hand") -> float:
    import numpy as np

    row = np.array([[math.nan if value is None else value for value in manifest.example]], dtype=np.float64)
    try:
        told = float(model.predict_proba(row)[0, manifest.positive])
    except MALFORMED_FILE as error:
        raise Unloadable(f"The model at {uri} cannot be asked: {type(error).__name__}: {error}") from error
    if not 0 <= told <= 1:
        raise Unloadable(f"The model at {uri} gives its example the probability {told}, which is none.")
    return told


def _differences(libraries: Mapping[str, str]) -> str:
    here = installed_libraries()
    changed = [
        f"{name} {libraries.get(name)}, now {here[name]}" for name in LIBRARIES if libraries.get(name) != here[name]
    ]
    return f"({'; '.join(changed)})" if changed else "(with the same libraries)"


class Shelf:
    """Models in memory by their hash: each is loaded once, and one whose hash is new takes its place beside it.

    Bounded; the one not asked for longest goes first. What could not be loaded is remembered for `refusal_seconds`, so
    that a broken champion costs no reading for every event. Safe to share between threads.
    """

    def __init__(self, capacity: int = 16, refusal_seconds: float = 60) -> None:
        from cachetools import LRUCache, TTLCache

        self._models: LRUCache[tuple[object, ...], Loaded] = LRUCache(capacity)
        self._refusals: TTLCache[tuple[object, ...], Unloadable] = TTLCache(capacity, refusal_seconds)
        self._lock = Lock()

    def get(self, artefact: Artefact, expected_names: Sequence[str], features_version: int) -> Loaded:
        """The model of an artefact, loaded if it is not here yet. Raises as `load` does."""
        key = (artefact, tuple(expected_names), features_version)
        # Held while loading: many requests at once after a promotion wait for one reading instead of making many.
        with self._lock:
            if (held := self._models.get(key)) is not None:
                return held
            if (refused := self._refusals.get(key)) is not None:
                raise Unloadable(str(refused))
            try:
                loaded = load(artefact, expected_names, features_version)
            except Unloadable as refusal:
                self._refusals[key] = refusal
                raise
            self._models[key] = loaded
            return loaded

"""What a world consists of: its plan, its files, their rows and hashes. Without a manifest a folder is no world."""

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

from noc_platform.errors import BadInput
from noc_platform.simulator.world import WorldPlan

MANIFEST = "manifest.json"
LAYOUT_VERSION = 2


@dataclass(frozen=True)
class WrittenFile:
    """One file of a world; `path` is relative to its folder, with forward slashes. `stream` names its stream, or the
    table of the truth that it holds."""

    path: str
    stream: str
    rows: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """A whole world."""

    plan: WorldPlan
    format: str
    files: tuple[WrittenFile, ...]
    truth: tuple[WrittenFile, ...] = ()

    @property
    def rows(self) -> dict[str, int]:
        """Rows of each stream, in the order the streams can be ingested."""
        counted: dict[str, int] = {}
        for file in self.files:
            counted[file.stream] = counted.get(file.stream, 0) + file.rows
        return counted

    def text(self) -> str:
        """As JSON; the same world gives the same text."""
        document = {
            "version": LAYOUT_VERSION,
            "plan": {**asdict(self.plan), "first_day": self.plan.first_day.isoformat()},
            "format": self.format,
            "rows": self.rows,
            "files": [asdict(file) for file in self.files],
            "truth": [asdict(file) for file in self.truth],
        }
        return json.dumps(document, indent=1) + "\n"


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a complete world. Raises `BadInput` when there is none, or files it names are not there."""
    path = folder / MANIFEST
    try:
        document = json.loads(path.read_text())
        plan = {**document["plan"], "first_day": date.fromisoformat(document["plan"]["first_day"])}
        manifest = Manifest(
            WorldPlan(**plan),
            document["format"],
            tuple(WrittenFile(**file) for file in document["files"]),
            tuple(WrittenFile(**file) for file in document["truth"]),
        )
    except FileNotFoundError as error:
        raise BadInput(
            f"{folder} holds no whole world: {MANIFEST} is missing. Make it again with `noc simulate`."
        ) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInput(
            f"{path} cannot be read as a manifest ({error}). Make the world again with `noc simulate`."
        ) from error
    missing = [file.path for file in (*manifest.files, *manifest.truth) if not (folder / file.path).is_file()]
    if missing:
        raise BadInput(f"{folder} lacks {len(missing)} of its files, {missing[0]} among them. Make the world again.")
    return manifest


def verify_world(folder: Path) -> Manifest:
    """The manifest, once every file was found as it was written. Raises `BadInput` naming the first that differs."""
    manifest = read_manifest(folder)
    for file in (*manifest.files, *manifest.truth):
        if digest_of(folder / file.path) != file.sha256:
            raise BadInput(f"{folder / file.path} is not as it was written. Make the world again with `noc simulate`.")
    return manifest


def digest_of(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

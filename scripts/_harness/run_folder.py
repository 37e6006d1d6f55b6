"""The folder of a run: nothing half-written, nothing of another run overwritten, finished steps kept."""

import io
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxviz._core.files import dumps as dumps
from jaxviz._core.files import file_name as file_name
from scripts._harness import lock as _lock
from scripts._harness import report as _report
from scripts._harness.clock import Clock
from scripts._harness.command import UsageError
from scripts._harness.depends import code
from scripts._harness.versions import versions

_RECORD = "run.json"


class Step(NamedTuple):
    """What one step of a run found: numbers for a reader, arrays for a program."""

    numbers: dict[str, Any]
    arrays: dict[str, np.ndarray]


class RunFolder:
    """A folder that belongs to one run: a script with its resolved arguments, on some data.

    One process is in it at a time. Running the same again after an interruption goes on where it stopped. Running the
    same again after the end, or by other software, does all of it again, and replaces file by file. Another run is
    refused.

    Args:
        path: the folder; made where it is missing.
        run: all that the results depend on: script and arguments, and digests of weights, photos and data sets. It says
            whose folder it is.
        versions: of the software. Finished steps of other versions, or of other code in this repository, are not used.

    Attributes:
        path: the folder.
        run: as given.
        resumed: whether an interrupted run goes on. Otherwise nothing that lies in the folder may be used.
        clock: where the seconds of its steps went.

    Raises:
        UsageError: for a folder with anything else in it, or one that cannot be made.
    """

    def __init__(self, path: Path, run: dict[str, Any], versions: Mapping[str, str]):
        self.path = path
        self.run = run
        self._record: dict[str, Any] = {"run": run, "versions": dict(versions), "code": code()}
        self._record |= {"finished": [], "complete": False}
        self._written: list[str] = []
        self.clock = Clock()
        if (other := occupant(path, run)) is not None:
            raise UsageError(f"`--out` must be a new folder or one of the same run, got {path}: {other}. Use another.")
        try:
            path.mkdir(parents=True, exist_ok=True)
            _lock.acquire(path)
        except OSError as error:
            raise UsageError(f"`--out` must be a folder that can be written, got {path}: {error}.") from error
        before = _read(path)
        software = ("versions", "code")
        self.resumed = bool(
            before and not before["complete"] and all(before.get(key) == self._record[key] for key in software)
        )
        if before and self.resumed:
            self._record["finished"] = before["finished"]
        try:
            self._write_record()
        except OSError as error:
            raise UsageError(f"`--out` must be a folder that can be written, got {path}: {error}.") from error

    def step(self, name: str, measure: Callable[[], Step]) -> Step:
        """What `measure` finds, as it is kept, or what it had found before the run was interrupted."""
        if not self.finished(name):
            with self.clock(name):
                self.save(name, measure())
        return self.load(name)

    def finished(self, name: str) -> bool:
        """Whether an interrupted run has left this step."""
        return name in self._record["finished"]

    def steps(self) -> list[str]:
        """All that an interrupted run has left."""
        return list(self._record["finished"])

    def load(self, name: str) -> Step:
        """What `save` was given, arrays included."""
        return load(self.path, name)

    def save(self, name: str, step: Step) -> None:
        """Write `name.json` and `name.npz`, named by `file_name`, and count the step as finished."""
        file = io.BytesIO()
        np.savez_compressed(file, allow_pickle=False, **step.arrays)
        self.write(f"{name}.npz", file.getvalue())
        self.write(f"{name}.json", dumps(step.numbers).encode())
        self._record["finished"].append(name)
        self._write_record()

    def write(self, name: str, content: bytes) -> Path:
        """Write a file: under its name there is the old content or all of the new, whatever happens.

        What stands before the ending may be any name, of a layer or a class: the file is named by `file_name`.
        """
        stem, ending = os.path.splitext(name)
        path = self.path / f"{file_name(stem)}{ending}"
        unfinished = self.path / f".{path.name}.{os.getpid()}.tmp"
        try:
            unfinished.write_bytes(content)
            os.replace(unfinished, path)
        finally:
            unfinished.unlink(missing_ok=True)
        self._written.append(path.name)
        return path

    def finish(
        self,
        files: Callable[[], Mapping[str, bytes]],
        headline: Callable[[], str],
        text: Callable[[], str],
        clock: Clock,
        page: Callable[[], str] | None = None,
    ) -> None:
        """Draw, write what was drawn and the page `index.html`, mark the end, and print what the study found.

        Args:
            files: makes the pictures and tables, by name.
            headline: says what the study found in a sentence or two; it is kept in `run.json`.
            text: says all that it found, in lines.
            clock: of the run.
            page: of a study with a page of its own. By default one of the headline, the text, the pictures that were
                written, and the files.
        """
        clock.include(self.clock)
        with clock("draw"):
            for name, content in files().items():
                self.write(name, content)
            said, lines = headline(), text()
            versions = self._record["versions"]
            html = page() if page else _report.html(self.path, self.run, versions, said, lines, self._written)
            # Last, so that it never speaks of what is not there.
            path = self.write(_report.NAME, html.encode())
        self._record |= {"complete": True, "headline": said}
        self._write_record()
        _lock.release(self.path)
        print(f"\n{lines}\n\n{said}\n\nWhere the time went:\n{clock.table()}\n\n{path}")

    def _write_record(self) -> None:
        self.write(_RECORD, dumps(self._record).encode())


def opened(name: str, run: Mapping[str, Any], out: Path | None) -> RunFolder:
    """The folder of a run, and its settings printed.

    Args:
        name: of the script and what it is about, for a folder under runs/.
        run: all that the results depend on.
        out: a folder to take instead.

    Raises:
        UsageError: the folder is another run's.
    """
    settings = plain(run)
    folder = RunFolder(out or free(Path("runs") / name, settings), settings, versions())
    say(settings)
    return folder


def say(settings: Mapping[str, Any]) -> None:
    """Print what a reader can make something of."""
    shown = {key: value for key, value in settings.items() if not key.endswith("sha256")}
    width = max(map(len, shown), default=0)
    for key, value in shown.items():
        print(f"  {key:<{width}} {value}")


def plain(value: Any) -> Any:
    """As JSON has it: lists for tuples, text for paths."""
    if isinstance(value, Mapping):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, tuple | list):
        return [plain(each) for each in value]
    return str(value) if isinstance(value, Path) else value


def load(path: Path, name: str) -> Step:
    """The step of this name that lies in the folder of a run."""
    numbers = json.loads((path / f"{file_name(name)}.json").read_text("utf-8"))
    with np.load(path / f"{file_name(name)}.npz") as arrays:
        return Step(numbers, dict(arrays))


def occupant(path: Path, run: dict[str, Any]) -> str | None:
    """What keeps `run` out of the folder, in words; `None` where it may go in."""
    if not path.exists():
        return None
    if not path.is_dir():
        return "that is a file"
    if not any(path.iterdir()):
        return None
    record = _read(path)
    if record is None:
        return "it holds other files"
    other = record["run"]
    differing = [key for key in sorted({*run, *other}) if run.get(key) != other.get(key)]
    return f"it holds a run with another {', '.join(differing)}" if differing else None


def free(path: Path, run: dict[str, Any]) -> Path:
    """The first of `path`, `path-2`, `path-3`, ... that is new or of the same run."""
    candidate, number = path, 1
    while occupant(candidate, run) is not None:
        number += 1
        candidate = path.with_name(f"{path.name}-{number}")
    return candidate


def _read(path: Path) -> dict[str, Any] | None:
    try:
        record = json.loads((path / _RECORD).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) and record.keys() >= {"run", "versions", "finished", "complete"} else None

"""One study after the other, each a process and a folder of its own."""

import shlex
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tqdm import tqdm

from scripts._explain._run import versions
from scripts._reproduce._study import Study, read
from scripts._run_folder import RunFolder, dumps

_OUTCOMES = "outcomes.json"


class Outcome(NamedTuple):
    """How a study ended: `done`, `missing` or `failed`, and the reason where it is not done."""

    state: str
    reason: str = ""
    seconds: float = 0.0


def outcomes(studies: Sequence[Study], folder: RunFolder) -> dict[str, Outcome]:
    """Runs the studies that were not done before, by the same command and the same software, and lack nothing.

    One that fails is no reason to leave out the others. What a study prints goes to a file beside its folder.
    """
    results: dict[str, Outcome] = {}
    before = _remembered(folder)
    with tqdm(studies, unit="study") as bar:
        for study in bar:
            bar.set_description(study.name)
            results[study.name] = outcome = _outcome(study, folder.path, before.get(study.name, {}))
            if outcome.state == "done":
                before[study.name] = _record(study) | {"seconds": outcome.seconds}
            folder.write(_OUTCOMES, dumps(before).encode())
            bar.write(f"  {study.name:<28} {outcome.state:<8} {outcome.seconds:6.0f} s  {outcome.reason}".rstrip())
    return results


def command(study: Study) -> str:
    """To run it alone."""
    return shlex.join(["python", "-m", *study.arguments])


def _outcome(study: Study, folder: Path, before: dict[str, Any]) -> Outcome:
    lacking = [need for need in study.needs if not need.met()]
    if lacking:
        return Outcome("missing", " ".join(f"{need.what} is missing. {need.way}" for need in lacking))
    own, log = folder / study.name, folder / f"{study.name}.log"
    if before.items() >= _record(study).items() and _complete(own):
        return Outcome("done", seconds=before["seconds"])
    start = time.perf_counter()
    with log.open("w", encoding="utf-8") as stream:
        arguments = [sys.executable, "-m", *study.arguments, "--out", str(own)]
        code = subprocess.run(arguments, stdout=stream, stderr=subprocess.STDOUT, check=False).returncode
    seconds = round(time.perf_counter() - start, 1)
    if code == 0 and _complete(own):
        return Outcome("done", seconds=seconds)
    last = [line for line in log.read_text("utf-8", errors="replace").splitlines() if line.strip()][-1:]
    return Outcome("failed", f"{' '.join(last)} (exit code {code}, {log.name})".strip(), seconds)


def _record(study: Study) -> dict[str, Any]:
    return {"command": command(study), "versions": versions()}


def _complete(folder: Path) -> bool:
    try:
        return read(folder, "run.json")["complete"]
    except (OSError, ValueError, KeyError):
        return False


def _remembered(folder: RunFolder) -> dict[str, Any]:
    try:
        return read(folder.path, _OUTCOMES)
    except (OSError, ValueError):
        return {}

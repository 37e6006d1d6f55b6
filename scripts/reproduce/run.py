"""One study after the other, each a process and a folder of its own."""

import contextlib
import json
import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tqdm import tqdm

from scripts._harness.clock import Clock
from scripts._harness.depends import code
from scripts._harness.run_folder import RunFolder, dumps
from scripts._harness.versions import versions
from scripts.reproduce.study import Study, record

_OUTCOMES = "outcomes.json"
_PATIENCE = 10  # seconds


TO_COME = "still to come"
STATES = ("done", "missing", "failed", TO_COME)


class Outcome(NamedTuple):
    """How a study ended, or that it has not begun, one of `STATES`; and the reason where it is not done."""

    state: str
    reason: str = ""
    seconds: float = 0.0


def outcomes(studies: Sequence[Study], folder: RunFolder, clock: Clock) -> Iterator[dict[str, Outcome]]:
    """Runs the studies that were not done before, by the same command, software and data, and lack nothing.

    One that fails is no reason to leave out the others. What a study prints goes to a file beside its folder.

    Yields:
        How all of them stand, before the first one and after each.
    """
    results = {study.name: Outcome(TO_COME) for study in studies}
    before = _remembered(folder)
    with tqdm(total=len(studies), unit="study") as bar, tqdm(bar_format="{desc}", position=1, leave=False) as inside:
        for study in studies:
            bar.set_description(study.name)
            yield results
            with clock("studies"):
                outcome = _outcome(study, folder, before, inside.set_description_str)
            results[study.name] = outcome
            inside.set_description_str("")
            bar.update()
            bar.write(f"  {study.name:<35} {outcome.state:<8} {outcome.seconds:6.0f} s  {outcome.reason}".rstrip())
    yield results


def command(study: Study) -> str:
    """To run it alone."""
    return shlex.join(["python", "-m", *study.arguments])


def _outcome(study: Study, folder: RunFolder, remembered: dict[str, Any], say: Callable[[str], object]) -> Outcome:
    lacking = [need for need in study.needs if not need.met()]
    if lacking:
        return Outcome("missing", " ".join(f"{need.what} is missing. {need.way}" for need in lacking))
    own, log = folder.path / study.name, folder.path / f"{study.name}.log"
    before, record = remembered.get(study.name, {}), _record(study)
    if before.items() >= record.items() and "seconds" in before and _complete(own):
        return Outcome("done", seconds=before["seconds"])
    if own.exists() and any(before.get(key, record[key]) != record[key] for key in ("command", "inputs")):
        _put_aside(own)
    # Known from here on, so that after an interruption the study goes on only if it is still the same.
    remembered[study.name] = record
    folder.write(_OUTCOMES, dumps(remembered).encode())
    start = time.perf_counter()
    exit_code = _followed([sys.executable, "-m", *study.arguments, "--out", str(own)], log, say)
    seconds = round(time.perf_counter() - start, 1)
    if exit_code == 0 and _complete(own):
        remembered[study.name] = record | {"seconds": seconds}
        folder.write(_OUTCOMES, dumps(remembered).encode())
        return Outcome("done", seconds=seconds)
    last = [line for line in log.read_text("utf-8", errors="replace").splitlines() if line.strip()][-1:]
    return Outcome("failed", f"{' '.join(last)} (exit code {exit_code}, {log.name})".strip(), seconds)


def _followed(command: list[str], log: Path, say: Callable[[str], object]) -> int:
    """Run a command, keep what it prints in a file, and say the last line of it while it runs: its own bar.

    Ctrl-C reaches the command as well, which is given the time to end as it does alone.
    """
    # A new line of a bar each second, and not ten.
    environment = {**os.environ, "TQDM_MININTERVAL": "1", "PYTHONUNBUFFERED": "1"}
    with (
        log.open("wb") as stream,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment) as process,
    ):
        assert process.stdout is not None
        rest = b""
        try:
            while part := os.read(process.stdout.fileno(), 65536):
                stream.write(part)
                stream.flush()
                *_, line, rest = [b"", *re.split(rb"[\r\n]", rest + part)]
                if shown := (rest.strip() or line.strip()).decode("utf-8", errors="replace"):
                    say(f"  {shown}")
        except KeyboardInterrupt:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_PATIENCE)
            process.kill()
            raise
        return process.wait()


def _put_aside(own: Path) -> None:
    """Results of another command, or on other data, make way under another name: they are no rubbish."""
    number = 1
    while (aside := own.with_name(f"{own.name}-before-{number}")).exists():
        number += 1
    own.rename(aside)


def _record(study: Study) -> dict[str, Any]:
    inputs = {need.what: need.content() for need in study.needs}
    return {"command": command(study), "versions": versions(), "code": code(), "inputs": inputs}


def _complete(folder: Path) -> bool:
    try:
        return record(folder)["complete"]
    except (OSError, ValueError, KeyError):
        return False


def _remembered(folder: RunFolder) -> dict[str, Any]:
    try:
        return json.loads((folder.path / _OUTCOMES).read_text("utf-8"))
    except (OSError, ValueError):
        return {}

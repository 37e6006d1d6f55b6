"""The page of all studies: what was reported, what was measured, by which command, and the figures."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jaxviz import render
from scripts._harness import lock as _lock
from scripts._harness import report as _report
from scripts._harness.clock import Clock
from scripts._harness.run_folder import RunFolder, dumps
from scripts._harness.versions import versions
from scripts.reproduce.run import STATES, TO_COME, Outcome, command, outcomes
from scripts.reproduce.study import Study, record

_HEADER = ("study", "the source reported", "measured here", "command")
_WIDEST = 1600


def write(studies: Sequence[Study], out: Path, clock: Clock) -> tuple[Path, list[dict[str, Any]]]:
    """Run what can run; after each study `index.html`, and `table.json` with the rows of its table."""
    folder = RunFolder(out, {"script": "reproduce"}, versions())
    rows: list[dict[str, Any]] = []
    for found in outcomes(studies, folder, clock):
        with clock("page"):
            rows = table(studies, found, folder.path)
            folder.write("table.json", dumps(rows).encode())
            index = page(studies, found, rows, folder.path)
            folder.write("index.html", render.html(index).encode())
    _lock.release(folder.path)
    return folder.path / "index.html", rows


def table(studies: Sequence[Study], found: Mapping[str, Outcome], folder: Path) -> list[dict[str, Any]]:
    """A row for each study, in words."""
    return [
        {
            "study": study.title,
            "reported": study.reported,
            "measured": _measured(study, found[study.name], folder),
            "command": command(study),
            "state": found[study.name].state,
            "seconds": found[study.name].seconds,
            "figures": [f"{study.name}/{figure}" for figure in study.figures],
        }
        for study in studies
    ]


def page(
    studies: Sequence[Study], found: Mapping[str, Outcome], rows: Sequence[Mapping[str, Any]], folder: Path
) -> render.Page:
    """The table, then a section for each study that is done."""
    cells = [(row["study"], row["reported"], row["measured"], row["command"]) for row in rows]
    states = [row["state"] for row in rows]
    counts = ", ".join(f"{states.count(state)} {state}" for state in STATES if state in states)
    sections = [render.Section("All studies", f"{len(rows)} studies: {counts}.", [render.Table(_HEADER, cells)])]
    for study, row in zip(studies, rows, strict=True):
        if found[study.name].state == "done":
            reading = f"Reported: {row['reported']} Measured: {row['measured']}"
            plates = [_plate(study, folder / study.name / name) for name in study.figures]
            plates = [*plates, render.Files([(f"{study.name}/index.html", "is its own page")])]
            cost = [("time", f"{row['seconds']:.0f} s"), ("folder", study.name)]
            sections.append(render.Section(study.title, reading, plates, cost, row["command"]))
    summary = "What the sources report, and what the same experiments give here, each made by one command."
    return render.Page("Reproduced studies", summary, sections, versions())


def _measured(study: Study, outcome: Outcome, folder: Path) -> str:
    if outcome.state == "done":
        return record(folder / study.name)["headline"]
    if outcome.state == TO_COME:
        return f"{TO_COME}."
    return f"{outcome.state}: {outcome.reason}"


def _plate(study: Study, path: Path) -> render.Plate:
    picture = _report.picture(path, path.stat().st_mtime_ns, _WIDEST)
    return render.Plate(render.Figure(picture, path.name, f"The figure {path.name} of: {study.title}."))

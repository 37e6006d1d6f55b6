"""The table of what the studies have measured, between the marks of a page."""

import html
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from scripts._harness.marks import replaced

_MARKS = "reproduce"
_HEADER = ["study", "the source reported", "measured here", "seconds"]


def write(results: Path, page: Path) -> Path:
    """Replace what stands between the marks of a page.

    Args:
        results: the folder of a run.
        page: a file with the marks.

    Raises:
        ValueError: there are no results, or no marks.
    """
    before = page.read_text("utf-8") if page.is_file() else ""
    if not replaced(before, _MARKS, lambda _: "")[1]:
        raise ValueError(f"`--table` must be a file with the marks of the table, got {str(page)!r} without.")
    file = results / "table.json"
    if not file.is_file():
        raise ValueError(f"`--out` must be the folder of a run, got {str(results)!r} without table.json. Run it first.")
    rows = json.loads(file.read_text("utf-8"))
    page.write_text(replaced(before, _MARKS, lambda _: lines(rows))[0], "utf-8")
    return page


def lines(rows: Sequence[Mapping[str, Any]]) -> str:
    """Markdown: a row for each study that is done, how long all took, and why the others are not."""
    rows = [{**row, **{key: _text(row[key]) for key in ("reported", "measured")}} for row in rows]
    done = [row for row in rows if row["state"] == "done"]
    cells = [
        [f"{row['study']} (`{row['command']}`)", row["reported"], row["measured"], f"{row['seconds']:.0f}"]
        for row in done
    ]
    # Not in columns: sentences are longer than a screen is wide.
    table = "\n".join(f"| {' | '.join(line)} |" for line in [_HEADER, ["---"] * len(_HEADER), *cells])
    minutes = sum(row["seconds"] for row in done) / 60
    count = f"{len(done)} {'study' if len(done) == 1 else 'studies'} in {minutes:.0f} minutes."
    return "\n\n".join([table, count, *(f"{row['study']}: {row['measured']}" for row in rows if row not in done)])


def _text(words: str) -> str:
    """Words as they are, in a cell too."""
    return html.escape(words, quote=False).replace("|", r"\|")

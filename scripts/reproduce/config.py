"""The arguments of `scripts.reproduce`."""

import dataclasses
from pathlib import Path

from scripts._harness.ranges import Folder


@dataclasses.dataclass(frozen=True)
class Config:
    """Which studies, and where."""

    only: tuple[str, ...] = ()
    """Names of studies. All by default; the page has those that are chosen."""
    list: bool = False
    """Show the studies and what they lack, and run nothing."""
    table: Path | None = None
    """Put the table of what was measured between the marks of a page, `<!-- reproduce -->`, and run nothing."""
    out: Folder = Path("runs/reproduce")
    """The folder of the results."""

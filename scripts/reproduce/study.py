"""What there is to know of a study before it has run, and the record that it leaves in its folder."""

import json
from pathlib import Path
from typing import Any, NamedTuple

from scripts.reproduce.needs import Need


class Study(NamedTuple):
    """One command with a folder of its own.

    Attributes:
        name: of the folder.
        title: of its section.
        arguments: the module and what follows it, without `--out`.
        reported: what the source says.
        figures: the pictures to show, from the folder.
        needs: what has to be there.
    """

    name: str
    title: str
    arguments: tuple[str, ...]
    reported: str
    figures: tuple[str, ...]
    needs: tuple[Need, ...] = ()


def record(folder: Path) -> dict[str, Any]:
    """`run.json` of a folder: among others whether it is `complete`, and the `headline` of what was found."""
    return json.loads((folder / "run.json").read_text("utf-8"))

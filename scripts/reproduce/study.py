"""What there is to know of a study before it has run, and what is read from its folder afterwards."""

import json
from collections.abc import Callable
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
        measured: what its folder says, in a sentence.
        figures: the pictures to show, from the folder.
        needs: what has to be there.
    """

    name: str
    title: str
    arguments: tuple[str, ...]
    reported: str
    measured: Callable[[Path], str]
    figures: tuple[str, ...]
    needs: tuple[Need, ...] = ()


def read(folder: Path, name: str) -> Any:
    """A JSON file of a folder."""
    return json.loads((folder / name).read_text("utf-8"))

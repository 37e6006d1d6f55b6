"""The arguments of `scripts.photos`."""

import dataclasses
from pathlib import Path
from typing import Annotated

import tyro


@dataclasses.dataclass(frozen=True)
class Config:
    """Which folder, and whose classes."""

    folder: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="FOLDER")]
    """Of photos, with a folder for each class."""
    network: str = "squeezenet"
    """The network whose classes they are, one of models.names()."""
    replace: bool = False
    """Write the list anew where there is another one."""

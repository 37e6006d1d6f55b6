"""The arguments of `scripts.quantize`."""

import dataclasses
from pathlib import Path
from typing import Annotated

import tyro


@dataclasses.dataclass(frozen=True)
class Config:
    """What to read, where to write, and on what to compare."""

    network: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="NETWORK")]
    """One of those that `scripts.train` trains."""
    weights: Path | None = None
    """A file of its weights. What `scripts.train` has written under runs/ by default."""
    split: str = "test"
    """The part of the data to compare on."""
    out: Path | None = None
    """The file to write. The one in checkpoints/ by default, if there is none with other weights yet."""

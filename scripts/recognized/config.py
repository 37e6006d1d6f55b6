"""The arguments of `scripts.recognized`."""

import dataclasses
from typing import Annotated, Literal

import tyro

from scripts._harness.ranges import Count, Folder, Seed


@dataclasses.dataclass(frozen=True)
class Config:
    """Which classes, and how they are drawn."""

    network: Annotated[str, tyro.conf.Positional] = "squeezenet"
    """One of models.names()."""
    weights: str | None = None
    """A file of weights, or `hub`, for a network without committed ones."""
    classes: Count = 100
    """How many, drawn by the seed."""
    objective: Literal["both", "log_probability", "logit"] = "both"
    """What is to grow; both is the sum of the two, for pictures strong in color and sure of their class."""
    steps: Count = 128
    batch: Count = 10
    """Classes at a time."""
    seed: Seed = 0
    out: Folder | None = None
    """The folder of the results. By default one of its own under runs/."""

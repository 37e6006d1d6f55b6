"""The arguments of `scripts.occlude_pixels`."""

import dataclasses
from typing import Annotated, Literal

import tyro

from scripts._harness.ranges import Count, Counts, Folder


@dataclasses.dataclass(frozen=True)
class Config:
    """Which images, and what covers them."""

    network: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="NETWORK")] = "cifar_wide"
    """One of those that `scripts.train` trains."""
    weights: str | None = None
    """A file of weights, for a network without committed ones."""
    windows: Counts = (3, 5, 7, 9)
    """Rows and columns of the windows, in pixels."""
    num: Count = 20
    """Images: the first of each class in turn, as many of each as make this number."""
    split: str = "test"
    """The part of the data that they are from."""
    baseline: Literal["mean", "black"] = "mean"
    """What covers a window: the mean color of the training images, or black."""
    out: Folder | None = None
    """The folder of the results. By default one of its own under runs/."""

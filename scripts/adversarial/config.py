"""The arguments of `scripts.adversarial`."""

import dataclasses
from pathlib import Path
from typing import Annotated

from scripts._harness.ranges import Count, Folder, Range, Seed


@dataclasses.dataclass(frozen=True)
class Config:
    """The class to be seen, and how the patch is made and judged."""

    target: str = "soccer_ball"
    """The class, its number or its label; one of the photos has to show it."""
    network: str = "squeezenet"
    """One of models.names()."""
    weights: str | None = None
    """A file of weights, or `hub`, for a network without committed ones."""
    photos: Path | None = None
    """a folder of labeled photos; $JAXVIZ_PHOTOS by default."""
    train: Count | None = None
    """How many photos the patch is made with, drawn by the seed; the others judge it. About two thirds by default."""
    size: Count = 64
    """Height and width of the patch in pixels."""
    steps: Count = 250
    """Of gradient ascent."""
    batch: Count = 8
    """Photos in a step."""
    scales: Annotated[tuple[float, float], Range(0, open=True)] = (0.7, 1.3)
    """Smallest and largest factor of the size while it is made."""
    degrees: Annotated[float, Range(0, 180)] = 22.5
    """The largest turn in either direction."""
    circular: bool = False
    """Whether it is a circle."""
    draws: Count = 2
    """Places in each unseen photo at which a patch is judged."""
    levels: Annotated[tuple[int, ...], Range(1, 255)] = (1, 2, 4, 8)
    """Gray levels of 255 by which every pixel may change."""
    pgd_steps: Count = 10
    """Of the iterated change."""
    looked: Count | None = None
    """Unseen photos whose maps are drawn. 12 by default, or all where there are fewer."""
    seed: Seed = 0
    """For the split of the photos and all else that is drawn."""
    out: Folder | None = None
    """The folder of the results. By default one of its own under runs/."""

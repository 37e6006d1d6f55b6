"""The arguments of `scripts.generalize`."""

import dataclasses
from typing import Annotated

from scripts._harness.ranges import Count, Counts, Folder, Range, Seed


@dataclasses.dataclass(frozen=True)
class Config:
    """Whose features, of what, and how often."""

    network: str = "squeezenet"
    """The trunk, one of models.names()."""
    weights: str | None = None
    """A file of its weights, or hub; the committed ones by default."""
    data: str = "caltech101"
    """A data set of tensorflow-datasets with the splits train and test."""
    layers: tuple[str, ...] = ()
    """The layers whose features are used. Five from shallow to deep by default."""
    counts: Counts = (1, 5, 10, 15, 30)
    """Training photos a class."""
    folds: Count = 5
    """How often the photos are drawn: first within the set's own splits, then from all of it."""
    strengths: Annotated[tuple[float, ...], Range(0)] = (1.0, 0.3, 0.1, 0.03, 0.01, 0.003)
    """Strengths of the regularization, from which held-out training photos choose."""
    seed: Seed = 0
    """Of the draws and of the random weights."""
    out: Folder | None = None
    """The folder of the results. By default one of its own under runs/."""

"""The arguments of `scripts.transfer`."""

import dataclasses
from typing import Annotated

from scripts._harness.ranges import Count, Folder, Natural, Range, Seed


@dataclasses.dataclass(frozen=True)
class Config:
    """Which trunk, which photos, and how long."""

    network: str = "squeezenet"
    """The trunk, one of models.names()."""
    weights: str | None = None
    """A file of its weights, or hub; the committed ones by default."""
    data: str = "tf_flowers"
    """A data set of tensorflow-datasets. Its split train is cut in ten: eight tenths train, one chooses, one tests."""
    layers: tuple[str, ...] = ()
    """The layers whose maps are pooled, by mean and maximum. The five deepest by default."""
    size: Count | None = None
    """Height and width for the frozen trunk, in pixels. 320 by default, or the network's own where it has one."""
    hidden: Count = 256
    """Units of the new dense layer."""
    epochs: Count = 15
    """For the head on the frozen trunk."""
    splits: Annotated[int, Range(1, 10)] = 5
    """How many of the ten splits, whose test parts do not overlap."""
    scratch_size: Count | None = None
    """Height and width for the training from scratch. 128 by default, or the network's own where it has one."""
    scratch_epochs: Natural = 25
    """For the training from scratch, on the first split; 0 leaves it out."""
    seed: Seed = 0
    """Of splits, weights, order and dropout."""
    out: Folder | None = None
    """The folder of the results. By default one of its own under runs/."""

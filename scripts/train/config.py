"""The arguments of `scripts.train`."""

import dataclasses
from typing import Annotated

import tyro

from scripts._harness.ranges import Count, Folder, Positive, Range, Seed


@dataclasses.dataclass(frozen=True)
class Config:
    """What to train; the recipe in models.training.RECIPES says how, and each of its entries can be replaced."""

    network: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="NETWORK")]
    """One of mnist_cnn1, mnist_cnn2, mnist_cnn3, cifar_small, cifar_wide."""
    seed: Seed = 0
    """Of the first weights, the order of the images, augmentation and dropout."""
    epochs: Count | None = None
    """Passes over the data."""
    batch_size: Count | None = None
    """Images in a step."""
    learning_rate: Positive | None = None
    """The largest of the schedule."""
    weight_decay: Annotated[float, Range(0)] | None = None
    """Of kernels."""
    train: str = "train"
    """The part of the data to train on; train[:45000] leaves some to choose a recipe by."""
    test: str = "test"
    """The part of the data to test on."""
    out: Folder | None = None
    """The folder of the results. By default one of its own under runs/."""

"""The arguments of `scripts.class_statistics`."""

import dataclasses
from typing import Annotated

import tyro

from scripts._harness.scan.options import Options, Scanning


@dataclasses.dataclass(frozen=True)
class Config:
    """Which layers, and which class to follow through the network."""

    network: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="NETWORK")] = "mnist_cnn3"
    """One of models.names()."""
    layers: tuple[str, ...] = ()
    """By default the convolutions; of them the last ones, where a thousand classes make the maps of all too large."""
    label: str | None = None
    """Number or label of the class that is shown in every layer, by the first image of it that is recognized. The last
    one that has images by default."""
    scan: Options = dataclasses.field(default_factory=Scanning)

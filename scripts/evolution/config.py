"""The arguments of `scripts.evolution`."""

import dataclasses
from pathlib import Path
from typing import Annotated

import tyro

from scripts._harness.ranges import Count, Seed
from scripts._harness.scan.options import Options, Scanning


@dataclasses.dataclass(frozen=True)
class Config:
    """Which training, and which channels."""

    network: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="NETWORK")] = "cifar_small"
    """One of models.names()."""
    checkpoints: Path = Path("checkpoints")
    """A folder with NETWORK-epoch-04.safetensors and others, or what scripts.train wrote: weights-epoch-04.safetensors.
    The last epoch is the trained network."""
    layers: tuple[str, ...] = ()
    """Of the channels. The convolutions by default."""
    channels: Count = 6
    """How many of each layer, drawn by the seed."""
    seed: Seed = 0
    """Of the channels."""
    scan: Options = dataclasses.field(default_factory=Scanning)

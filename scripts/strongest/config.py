"""The arguments of `scripts.strongest`."""

import dataclasses
from typing import Annotated, Literal

import tyro

from scripts._harness.ranges import Count, Seed
from scripts._harness.scan.options import Options, Scanning


@dataclasses.dataclass(frozen=True)
class Config:
    """Which channels, and how images are ranked."""

    network: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="NETWORK")] = "squeezenet"
    """One of models.names()."""
    layers: tuple[str, ...] = ()
    """All with maps by default, but for pools."""
    channels: Count = 16
    """How many of each layer, drawn by the seed among those that anything excites."""
    filters: tuple[str, ...] = ()
    """Instead of those: LAYER:CHANNEL, as in conv1:3, in one picture `filters.png`."""
    num: Count = 9
    """Images of each channel."""
    score: Literal["max", "mean", "norm"] = "max"
    """What images are ranked by: the strongest response; or the mean, or the norm, of the channel's whole map, of which
    the projection is then made."""
    rule: Literal["deconvnet", "guided"] = "deconvnet"
    """How the projection passes a ReLU."""
    seed: Seed = 0
    """Of the channels."""
    scan: Options = dataclasses.field(default_factory=Scanning)

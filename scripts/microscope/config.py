"""The arguments of `scripts.microscope`."""

import dataclasses
from typing import Annotated, Literal

import tyro

from scripts._harness.ranges import Count, Natural, Range, Seed
from scripts._harness.scan.options import Options, Scanning

Measure = Literal["pictures", "ablation", "gradients", "connections", "survival"]


@dataclasses.dataclass(frozen=True)
class Config:
    """Which network, and which of its units."""

    network: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="NETWORK")] = "squeezenet"
    """One of models.names()."""
    layers: tuple[str, ...] = ()
    """All by default, but for pools, and for the maps that are averaged to the outputs; these are always there."""
    channels: str = ""
    """Of each of these layers, as in 0:16 or 3,5,37. All by default."""
    without: tuple[Measure, ...] = ()
    """What to leave out. Pictures take most of the time, then the ablation."""
    pictures_of: tuple[str, ...] = ()
    """The layers of which there are to be pictures. All by default."""
    compare: tuple[str, ...] = ()
    """Other weights for the same network, whose units are shown beside these: files, or `random`."""
    num: Count = 9
    """Patches of each unit."""
    rule: Literal["deconvnet", "guided", "gradient"] = "deconvnet"
    """How a projection passes a ReLU."""
    size: Annotated[int, Range(16)] = 128
    """Height and width of the pictures, where the network takes any; those of its images elsewhere."""
    steps: Count = 128
    """Of each ascent."""
    diverse: Natural = 4
    """Pictures of each channel that are to differ."""
    seed: Seed = 0
    """Of the pictures."""
    scan: Options = dataclasses.field(default_factory=Scanning)

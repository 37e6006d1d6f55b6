"""The arguments of `scripts.ablate`."""

import dataclasses
from typing import Annotated

import tyro

from scripts._harness.ranges import Count, Seed
from scripts._harness.scan.options import Options, Scanning


@dataclasses.dataclass(frozen=True)
class Config:
    """Which filters, and how they are ranked."""

    network: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="NETWORK")] = "cifar_small"
    """One of models.names()."""
    filters: tuple[str, ...] = ()
    """Off at once: LAYER:CHANNEL, as in conv1:3. By default ten of the layers below, drawn by the seed."""
    layers: tuple[str, ...] = ()
    """Whose channels are ranked. The convolutions by default."""
    rank_on: str = "train[:5000]"
    """The part of the data that ranks; what is drawn is measured on the other one."""
    orders: Count = 3
    """Random orders of removal."""
    seed: Seed = 0
    """Of all that is random."""
    scan: Options = dataclasses.field(default_factory=Scanning)

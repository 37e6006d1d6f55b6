"""The arguments that all studies of some photos take."""

import dataclasses

from scripts._harness.ranges import Folder


@dataclasses.dataclass(frozen=True)
class Options:
    """Which network, and where the results go."""

    network: str = "squeezenet"
    """The network, one of models.names()."""
    weights: str | None = None
    """A file of weights, or `hub`, for a network without committed ones."""
    out: Folder | None = None
    """The folder of the results. By default one of its own under runs/."""

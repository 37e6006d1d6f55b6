"""The options of all that maximizes."""

import dataclasses

from scripts._harness.ranges import Count, Seed


@dataclasses.dataclass(frozen=True)
class Ascent:
    """The network, and how its images are found."""

    network: str = "squeezenet"
    """One of models.names()."""
    weights: str | None = None
    """A file of weights, or `hub`, for a network without committed ones."""
    steps: Count = 200
    """Of gradient ascent."""
    seed: Seed = 0
    """For the start and the shaking."""

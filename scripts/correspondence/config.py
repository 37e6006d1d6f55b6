"""The arguments of `scripts.correspondence`."""

import dataclasses
from pathlib import Path

from scripts._harness.photo_study.options import Options
from scripts._harness.ranges import Count, Counts, Seed


@dataclasses.dataclass(frozen=True)
class Config(Options):
    """Which photos with which parts, and which layers of which network."""

    parts: Path | None = None
    """A parts file; $JAXVIZ_PHOTOS/dogs/parts.json by default."""
    counts: Counts = ()
    """How many photos to take, from the first on: one study for each. 5 and all by default."""
    size: Count = 32
    """Height and width of the covered box, in pixels of what the network sees."""
    draws: Count = 200
    """Random places in each photo."""
    layers: tuple[str, ...] = ()
    """One in the middle, a late one and the last by default; `logits` are the outputs."""
    seed: Seed = 0
    """For the random places."""
    batch_size: Count = 16
    """Images that go through the network at a time."""

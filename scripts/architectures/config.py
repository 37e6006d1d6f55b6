"""The arguments of `scripts.architectures`."""

import dataclasses

from scripts._harness.ranges import Count, Folder


@dataclasses.dataclass(frozen=True)
class Config:
    """Which networks, and how long the variants are trained."""

    networks: tuple[str, ...] = ("mnist_cnn1", "mnist_cnn2")
    """Two or more of one data set, with committed weights and with layers conv1 and conv2."""
    images: Count = 500
    """Test images that are measured, and among which the strongest are searched."""
    train: Count = 12000
    """Training images for the variants."""
    epochs: Count = 3
    """Passes over those."""
    seeds: Count = 2
    """How often each variant is trained."""
    out: Folder | None = None
    """The folder of the results. By default one of its own under runs/."""

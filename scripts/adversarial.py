"""Tests a network with a patch that makes it see one class, and shows whether the maps give the patch away.

    JAXVIZ_PHOTOS=folder python -m scripts.adversarial

For testing your own models. The patch is made with some photos and judged on the others, at five sizes, against a photo
of the class and noise of the same size, and against small changes of every pixel (FGSM, PGD). The folder holds
imagenet/photos.json, a list of {"file", "class", "label"}. Takes some five minutes on two CPU cores. An interrupted run
goes on with the step where it stopped. A patch on 8% of a photo makes 91% of 40 unseen photos a soccer ball to
SqueezeNet, a photo of one as large none; ten steps of two gray levels make it all of them.
"""

import dataclasses
from pathlib import Path

from scripts._clock import Clock
from scripts._command import checking, keep_compiled, start


@dataclasses.dataclass(frozen=True)
class Config:
    """The class to be seen, and how the patch is made and judged."""

    target: str = "soccer_ball"
    """The class, its number or its label; one of the photos has to show it."""
    network: str = "squeezenet"
    """One of models.names()."""
    weights: str | None = None
    """A file of weights, or `hub`, for a network without committed ones."""
    train: int = 74
    """How many photos the patch is made with, drawn by the seed; the others judge it."""
    size: int = 64
    """Height and width of the patch in pixels."""
    steps: int = 250
    """Of gradient ascent."""
    batch: int = 8
    """Photos in a step."""
    scales: tuple[float, float] = (0.7, 1.3)
    """Smallest and largest factor of the size while it is made."""
    degrees: float = 22.5
    """The largest turn in either direction."""
    circular: bool = False
    """Whether it is a circle."""
    draws: int = 2
    """Places in each unseen photo at which a patch is judged."""
    levels: tuple[int, ...] = (1, 2, 4, 8)
    """Gray levels of 255 by which every pixel may change."""
    pgd_steps: int = 10
    """Of the iterated change."""
    looked: int = 12
    """Unseen photos whose maps are drawn."""
    seed: int = 0
    """For the split of the photos and all else that is drawn."""
    out: Path | None = None
    """The folder of the results. By default one of its own under runs/."""


def main(config: Config) -> None:
    """Measure step by step, then draw."""
    clock = Clock()
    with clock("imports"):
        # Here, so that --help and a mistyped option need not wait for JAX.
        from scripts._adversarial import _run
    with clock("arguments"), checking():
        study, folder = _run.open_study(config)
    for name, value in folder.run.items():
        print(f"  {name:<10} {value}")
    keep_compiled()
    steps = _run.measure(study, folder, clock)
    with clock("draw"):
        report = _run.show(study, folder, steps)
    print(f"\n{report}\n\nWhere the time went:\n{clock.table()}\n\n{folder.path}")


if __name__ == "__main__":
    start(main, Config, __doc__)

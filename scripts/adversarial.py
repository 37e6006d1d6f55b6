"""Tests a network with a patch that makes it see one class, and shows whether the maps give the patch away.

    JAXVIZ_PHOTOS=folder python -m scripts.adversarial

For testing your own models. The patch is made with some photos and judged on the others, at five sizes, against a photo
of the class and noise of the same size, and against small changes of every pixel (FGSM, PGD). What the folder has to
hold: python -m scripts.photos --help. Takes some five minutes on two CPU cores. An interrupted run goes on with the
step where it stopped. A patch on 8% of a photo makes 91% of 40 unseen photos a soccer ball to SqueezeNet, a photo of
one as large none; ten steps of two gray levels make it all of them.
"""

import dataclasses
from pathlib import Path
from typing import Annotated

from scripts._clock import Clock
from scripts._command import checking, keep_compiled, start
from scripts._ranges import Count, Folder, Range, Seed


@dataclasses.dataclass(frozen=True)
class Config:
    """The class to be seen, and how the patch is made and judged."""

    target: str = "soccer_ball"
    """The class, its number or its label; one of the photos has to show it."""
    network: str = "squeezenet"
    """One of models.names()."""
    weights: str | None = None
    """A file of weights, or `hub`, for a network without committed ones."""
    photos: Path | None = None
    """a folder of labeled photos; $JAXVIZ_PHOTOS by default."""
    train: Count | None = None
    """How many photos the patch is made with, drawn by the seed; the others judge it. About two thirds by default."""
    size: Count = 64
    """Height and width of the patch in pixels."""
    steps: Count = 250
    """Of gradient ascent."""
    batch: Count = 8
    """Photos in a step."""
    scales: Annotated[tuple[float, float], Range(0, open=True)] = (0.7, 1.3)
    """Smallest and largest factor of the size while it is made."""
    degrees: Annotated[float, Range(0, 180)] = 22.5
    """The largest turn in either direction."""
    circular: bool = False
    """Whether it is a circle."""
    draws: Count = 2
    """Places in each unseen photo at which a patch is judged."""
    levels: Annotated[tuple[int, ...], Range(1, 255)] = (1, 2, 4, 8)
    """Gray levels of 255 by which every pixel may change."""
    pgd_steps: Count = 10
    """Of the iterated change."""
    looked: Count | None = None
    """Unseen photos whose maps are drawn. 12 by default, or all where there are fewer."""
    seed: Seed = 0
    """For the split of the photos and all else that is drawn."""
    out: Folder | None = None
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
    folder.finish(report, clock)


if __name__ == "__main__":
    start(main, Config, __doc__)

"""Draws random classes and asks the network what it sees: in the picture, and in views that the ascent has not had.

    python -m scripts.recognized

Takes about 10 minutes on two idle CPU cores for 100 classes of SqueezeNet. 100 of 100 should get a probability of at
least 0.95, and all a median of at least 0.8 in 8 unseen views (shifted, turned and zoomed by another key); the
objective should rise from each eighth of the steps to the next for all 100. `recognized.json` has the numbers of each
class, `recognized.png` shows all.
"""

import dataclasses
from typing import Annotated, Literal

import tyro

from scripts._clock import Clock
from scripts._command import checking, keep_compiled, start
from scripts._ranges import Count, Folder, Seed


@dataclasses.dataclass(frozen=True)
class Config:
    """Which classes, and how they are drawn."""

    network: Annotated[str, tyro.conf.Positional] = "squeezenet"
    """One of models.names()."""
    weights: str | None = None
    """A file of weights, or `hub`, for a network without committed ones."""
    classes: Count = 100
    """How many, drawn by the seed."""
    objective: Literal["both", "log_probability", "logit"] = "both"
    """What is to grow; both is the sum of the two, for pictures strong in color and sure of their class."""
    steps: Count = 128
    batch: Count = 10
    """Classes at a time."""
    seed: Seed = 0
    out: Folder | None = None
    """The folder of the results. By default one of its own under runs/."""


def main(config: Config) -> None:
    """Draw batch by batch; an interrupted run goes on where it stopped."""
    clock = Clock()
    with clock("imports"):
        # Here, so that --help and a mistyped option need not wait for JAX.
        from scripts._maximize import _plan, _recognized
    with clock("arguments"), checking():
        plan = _recognized.plan(config)
    keep_compiled()
    _plan.follow(plan, config.out, clock)


if __name__ == "__main__":
    start(main, Config, __doc__)

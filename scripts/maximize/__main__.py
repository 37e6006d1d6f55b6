"""Draws what a network asks for: images that make a class, a filter or a unit as large as can be.

    python -m scripts.maximize classes
    python -m scripts.maximize filters
    python -m scripts.maximize sweep
    python -m scripts.maximize photo chelsea

Each writes a folder under runs/ with pictures, animations and the JSON that they were made of, and takes 2 to 6 minutes
on two idle CPU cores with SqueezeNet. Expected: the three classes and their unseen views get a probability of 1.00; of
the weights 0.125 to 16, 16 is picked, with a total variation of 10 gray levels in place of 42; the units that the cat
excites most in fire6 ask for eyes. With JAXVIZ_PHOTOS, `filters` shows photos too, and `photo` compares with them.
"""

from scripts._harness.clock import Clock
from scripts._harness.command import checking, keep_compiled, start
from scripts.maximize.config import Classes, Config, Filters, Photo, Sweep


def main(config: Config) -> None:
    """Plan, do, draw."""
    clock = Clock()
    with clock("imports"):
        # Here, so that --help and a mistyped option need not wait for JAX.
        from scripts._harness import plan as _plan
        from scripts.maximize import classes as _classes
        from scripts.maximize import filters as _filters
        from scripts.maximize import photo as _photo
        from scripts.maximize import sweep as _sweep
    plans = {Classes: _classes.plan, Filters: _filters.plan, Sweep: _sweep.plan, Photo: _photo.plan}
    with clock("arguments"), checking():
        plan = plans[type(config)](config)
    keep_compiled()
    _plan.follow(plan, config.out, clock)


if __name__ == "__main__":
    start(main, Config, __doc__)

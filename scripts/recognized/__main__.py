"""Draws random classes and asks the network what it sees: in the picture, and in views that the ascent has not had.

    python -m scripts.recognized

Takes about 10 minutes on two idle CPU cores for 100 classes of SqueezeNet. 100 of 100 should get a probability of at
least 0.95, and all a median of at least 0.8 in 8 unseen views (shifted, turned and zoomed by another key); the
objective should rise from each eighth of the steps to the next for all 100. `recognized.json` has the numbers of each
class, `recognized.png` shows all.
"""

from scripts._harness.clock import Clock
from scripts._harness.command import checking, keep_compiled, start
from scripts.recognized.config import Config


def main(config: Config) -> None:
    """Draw batch by batch; an interrupted run goes on where it stopped."""
    clock = Clock()
    with clock("imports"):
        # Here, so that --help and a mistyped option need not wait for JAX.
        from scripts._harness import plan as _plan
        from scripts.recognized import study as _recognized
    with clock("arguments"), checking():
        plan = _recognized.plan(config)
    keep_compiled()
    _plan.follow(plan, config.out, clock)


if __name__ == "__main__":
    start(main, Config, __doc__)

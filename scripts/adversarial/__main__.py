"""Tests a network with a patch that makes it see one class, and shows whether the maps give the patch away.

    JAXVIZ_PHOTOS=folder python -m scripts.adversarial

For testing your own models. The patch is made with some photos and judged on the others, at five sizes, against a photo
of the class and noise of the same size, and against small changes of every pixel (FGSM, PGD). What the folder has to
hold: python -m scripts.photos --help. Takes some five minutes on two CPU cores. An interrupted run goes on with the
step where it stopped. A patch on 8% of a photo makes 91% of 40 unseen photos a soccer ball to SqueezeNet, a photo of
one as large none; ten steps of two gray levels make it all of them.
"""

from scripts._harness.clock import Clock
from scripts._harness.command import checking, keep_compiled, start
from scripts.adversarial.config import Config


def main(config: Config) -> None:
    """Measure step by step, then draw."""
    clock = Clock()
    with clock("imports"):
        # Here, so that --help and a mistyped option need not wait for JAX.
        from scripts.adversarial import run as _run
    with clock("arguments"), checking():
        study, folder = _run.open_study(config)
    for key, value in folder.run.items():
        print(f"  {key:<10} {value}")
    keep_compiled()
    steps = _run.measure(study, folder, clock)
    with clock("draw"):
        report = _run.show(study, folder, steps)
    folder.finish(_run.headline(steps), report, clock)


if __name__ == "__main__":
    start(main, Config, __doc__)

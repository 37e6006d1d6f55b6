"""Tests a network with a patch that makes it see one class, and shows whether the maps give the patch away.

    JAXVIZ_PHOTOS=folder python -m scripts.adversarial

For testing your own models. The patch is made with some photos and judged on the others, at five sizes, against a photo
of the class and noise of the same size, and against small changes of every pixel (FGSM, PGD). What the folder has to
hold: python -m scripts.photos --help. Takes some five minutes on two CPU cores. An interrupted run goes on with the
step where it stopped. A patch on 8% of a photo makes 91% of 40 unseen photos a soccer ball to SqueezeNet, a photo of
one as large none; ten steps of two gray levels make it all of them.
"""

from scripts._harness.command import start
from scripts._harness.runner import follow
from scripts.adversarial.config import Config


def main(config: Config) -> None:
    """Measure step by step, then draw."""
    follow("adversarial", config)


if __name__ == "__main__":
    start(main, Config, __doc__)

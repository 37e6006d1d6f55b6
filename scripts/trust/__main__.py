"""Which maps to trust: do they point at what the network uses, and do they depend on what it has learned.

    JAXVIZ_PHOTOS=folder python -m scripts.trust

One table over methods: the areas of insertion and deletion curves, and how alike the maps stay when another class is
explained, or when the network's layers are randomized from the top down. The edges of the photo and a random map are
the floor: what is no better than these says nothing of the network. What the folder has to
hold: python -m scripts.photos --help. Takes some ten minutes on two CPU
cores for 30 photos; `--num-photos 6` a quarter of that. An interrupted run goes on with the method where it stopped.

With the last layer of SqueezeNet redrawn, maps of deconvnet keep a rank correlation of 1.00 with those of the network,
of guided backprop 0.93, of saliency 0.57, of Grad-CAM 0.19: the first two fail, as in Adebayo et al. 2018.
"""

from scripts._harness.command import start
from scripts._harness.stepwise import follow
from scripts.trust.config import Config


def main(config: Config) -> None:
    """Measure method by method, then draw."""
    follow("trust", config)


if __name__ == "__main__":
    start(main, Config, __doc__)

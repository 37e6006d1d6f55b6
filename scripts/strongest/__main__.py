"""What excites the channels of a network most in a data set, and what of it does: Zeiler and Fergus 2014, figure 2.

    JAXVIZ_PHOTOS=folder python -m scripts.strongest squeezenet
    TFDS_DATA_DIR=folder python -m scripts.strongest cifar_small
    TFDS_DATA_DIR=folder python -m scripts.strongest cifar_small --filters conv1:3 conv2:30 --num 5 --score norm

For each layer `LAYER.png`: channels by the seed, each with deconvnet projections of its strongest responses beside the
patches of the images that its units see, and `strongest.json`, which images and places those are.

Takes two minutes of CPU time with SqueezeNet on 115 photos, and 16 seconds with `cifar_small` on 10,000 images. Of 256
channels of fire5 one is silent, of 64 of conv1 none.
"""

from scripts._harness.command import start
from scripts._harness.runner import follow
from scripts.strongest.config import Config


def main(config: Config) -> None:
    """One pass over the data, then the projections of each layer."""
    follow("strongest", config)


if __name__ == "__main__":
    start(main, Config, __doc__)

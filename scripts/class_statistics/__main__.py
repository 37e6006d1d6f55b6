"""What the channels of a network do on each class, which of them tell it apart, and which classes are confused.

    TFDS_DATA_DIR=folder python -m scripts.class_statistics mnist_cnn3
    TFDS_DATA_DIR=folder python -m scripts.class_statistics cifar_small --label cat

Writes `statistics.png`, mean and spread of every channel for every class; `effects.png`, how well each tells a class
from the others; `maps-LAYER.png`, mean maps; `label-9.png`, one image of a class through every layer; `confusion.png`
and `confused.png`, which classes are taken for which, and the images in which the network was most certain of it; and
the JSON of all of them.

Takes about a minute of CPU time for the 10,000 digits of MNIST, with an accuracy of 98.96%; channel 4 of conv2 is
2.5 standard deviations weaker on a 1 than on the others.
"""

from scripts._harness.command import start
from scripts._harness.runner import follow
from scripts.class_statistics.config import Config


def main(config: Config) -> None:
    """Two passes over the data, then the figures."""
    follow("class_statistics", config)


if __name__ == "__main__":
    start(main, Config, __doc__)

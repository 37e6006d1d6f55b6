"""How what the channels of a network respond to came about in its training: Zeiler and Fergus 2014, section 4.

    TFDS_DATA_DIR=folder python -m scripts.evolution cifar_small
    TFDS_DATA_DIR=folder python -m scripts.evolution cifar_small --checkpoints runs/train-cifar_small

`evolution.png`: a row per channel, a column per epoch, in each the projection of the strongest response of all images
beside the patch it came from; the same animated, `evolution.webp` and `evolution.gif`. `settling.png`: how far each
layer's activations are ordered as in the trained network, and the loss under it. And the JSON of all of them.

Takes four minutes of CPU time with `cifar_small`, 6 epochs and 10,000 images. Rank correlations after epoch 2: conv1
0.805, conv2 0.649, conv3 0.554.
"""

from scripts._harness.command import start
from scripts._harness.runner import follow
from scripts.evolution.config import Config


def main(config: Config) -> None:
    """Passes with every checkpoint, then the figures."""
    follow("evolution", config)


if __name__ == "__main__":
    start(main, Config, __doc__)

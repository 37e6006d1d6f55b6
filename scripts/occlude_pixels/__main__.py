"""What is left of a class when a window on each pixel of a small image covers a part of it: windows of several sizes.

    TFDS_DATA_DIR=folder python -m scripts.occlude_pixels cifar_wide
    TFDS_DATA_DIR=folder python -m scripts.occlude_pixels mnist_cnn3 --num 10 --windows 5 9 --baseline black

Two images of each class, every pixel of all of them in one call: after Zeiler and Fergus 2014, section 4.2, at the size
of a pixel. Writes `windows.png`, for each image its probability map for each window, and `windows.json`: how far the
probability falls, where, and at how many places another class wins. Takes 20 seconds with `cifar_small` and ten minutes
with `cifar_wide` on two CPU cores, seconds on a GPU.
"""

from scripts._harness.command import start
from scripts._harness.runner import follow
from scripts.occlude_pixels.config import Config


def main(config: Config) -> None:
    """One sweep for each window, then the figure."""
    follow("occlude_pixels", config)


if __name__ == "__main__":
    start(main, Config, __doc__)

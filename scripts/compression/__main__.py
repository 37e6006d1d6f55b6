"""How a network's answer, its features and its Grad-CAM change as a photo is compressed: JPEG quality.

    JAXVIZ_PHOTOS=folder python -m scripts.compression
    python -m scripts.compression --photos my.jpg --qualities 80 40 20 10 5

Each photo is cropped to what the network sees, written as a JPEG file of each quality and read again. Writes
`compression.png`, the photo at four qualities and curves of the probability of its class, of how far features move and
of how alike Grad-CAM stays, and their numbers. Takes half a minute on two CPU cores for SqueezeNet and five photos.
"""

from scripts._harness.command import start
from scripts._harness.runner import follow
from scripts.compression.config import Config


def main(config: Config) -> None:
    """Measure everything, draw it, print the table."""
    follow("compression", config)


if __name__ == "__main__":
    start(main, Config, __doc__)

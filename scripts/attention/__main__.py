"""Where a network looks: Grad-CAM, guided Grad-CAM and the gradient of five photos, and what of each is on the object.

    JAXVIZ_PHOTOS=folder python -m scripts.attention
    python -m scripts.attention --photos my.jpg --boxes 40,60,200,220

Writes `attention.png` and its numbers; the share of a map's energy in a box around the object stands beside the share
of the picture that the box covers. Takes half a minute on two CPU cores. For the soccer ball, SqueezeNet's Grad-CAM
has 49% of its energy in a box of 27% of the picture, guided Grad-CAM 73% and the gradient 33%.
"""

from scripts._harness.command import start
from scripts._harness.runner import follow
from scripts.attention.config import Config


def main(config: Config) -> None:
    """Measure, draw, and print the table."""
    follow("attention", config)


if __name__ == "__main__":
    start(main, Config, __doc__)

"""Ask what a network trained on ImageNet has learned for other photos: a linear softmax on its frozen layers.

    TFDS_DATA_DIR=folder python -m scripts.generalize --out runs/generalize

Draws training sets of a few photos a class, several times, and fits a linear softmax to the means of the maps of layers
from shallow to deep; the same for a trunk with random weights. The measure is that of Zeiler and Fergus 2014, section
5.2: accuracy on test photos, averaged class by class. Writes `generalize.json`, `generalize.png` and `generalize.md`.

With `--layers fire3 fire5 fire7 fire9 --counts 15 30 --strengths 0.1 0.03 0.01`, on two busy CPU cores, 35 minutes: on
`fire9` 80.0% with 15 photos a class and 84.1% with 30, on `fire3` 36.9% and 40.1%, with random weights at most 22.7%
and 27.5%. Zeiler and Fergus found 83.8% and 86.5% with a larger network.
"""

from scripts._harness.command import start
from scripts._harness.runner import follow
from scripts.generalize.config import Config


def main(config: Config) -> None:
    """Measure fold by fold, then draw."""
    follow("generalize", config)


if __name__ == "__main__":
    start(main, Config, __doc__)

"""Whether covering the same part of different faces does the same to a network's features.

    JAXVIZ_PHOTOS=folder python -m scripts.correspondence
    python -m scripts.correspondence --parts faces/parts.json --size 24 --counts 8

Zeiler and Fergus 2014, section 4.3: 5 dogs and 10, right eye, left eye and nose against random places. A parts file is
a JSON list with an entry for each photo, the photos lying beside it: `{"file": "pug.jpg", "nose": [224, 215], ...}`,
where every pair of numbers is the column and the row of the center of a part, in pixels of the file.

Writes for each number of photos `distances-N.png`, `covered-N.png` and the numbers. Takes two minutes on two CPU cores
for SqueezeNet with 200 draws: 3045 passes. Smaller than random is a correspondence. For 10 dogs the mean absolute
difference of the logits' signs is 0.80 +- 0.04 for the nose and 0.78 +- 0.04 for the right eye against 0.92 for random
places, p = 0.005; for the left eye it is 0.87 +- 0.05, p = 0.12. In fire9 all three parts differ more than random
places do (p = 1.00), unless only the features that covering changes are counted.
"""

from scripts._harness.command import start
from scripts._harness.runner import follow
from scripts.correspondence.config import Config


def main(config: Config) -> None:
    """One study after the other, each kept when it is done."""
    follow("correspondence", config)


if __name__ == "__main__":
    start(main, Config, __doc__)

"""Train new dense layers on a frozen trunk, beside the same network trained from scratch.

    TFDS_DATA_DIR=folder python -m scripts.transfer --out runs/transfer

The trunk's features of each photo and of its mirror image are computed once; then an epoch takes about a second.
Writes `transfer.json`, `transfer.png` and `transfer.md`.

With `--scratch-size 96`, on two busy CPU cores, 40 minutes: 91.3% of the 300 test photos of the first split and 93.1%
over five, 80% after one epoch and 500 s, nearly all of it for the features; all from scratch in 25 epochs 69.3%, in 18
minutes. With `--scratch-size 320`, on two faster cores, 26 minutes, 24 of them from scratch: 71.0%.
"""

from scripts._harness.command import start
from scripts._harness.runner import follow
from scripts.transfer.config import Config


def main(config: Config) -> None:
    """Measure way by way, then draw."""
    follow("transfer", config)


if __name__ == "__main__":
    start(main, Config, __doc__)

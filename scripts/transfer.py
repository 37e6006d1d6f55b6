"""Train new dense layers on a frozen trunk, beside the same network trained from scratch.

    TFDS_DATA_DIR=folder python -m scripts.transfer --out runs/transfer

The trunk's features of each photo and of its mirror image are computed once; then an epoch takes about a second.
Writes `transfer.json`, `transfer.png` and `transfer.md`.

With `--scratch-size 96 --scratch-epochs 8`, on two CPU cores that six other processes shared, 25 minutes: 91.3% of the
300 test photos of the first split and 93.1% over five, 80% after one epoch and 433 s, of which the features took 421;
all from scratch 64.0%, in seven minutes.
"""

import dataclasses
from typing import Annotated

from scripts._clock import Clock
from scripts._command import checking, keep_compiled, start
from scripts._ranges import Count, Folder, Natural, Range, Seed


@dataclasses.dataclass(frozen=True)
class Config:
    """Which trunk, which photos, and how long."""

    network: str = "squeezenet"
    """The trunk, one of models.names()."""
    weights: str | None = None
    """A file of its weights, or hub; the committed ones by default."""
    data: str = "tf_flowers"
    """A data set of tensorflow-datasets. Its split train is cut in ten: eight tenths train, one chooses, one tests."""
    layers: tuple[str, ...] = ()
    """The layers whose maps are pooled, by mean and maximum. The five deepest by default."""
    size: Count | None = None
    """Height and width for the frozen trunk, in pixels. 320 by default, or the network's own where it has one."""
    hidden: Count = 256
    """Units of the new dense layer."""
    epochs: Count = 15
    """For the head on the frozen trunk."""
    splits: Annotated[int, Range(1, 10)] = 5
    """How many of the ten splits, whose test parts do not overlap."""
    scratch_size: Count | None = None
    """Height and width for the training from scratch. 128 by default, or the network's own where it has one."""
    scratch_epochs: Natural = 25
    """For the training from scratch, on the first split; 0 leaves it out."""
    seed: Seed = 0
    """Of splits, weights, order and dropout."""
    out: Folder | None = None
    """The folder of the results. By default one of its own under runs/."""


def main(config: Config) -> None:
    """Measure way by way, then draw."""
    clock = Clock()
    # Here, so that --help and a mistyped option need not wait for JAX.
    from scripts._run_folder import dumps
    from scripts._transfer import _frozen, _scratch, _show, _study

    with clock("read photos"), checking():
        study = _study.prepare(config)
    for name, value in study.folder.run.items():
        print(f"  {name:<14} {value}")
    keep_compiled()
    frozen = {}
    for size in study.sizes:
        with clock(f"frozen trunk, {size} px"):
            frozen[size] = _frozen.measure(study, size)
    scratch = None
    if study.scratch is not None:
        with clock("from scratch"):
            scratch = _scratch.measure(study)
    numbers = _show.summarize(study, frozen, scratch)
    with clock("draw"):
        study.folder.write("transfer.png", _show.draw(numbers))
    study.folder.write("transfer.md", (_show.table(numbers) + "\n").encode())
    study.folder.write("transfer.json", dumps(numbers).encode())
    study.folder.finish(_show.table(numbers), clock)


if __name__ == "__main__":
    start(main, Config, __doc__)

"""Writes a file of weights in eight bits a number, a quarter of its size, and says what that changes.

    TFDS_DATA_DIR=folder python -m scripts.quantize cifar_wide

Each output channel of a kernel has a scale of its own; biases and statistics stay as they are. `models.load` reads the
file as any other, in single precision. Prints accuracy and loss on the network's data, before
and after.
"""

import dataclasses
from pathlib import Path
from typing import Annotated

import tyro

from scripts._command import checking, start


@dataclasses.dataclass(frozen=True)
class Config:
    """What to read, where to write, and on what to compare."""

    network: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="NETWORK")]
    """One of those that `scripts.train` trains."""
    weights: Path | None = None
    """A file of its weights. What `scripts.train` has written under runs/ by default."""
    split: str = "test"
    """The part of the data to compare on."""
    out: Path | None = None
    """The file to write. The one in checkpoints/ by default, if there is none with other weights yet."""


def main(config: Config) -> None:
    """Quantize, write, compare."""
    import numpy as np
    from flax import nnx

    import models
    from models import training
    from models._quantized import quantized
    from models.datasets import load
    from scripts._converted import write

    with checking():
        if config.network not in training.RECIPES:
            raise ValueError(f"`NETWORK` must be one of {', '.join(training.RECIPES)}, got {config.network!r}.")
        with checking(split="--split"):
            examples = load(training.RECIPES[config.network].dataset, config.split)
        with checking(weights="--weights"):
            weights = config.weights or Path("runs") / f"train-{config.network}" / "weights.safetensors"
            network = models.load(config.network, weights)
    flat = nnx.to_flat_state(network.state)
    arrays = quantized({"/".join(map(str, path)): np.asarray(variable[...]) for path, variable in flat})
    written = write(config.network, arrays, config.out)
    path = Path(written.split(": ")[0])
    for name, each in (("before", network), ("after", models.load(config.network, path))):
        found = training.evaluate(each, examples)
        print(f"  {name:<7} accuracy {found.accuracy:.2%}, loss {found.loss:.4f}")
    print(written)


if __name__ == "__main__":
    start(main, Config, __doc__)

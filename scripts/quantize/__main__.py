"""Writes a file of weights in eight bits a number, a quarter of its size, and says what that changes.

    TFDS_DATA_DIR=folder python -m scripts.quantize cifar_wide

Each output channel of a kernel has a scale of its own; biases and statistics stay as they are. `models.load` reads the
file as any other, in single precision. Prints accuracy and loss on the network's data, before
and after.
"""

from pathlib import Path

from scripts._harness.command import checking, start
from scripts.quantize.config import Config


def main(config: Config) -> None:
    """Quantize, write, compare."""
    import numpy as np
    from flax import nnx

    import models
    from models import training
    from models._quantized import quantized
    from models.datasets import load
    from scripts._harness.converted import write

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

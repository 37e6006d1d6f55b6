"""Weights that Keras saved as HDF5: whole models (`.h5`), weights of Keras 2 (`.h5`) and of Keras 3 (`.weights.h5`).

The keys are the layer's name and the position of the weight in it: `block1_conv1/0` is a kernel, `block1_conv1/1` its
bias. Keras itself goes by position, and names of weights have changed from version to version.

The HDF5 library takes the file apart: no code in it is run, and nothing is allocated that the file does not hold, but a
file made to trip that library is beyond what is checked here.
"""

from pathlib import Path
from typing import Any

import numpy as np

MAGIC = b"\x89HDF\r\n\x1a\n"


def read(path: Path) -> dict[str, np.ndarray]:
    """The weights by layer and position.

    Raises:
        ValueError: the file is truncated or damaged, was not written by Keras, or keeps its weights in another file.
    """
    import h5py

    try:
        with h5py.File(path) as file:
            found: dict[str, Any] = {}
            # Follows no links, which may lead into another file.
            file.visititems(found.__setitem__)
            groups = {name: item for name, item in found.items() if isinstance(item, h5py.Group)}
            whole = "model_weights" in groups
            root: h5py.Group = groups["model_weights"] if whole else file
            if "layer_names" in root.attrs:
                paths = _legacy(root, groups, "model_weights/" if whole else "")
            else:
                paths = _current(groups, found.keys() - groups.keys())
            datasets = {path: item for path, item in found.items() if isinstance(item, h5py.Dataset)}
            return {key: _array(datasets.get(path), path) for key, path in paths.items()}
    except (OSError, RuntimeError, KeyError, TypeError, IndexError, UnicodeDecodeError) as error:
        raise ValueError(f"it is truncated or damaged ({error})") from error


def _legacy(root: Any, groups: dict[str, Any], folder: str) -> dict[str, str]:
    """Where the weights of each layer are, by the names that its group lists in order."""
    return {
        f"{layer}/{position}": f"{folder}{layer}/{weight}"
        for layer in _texts(root.attrs["layer_names"])
        for position, weight in enumerate(_texts(groups[folder + layer].attrs["weight_names"]))
    }


def _current(groups: dict[str, Any], paths: set[str]) -> dict[str, str]:
    """The same where each layer has a group `vars`, numbered by position, that may bear the layer's name."""
    keys = {}
    for path in sorted(paths):
        folder, _, position = path.rpartition("/")
        if not folder.endswith("/vars"):
            raise ValueError(
                "it was not written by Keras" if not keys else f"it has {path}, which Keras does not write"
            )
        name = groups[folder].attrs.get("name", folder.split("/")[-2])
        keys[f"{_texts(name)[0]}/{position}"] = path
    return keys


def _texts(value: Any) -> list[str]:
    return [text.decode() if isinstance(text, bytes) else str(text) for text in np.ravel(value).tolist()]


def _array(dataset: Any, path: str) -> np.ndarray:
    if dataset is None:
        raise ValueError(f"it names {path} and does not hold it")
    # Keras writes as many bytes as an array has: fewer are compressed or never written, and could become any number.
    if dataset.external or dataset.is_virtual or dataset.id.get_storage_size() != dataset.nbytes:
        raise ValueError(f"it does not hold {path} whole, as Keras writes it")
    return dataset[()]

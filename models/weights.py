"""Weights from files, checked against the network that they are for."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import jax.numpy as jnp
import numpy as np
from flax import nnx
from safetensors import SafetensorError
from safetensors.numpy import load as parse_safetensors

from models._layouts import SAME, Table


def read(path: Path, sha256: str | None = None) -> dict[str, np.ndarray]:
    """The arrays of a safetensors file.

    Raises:
        ValueError: another checksum than `sha256`, or a file that is truncated or of another kind.
        FileNotFoundError: no such file.
    """
    if not path.is_file():
        raise FileNotFoundError(f"`weights` must be a file, got {path}. Restore or download it.")
    content = path.read_bytes()
    if sha256 and hashlib.sha256(content).hexdigest() != sha256:
        raise ValueError(f"`weights` must be the committed file, got {path} with another checksum. Check it out again.")
    try:
        return parse_safetensors(content)
    except SafetensorError as error:
        raise ValueError(f"`weights` must be a safetensors file, got {path}: {error}. Get it again.") from error


def own(state: nnx.State) -> Table:
    """The table of files that hold the parameters under their own paths (`fire2/squeeze1x1/kernel`)."""
    return {path: (path, SAME) for path in _variables(state)}


def fill(state: nnx.State, arrays: Mapping[str, np.ndarray], table: Table, source: str) -> nnx.State:
    """The state with every parameter taken from `arrays`, which the table describes, in the parameter's own dtype.

    Raises:
        ValueError: with all that does not fit: missing, unknown, of another shape, not finite.
    """
    wanted = _variables(state)
    known = {key: entry for key, entry in table.items() if entry is not None}
    problems = [f"{key} is missing" for key in known.keys() - arrays.keys()]
    problems += [f"{key} is unknown" for key in arrays.keys() - table.keys()]
    for key in known.keys() & arrays.keys():
        path, form = known[key]
        array, shape = arrays[key], form.shape(wanted[path].shape)
        if array.shape != shape:
            problems.append(f"{key} has shape {array.shape} and not {shape}")
        elif not jnp.issubdtype(array.dtype, jnp.floating):
            problems.append(f"{key} holds {array.dtype} and no floating point")
        elif not _finite(array, wanted[path].dtype):
            problems.append(f"{key} is not finite")
    if problems:
        shown = "; ".join(sorted(problems)[:10]) + (f"; and {len(problems) - 10} more" if len(problems) > 10 else "")
        raise ValueError(f"`weights` must fit the network, got {source}: {shown}. Give the weights of this network.")
    keys = {path: (key, form) for key, (path, form) in known.items()}
    filled = []
    for path, variable in nnx.to_flat_state(state):
        key, form = keys["/".join(map(str, path))]
        # A copy: the array may be a view of a file that is about to be closed.
        filled.append((path, variable.replace(jnp.array(form.values(arrays[key]), variable.dtype))))
    return nnx.from_flat_state(filled)


def _finite(array: np.ndarray, dtype: np.dtype) -> bool:
    with np.errstate(over="ignore"):  # a double may be too large for a float
        return bool(np.isfinite(array.astype(dtype, copy=False)).all())


def _variables(state: nnx.State) -> dict[str, nnx.Variable]:
    return {"/".join(map(str, path)): variable for path, variable in nnx.to_flat_state(state)}

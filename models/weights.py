"""Weights from files, checked against the network that they are for."""

import hashlib
import re
from collections import Counter
from collections.abc import Collection, Mapping
from pathlib import Path

import jax.numpy as jnp
import ml_dtypes
import numpy as np
from flax import nnx
from safetensors import SafetensorError, deserialize, safe_open

from models import _keras, _torch
from models._layouts import SAME, Table
from models._quantized import restored

_EIGHT_BITS = {
    "F8_E4M3": ml_dtypes.float8_e4m3fn,
    "F8_E5M2": ml_dtypes.float8_e5m2,
    "F8_E4M3FNUZ": ml_dtypes.float8_e4m3fnuz,
    "F8_E5M2FNUZ": ml_dtypes.float8_e5m2fnuz,
}
_TOO_NARROW = ("F8_E8M0", "F6_E2M3", "F6_E3M2", "F4")  # of which several share a byte, or a scale alone
_PART = re.compile(r"^|(?<=[./])")


def read(path: Path, sha256: str | None = None) -> dict[str, np.ndarray]:
    """The arrays of a file of weights: safetensors, torch's `.pth`, or Keras's `.h5`, told apart by their first bytes.

    No code in a file is run. A name such as `vgg16-397923af.pth`, in the manner of torchvision, promises the beginning
    of a checksum.

    Raises:
        ValueError: another checksum than `sha256` or than the name promises, or a file that is truncated, damaged or of
            another kind.
        FileNotFoundError: no such file.
    """
    if not path.is_file():
        raise FileNotFoundError(f"`weights` must be a file, got {path}. Restore or download it.")
    promised = re.search(r"-([0-9a-f]{8,64})\.pth$", path.name)
    expected = sha256 or (promised and promised[1])
    if expected:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if not found.startswith(expected):
            raise ValueError(
                f"`weights` must be the file with the checksum {expected}, got {path} with {found}. Get it again."
            )
    with path.open("rb") as file:
        start = file.read(32)
    if start.startswith((_torch.ZIP, _torch.PLAIN)):
        kind, parse = "torch", _torch.read
    elif start.startswith(_keras.MAGIC):
        kind, parse = "Keras", _keras.read
    elif start[8:9] == b"{":
        kind, parse = "safetensors", _safetensors
    else:
        raise ValueError(
            f"`weights` must be a file of safetensors, torch (.pth) or Keras (.h5), got {path}, which begins with "
            f"{start[:8]!r}. Get it again."
        )
    try:
        return parse(path)
    except ValueError as error:
        raise ValueError(f"`weights` must be a whole {kind} file, got {path}: {error}. Get it again.") from error


def _safetensors(path: Path) -> dict[str, np.ndarray]:
    try:
        with safe_open(path, "numpy") as file:
            kinds = {key: file.get_slice(key).get_dtype() for key in file.keys()}
            for key, kind in kinds.items():
                if kind in _TOO_NARROW:
                    raise ValueError(f"it holds {key} in {kind}, which is not read: save it in a wider format")
            arrays = {key: file.get_tensor(key) for key, kind in kinds.items() if kind not in _EIGHT_BITS}
        narrow = {key: _EIGHT_BITS[kind] for key, kind in kinds.items() if kind in _EIGHT_BITS}
        # NumPy itself has no such types, and safetensors looks for them there.
        for key, entry in deserialize(path.read_bytes()) if narrow else ():
            if key in narrow:
                arrays[key] = np.frombuffer(entry["data"], narrow[key]).reshape(entry["shape"])
        return restored(arrays)
    except SafetensorError as error:
        raise ValueError(f"{error}") from error


def own(state: nnx.State) -> Table:
    """The table of files that hold the parameters under their own paths (`fire2/squeeze1x1/kernel`)."""
    return {path: (path, SAME) for path in _variables(state)}


def unprefixed(arrays: Mapping[str, np.ndarray], keys: Collection[str]) -> Mapping[str, np.ndarray]:
    """The arrays without what a wrapper has put before the name of each: `module.`, `_orig_mod.`, `model.module.`.

    Args:
        arrays: of a file.
        keys: the names that they may have.
    """
    prefix = _prefix(arrays, keys)
    if not all(key.startswith(prefix) for key in arrays):
        return arrays  # and `fill` says so
    return {key.removeprefix(prefix): array for key, array in arrays.items()}


def fill(state: nnx.State, arrays: Mapping[str, np.ndarray], table: Table, source: str) -> nnx.State:
    """The state with every parameter taken from `arrays`, which the table describes, in the parameter's own dtype.

    Raises:
        ValueError: with all that does not fit: missing, unknown, of another shape, not finite.
    """
    wanted = _variables(state)
    known = {key: entry for key, entry in table.items() if entry is not None}
    if not known.keys() & arrays.keys():
        shown = ", ".join(sorted(arrays)[:3]) or "nothing"
        raise ValueError(
            f"`weights` must fit the network, got {source}: it has none of its parameters, but {shown}. "
            f"{_way_out(arrays, table)}"
        )
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
        raise ValueError(f"`weights` must fit the network, got {source}: {shown}. {_way_out(arrays, table)}")
    keys = {path: (key, form) for key, (path, form) in known.items()}
    filled = []
    for path, variable in nnx.to_flat_state(state):
        key, form = keys["/".join(map(str, path))]
        # A copy: the array may be a view of a file that is about to be closed.
        filled.append((path, variable.replace(jnp.array(form.values(arrays[key]), variable.dtype))))
    return nnx.from_flat_state(filled)


def _way_out(arrays: Mapping[str, np.ndarray], table: Table) -> str:
    prefix = _prefix(arrays, table.keys())
    others = sorted(key for key in arrays if not key.startswith(prefix))
    if not others or 2 * sum(prefix + key in arrays for key in table) < len(table):
        return "Give the weights of this network."
    return f"Give those under {prefix!r} alone, which is taken off where all have it: {others[0]} has not."


def _prefix(arrays: Mapping[str, np.ndarray], keys: Collection[str]) -> str:
    """What stands before most of the names that are known, whole parts of a path; nothing where they stand alone."""
    found = Counter(
        key[: place.start()] for key in arrays for place in _PART.finditer(key) if key[place.start() :] in keys
    )
    return max(found, key=lambda prefix: (found[prefix], -len(prefix)), default="")


def _finite(array: np.ndarray, dtype: np.dtype) -> bool:
    with np.errstate(over="ignore"):  # a double may be too large for a float
        return bool(np.isfinite(array.astype(dtype, copy=False)).all())


def _variables(state: nnx.State) -> dict[str, nnx.Variable]:
    return {"/".join(map(str, path)): variable for path, variable in nnx.to_flat_state(state)}

"""Weights from files, checked against the network that they are for."""

import hashlib
from pathlib import Path

import jax.numpy as jnp
import numpy as np
from flax import nnx
from safetensors import SafetensorError
from safetensors.numpy import load as parse_safetensors


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


def fill(state: nnx.State, arrays: dict[str, np.ndarray], source: str) -> nnx.State:
    """The state with every parameter taken from `arrays`, keyed by path (`fire2/squeeze1x1/kernel`).

    Raises:
        ValueError: with all that does not fit: missing, unknown, of another shape, not finite.
    """
    wanted = {"/".join(map(str, path)): variable for path, variable in nnx.to_flat_state(state)}
    problems = [f"{key} is missing" for key in wanted.keys() - arrays.keys()]
    problems += [f"{key} is unknown" for key in arrays.keys() - wanted.keys()]
    for key in wanted.keys() & arrays.keys():
        if arrays[key].shape != wanted[key].shape:
            problems.append(f"{key} has shape {arrays[key].shape} and not {wanted[key].shape}")
        elif not np.isfinite(arrays[key]).all():
            problems.append(f"{key} is not finite")
    if problems:
        shown = "; ".join(sorted(problems)[:10]) + (f"; and {len(problems) - 10} more" if len(problems) > 10 else "")
        raise ValueError(f"`weights` must fit the network, got {source}: {shown}. Give the weights of this network.")
    return nnx.from_flat_state(
        [(path, v.replace(jnp.asarray(arrays["/".join(map(str, path))]))) for path, v in nnx.to_flat_state(state)]
    )

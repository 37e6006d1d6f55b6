"""Indices from a caller: checked where they are known, left alone where they are traced."""

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Integer

Integers = int | np.integer | Integer[Array | np.ndarray, "..."] | Sequence
Known = Integer[Array | np.ndarray, "..."]


def integers(values: Integers, name: str, way_out: str) -> Known:
    """`values` as a NumPy array that can be looked at, or as the JAX array that they are where they are traced."""
    array = values if isinstance(values, Tracer) else np.asarray(values)
    if array.size and not jnp.issubdtype(array.dtype, jnp.integer):
        # The dtype of words or of objects tells nothing.
        got = repr(array.ravel().tolist()[0]) if array.dtype.kind in "USO" else array.dtype
        raise TypeError(f"`{name}` must be integers, got {got}. {way_out}")
    return array

"""What a function returns, in a few words, and its entries by name or number."""

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

_MOST = 6  # entries that are listed


def entry(outputs: Any, name: str | int) -> Any:
    """An entry of a mapping or a sequence, or an attribute of an object.

    Raises:
        ValueError: there is none of this name.
    """
    try:
        if isinstance(name, int) or isinstance(outputs, Mapping):
            return outputs[name]
        return getattr(outputs, name)
    except (LookupError, AttributeError, TypeError) as error:
        raise ValueError(
            f"`select` must name an entry of the output, got {name!r} for {described(outputs)}."
        ) from error


def described(value: Any) -> str:
    """The shape of an array; of anything else its kind and the first of its entries."""
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return str(tuple(value.shape))
    found = entries(value)
    if not found:
        return type(value).__name__
    listed = [f"{name!r}: {_short(part)}" for name, part in list(found.items())[:_MOST]]
    more = f" and {len(found) - _MOST} more" if len(found) > _MOST else ""
    return f"{type(value).__name__} of {', '.join(listed)}{more}"


def entries(value: Any) -> dict[str | int, Any]:
    """What `entry` finds in an output, by name or number."""
    if isinstance(value, Mapping):
        return dict(value)
    if hasattr(value, "_fields"):
        return {name: getattr(value, name) for name in value._fields}
    if isinstance(value, tuple | list):
        return dict(enumerate(value))
    public = {name: part for name, part in getattr(value, "__dict__", {}).items() if not name.startswith("_")}
    return {name: part for name, part in public.items() if part is not None}


def _short(value: Any) -> str:
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return str(tuple(value.shape))
    leaves = len(jax.tree.leaves(value))
    return type(value).__name__ + (f" of {leaves}" if leaves > 1 else "")


def is_output(leaf: Any) -> bool:
    """Whether JAX takes a leaf of an output."""
    return isinstance(leaf, jax.Array | jax.ShapeDtypeStruct | np.ndarray | np.generic | int | float | complex)

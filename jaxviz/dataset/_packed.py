"""Examples of several arrays, such as a photo and a row of a table, as one row of bytes each."""

import dataclasses
import itertools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np
from jax import lax
from jaxtyping import Array, UInt8


class Leaf(NamedTuple):
    """One of the arrays of an example."""

    shape: tuple[int, ...]
    dtype: np.dtype


@dataclasses.dataclass(frozen=True)
class Form:
    """The structure of an example, and its arrays in order."""

    structure: Any
    leaves: tuple[Leaf, ...]

    def unpack(self, rows: UInt8[Array, "n bytes"]) -> Any:
        """A batch of examples in their structure, each array with the batch axis first."""
        sizes = [math.prod(shape) * dtype.itemsize for shape, dtype in self.leaves]
        arrays = []
        for (shape, dtype), size, stop in zip(self.leaves, sizes, itertools.accumulate(sizes), strict=True):
            own = rows[:, stop - size : stop].reshape(len(rows), *shape, dtype.itemsize)
            if dtype.itemsize == 1:
                own = own[..., 0]
            # A truth value has no bits to be read.
            arrays.append(own.astype(bool) if dtype.kind == "b" else lax.bitcast_convert_type(own, dtype))
        return jax.tree.unflatten(self.structure, arrays)


@dataclasses.dataclass(frozen=True)
class Unpacked:
    """What brings rows of bytes into the range of the network: the user's `preprocess` of the structure they hold."""

    form: Form
    preprocess: Callable | None

    def __call__(self, rows: UInt8[Array, "n bytes"]) -> Any:
        """The batch as the network gets it."""
        examples = self.form.unpack(rows)
        return examples if self.preprocess is None else self.preprocess(examples)


def is_tree(image: Any) -> bool:
    """Whether an example is several arrays: a dictionary, a tuple, a list or another tree of arrays."""
    leaves, structure = jax.tree.flatten(image)
    return not jax.tree_util.treedef_is_leaf(structure) and all(hasattr(leaf, "shape") for leaf in leaves)


def form_of(examples: Any, axes: int) -> Form:
    """The form of one example (`axes` 0), or of each of a batch (1)."""
    leaves, structure = jax.tree.flatten(examples)
    kinds = (Leaf(leaf.shape[axes:], np.dtype(jax.dtypes.canonicalize_dtype(leaf.dtype))) for leaf in leaves)
    return Form(structure, tuple(kinds))


def pack(examples: Any, form: Form, axes: int) -> UInt8[np.ndarray, "..."]:
    """The bytes of one example, `(bytes,)`, or of a batch, `(n, bytes)`.

    Raises:
        ValueError: the examples have another form.
    """
    if form_of(examples, axes) != form:
        raise ValueError(f"an example of {_said(form_of(examples, axes))} and not {_said(form)}")
    leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(examples)]
    rows = [
        np.ascontiguousarray(leaf.astype(dtype)).reshape(*leaf.shape[:axes], -1).view(np.uint8)
        for leaf, (_, dtype) in zip(leaves, form.leaves, strict=True)
    ]
    return np.concatenate(rows, -1)


def _said(form: Form) -> str:
    return str(jax.tree.unflatten(form.structure, [f"{dtype}{list(shape)}" for shape, dtype in form.leaves]))

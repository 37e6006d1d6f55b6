"""Which output of a network is explained: one index for all images, or one per image."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Integer

from jaxviz._core.integers import Integers, integers
from jaxviz._core.meshes import beside

Target = Integers
Indices = Integer[Array | np.ndarray, " n"]


def check_target(target: Target, num_images: int, num_outputs: int) -> Indices:
    """One index per image: a NumPy array that has been checked, or a traced one, which `nan_where_invalid` looks at."""
    shape = np.shape(target)
    if shape not in ((), (num_images,)):
        one_hot = shape[-1:] == (num_outputs,)
        way_out = (
            "Take the indices of one-hot rows: target.argmax(-1)."
            if one_hot
            else "Repeat the images to explain several outputs of one."
        )
        raise ValueError(
            f"`target` must be one int, or one per image, got shape {shape} for {num_images} images. {way_out}"
        )
    indices = integers(target, "target", "Use the index of an output: logits.argmax(-1), or labels.index(label).")
    if not isinstance(indices, np.ndarray):
        return jnp.broadcast_to(indices, num_images)
    outside = (indices < 0) | (indices >= num_outputs)
    if outside.any():
        raise ValueError(
            f"`target` must be in 0..{num_outputs - 1}, got {indices[outside].ravel()[0]}. It is the index of "
            f"one of the {num_outputs} outputs."
        )
    return np.broadcast_to(indices, num_images).astype(np.int32)


def one_hot(outputs: Float[Array, "n k"], indices: Indices) -> Float[Array, "n k"]:
    """Where each target stands among the outputs: the gradient of the scores with respect to the outputs."""
    return jax.nn.one_hot(beside(jnp.asarray(indices), outputs), outputs.shape[1], dtype=outputs.dtype)


def scores(outputs: Float[Array, "n k"], indices: Indices) -> Float[Array, " n"]:
    """The outputs that the targets stand for."""
    return jnp.take_along_axis(outputs, beside(jnp.asarray(indices), outputs)[:, None], axis=1)[:, 0]


def nan_where_invalid(result: Any, indices: Indices, num_outputs: int) -> Any:
    """NaN where a traced target turns out not to exist: it cannot be an error, and must not look like a result.

    `result` is an array, or a tree of arrays, with a row for each image.
    """
    if isinstance(indices, np.ndarray):
        return result
    return nan_in_rows(result, (indices < 0) | (indices >= num_outputs))


def nan_in_rows(result: Any, rows: Bool[Array, " n"]) -> Any:
    """NaN in these rows of an array, or of each array of a tree."""
    return jax.tree.map(lambda array: jnp.where(jnp.expand_dims(rows, range(1, array.ndim)), jnp.nan, array), result)

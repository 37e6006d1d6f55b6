"""Data sets for studies that compare what a network says with what is true."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jaxviz.dataset._dataset import Dataset, Examples
from jaxviz.dataset._scan import Scan


def labeled(f: Callable, dataset: Dataset, scan: Scan) -> tuple[Examples, Any, int]:
    """The examples, a batch of their images, and the number of classes that `f` tells apart.

    Raises:
        ValueError: `f` gives no row of outputs per image, or the data set has no labels.
    """
    examples = Examples(dataset)
    images = scan.images(examples)
    outputs = jax.eval_shape(f, images)
    shape, count = getattr(outputs, "shape", None), scan.size(len(examples))
    if shape is None or len(shape) != 2 or shape[0] != count:
        raise ValueError(
            f"`f` must return an array of shape ({count}, k) for {count} images, got "
            f"{jax.tree.structure(outputs) if shape is None else shape}. Wrap it in a function that does."
        )
    num_classes = max(2, shape[1])  # one output tells class 1 from class 0
    return Examples(dataset, num_classes), images, num_classes


def counted(
    rows: Int[Array, " n"], cols: Int[Array, " n"], valid: Bool[Array, " n"], num_classes: int
) -> Int[Array, "k k"]:
    """How often each pair of classes occurs."""
    return jnp.zeros((num_classes, num_classes), jnp.int32).at[rows, cols].add(valid.astype(jnp.int32))


def accuracy(matrix: Int[np.ndarray, "k k"]) -> float:
    """The share of images on the diagonal of a confusion matrix."""
    return float(np.trace(matrix) / max(matrix.sum(), 1))


def class_accuracy(matrix: Int[np.ndarray, "k k"]) -> Float[np.ndarray, " k"]:
    """The share of each row that is on the diagonal; NaN for a class without images."""
    counts = matrix.sum(1)
    return np.where(counts > 0, np.diag(matrix) / np.maximum(counts, 1), np.nan)

"""A measure of the user's own, of every image of a data set."""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Int

from jaxviz._core.callables import as_pytree
from jaxviz.dataset._classification import labeled
from jaxviz.dataset._dataset import Batch, Dataset
from jaxviz.dataset._forest import Partial
from jaxviz.dataset._scan import DEFAULT, FINITE, Scan, run_scan


class Measures(NamedTuple):
    """What was measured of each image, in the order of the data set.

    Attributes:
        values: by the names that the measure gives them, arrays `(n, ...)`.
        indices: the number of each image in the data set.
        skipped: numbers of the examples that could not be read.
    """

    values: dict[str, np.ndarray]
    indices: Int[np.ndarray, " n"]
    skipped: tuple[int, ...]


def measure_each(
    f: Callable,
    dataset: Dataset,
    measure: Callable[[Any, Any, jax.Array], dict[str, jax.Array]],
    *,
    scan: Scan = DEFAULT,
) -> Measures:
    """Measure every image of a data set, as a stream: batch by batch, on all devices and in all processes.

    What is measured may be anything that JAX computes: how far a map changes, a fidelity of `jaxviz.metrics`, a number
    read from a layer.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> f = lambda images: images.mean((1, 2)) * jnp.array([1.0, -1.0])
        >>> measure = lambda f, images, labels: {"correct": f(images).argmax(-1) == labels}
        >>> data = (jnp.array([1.0, -1.0, -1.0]).reshape(3, 1, 1, 1), jnp.array([0, 0, 1]))
        >>> measure_each(f, data, measure).values["correct"].tolist()
        [True, False, True]

    Args:
        f: from images to logits `(n, k)`.
        dataset: see `Scan`, with labels in `0..k-1`; 0 and 1 for one output.
        measure: from `(f, images, labels)`, a batch of them, to arrays by name, each with a row for every image. It is
            compiled. The last batch is filled up with blank images, whose rows are dropped. NaN stays NaN.
        scan: batch size, devices, preprocessing, and what to do on failures.

    Returns:
        All rows, in every process.

    Raises:
        ValueError: `measure` gives something else than rows by name, `f` does not return one row per image, the data
            set has no labels, or one that cannot be read.
    """
    f, measure = as_pytree(f), as_pytree(measure)
    examples, images, _ = labeled(f, dataset, scan)
    _check_rows(jax.eval_shape(measure, f, images, _no_labels(images)), scan.size(len(examples)))
    # One callable of the images, so that a scan that is kept is told from others by its program.
    both = jax.tree_util.Partial(_measured, f, measure)
    found = run_scan(both, _Study(), examples, scan)
    values = {name.removeprefix(_PREFIX): rows for name, rows in found.value.items() if name.startswith(_PREFIX)}
    return Measures(values, found.value["indices"], found.skipped)


_PREFIX = "of "


def _no_labels(images: Any) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct((len(jax.tree.leaves(images)[0]),), jnp.int32)


def _measured(f: Callable, measure: Callable, images: Any) -> dict[str, jax.Array]:
    return measure(f, images, jnp.zeros(_no_labels(images).shape, jnp.int32))


def _check_rows(found: Any, size: int) -> None:
    form = "arrays by name, a row for each image"
    if not isinstance(found, dict) or not found:
        raise ValueError(f"`measure` must return {form}, got {jax.tree.structure(found)}. Put them into a dict.")
    for name, rows in found.items():
        if not isinstance(name, str) or not hasattr(rows, "shape") or rows.shape[:1] != (size,):
            raise ValueError(
                f"`measure` must return {form}, got {getattr(rows, 'shape', jax.tree.structure(rows))} under {name!r} "
                f"for {size} images. Keep the axis of the images in front."
            )


@dataclasses.dataclass(frozen=True)
class _Study:
    def batch(self, f: Any, images: Any, labels: jax.Array, valid: jax.Array) -> dict[str, jax.Array]:
        function, measure = f.args
        # Blank images have no label: any will do.
        found = measure(function, images, jnp.where(valid, labels, 0))
        named = {f"{_PREFIX}{name}": jnp.asarray(rows) for name, rows in found.items()}
        return named | {FINITE: jnp.ones(len(valid), bool), "valid": valid}

    def partial(self, outs: Partial, batch: Batch) -> Partial:
        outs = dict(outs)
        valid = outs.pop("valid").astype(bool)
        rows = {name: array[valid] for name, array in outs.items()}
        return rows | {"indices": (batch.first + np.flatnonzero(valid)).astype(np.int64)}

    def merge(self, left: Partial, right: Partial) -> Partial:
        return {name: np.concatenate([left[name], right[name]]) for name in left}

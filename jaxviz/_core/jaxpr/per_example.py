"""Arrays that go along with the examples: a row of them for each, of which nothing is explained."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, eq=False)
class PerExample:
    """A tree of arrays with a row for each example; made by `per_example`."""

    value: Any


def per_example(value: Any) -> PerExample:
    """Marks an argument of `bind` as one with a row for each example: a mask, a second input that is not explained.

    Where a method calls the function with several copies of each example (`smoothgrad`, `integrated_gradients`,
    `score_cam`, `occlude_regions`, `project`), the rows are repeated with them. Without the mark an argument is taken
    for the same for all examples, as parameters are.

    Example:
        >>> import jax.numpy as jnp, jaxviz as jv
        >>> f = lambda scales, x: scales * x.sum((1, 2))
        >>> f = jv.bind(f, jv.per_example(jnp.array([[0.0], [1.0]])))
        >>> jv.saliency(f, jnp.ones((2, 1, 1, 1)), 0).ravel().tolist()
        [0.0, 1.0]

    Args:
        value: an array, or a tree of arrays, whose first axis is that of the examples.

    Returns:
        The mark around it; `bind` takes it off when it calls.

    Raises:
        ValueError: an array without axes, or arrays of different numbers of rows.
    """
    shapes = [jnp.shape(leaf) for leaf in jax.tree.leaves(value)]
    rows = {shape[:1] for shape in shapes}
    if len(rows) != 1 or () in rows:
        raise ValueError(
            f"`value` must be arrays with a row for each example, got {shapes}. Bring the axis of the examples to the "
            "front of each."
        )
    return PerExample(value)


def is_per_example(node: Any) -> bool:
    """Whether a node of a tree is such a mark."""
    return isinstance(node, PerExample)


def holds_examples(f: Any) -> bool:
    """Whether a callable pytree holds rows for each example."""
    return any(map(is_per_example, jax.tree.leaves(f, is_leaf=is_per_example)))


def repeated(f: Any, total: int, *, tiled: bool = False) -> Any:
    """`f` for `total` examples, the copies of each side by side; `tiled`: all of them, then all of them again."""

    def grow(row: Any) -> Any:
        times, rest = divmod(total, row.shape[0])
        if rest or times == 1:
            return row  # of another number than the examples: told when it is called
        return jnp.tile(row, (times, *[1] * (row.ndim - 1))) if tiled else jnp.repeat(row, times, axis=0)

    return _changed(f, grow)


def by_example(f: Any) -> tuple[list[Any], Callable[[list[Any]], Any]]:
    """The rows in `f`, to be mapped over, and the function that makes `f` for one example of a row of each."""
    leaves, tree = jax.tree.flatten(f, is_leaf=is_per_example)

    def one(rows: list[Any]) -> Any:
        remaining = iter(rows)
        return tree.unflatten([_changed(next(remaining), _alone) if is_per_example(leaf) else leaf for leaf in leaves])

    return [leaf for leaf in leaves if is_per_example(leaf)], one


def _alone(row: Any) -> Any:
    return row[None]


def _changed(f: Any, change: Any) -> Any:
    return jax.tree.map(
        lambda node: jax.tree.map(change, node) if is_per_example(node) else node, f, is_leaf=is_per_example
    )

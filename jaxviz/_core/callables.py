"""A function that a transform acts on, as a pytree: its parameters are leaves and cross `jit` as arguments."""

from collections.abc import Callable

import jax


def as_pytree(f: Callable) -> Callable:
    """`f` itself where it is a pytree (a network, an Equinox module, a `Partial`), else as a pytree of no leaves."""
    if not callable(f):
        raise TypeError(f"`f` must be a function or a callable pytree, got {type(f).__name__}. Wrap it in a function.")
    leaves = jax.tree.leaves(f)
    return jax.tree_util.Partial(f) if len(leaves) == 1 and leaves[0] is f else f

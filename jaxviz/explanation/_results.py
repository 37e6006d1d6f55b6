"""What a step finds, and how long it takes."""

import io
import time
from collections.abc import Callable, Hashable
from typing import Any, NamedTuple

import jax
import numpy as np


class Result(NamedTuple):
    """What one step found: numbers for a reader, arrays for a program."""

    numbers: dict[str, Any]
    arrays: dict[str, np.ndarray]


class Programs:
    """Compiled programs of a run, so that another class or photo need not be compiled for again."""

    def __init__(self) -> None:
        self._compiled: dict[Hashable, Any] = {}

    def timed(self, key: Hashable, function: Callable, *args: Any) -> tuple[Any, dict[str, float]]:
        """The result of a function in NumPy, and the seconds that went into compiling and into running it.

        Networks are among the arguments and not closed over: as constants they would be copied into the program. Of
        equal `key`, structure and shapes it has to be the same function.
        """
        start = time.perf_counter()
        leaves, tree = jax.tree.flatten(args)
        known = (key, tree, tuple(jax.typeof(leaf) for leaf in leaves))
        if known not in self._compiled:
            self._compiled[known] = jax.jit(function).lower(*args).compile()
        middle = time.perf_counter()
        out = jax.tree.map(np.asarray, jax.block_until_ready(self._compiled[known](*args)))
        return out, {"compile": round(middle - start, 3), "run": round(time.perf_counter() - middle, 3)}


def together(*seconds: dict[str, float]) -> dict[str, float]:
    """The sums of several."""
    return {what: round(sum(each[what] for each in seconds), 3) for what in seconds[0]}


def npz(result: Result) -> bytes:
    """The arrays of a result as a file."""
    file = io.BytesIO()
    np.savez_compressed(file, allow_pickle=False, **result.arrays)
    return file.getvalue()

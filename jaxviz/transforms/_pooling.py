"""Max pooling that remembers where each maximum was, and the unpooling that puts values back there.

This is the deconvnet's way down through a pooling layer, and at the same time the fastest gradient of one: JAX
lowers the gradient of a max-pool to a scatter, which on a CPU takes several times longer than unpooling by switches,
for a result that is equal bit by bit.

Small windows are written out element by element, which is the fastest form and a program as long as the window is
large. Above `UNROLLED` elements a reduction carries each maximum's place instead, and the program is the same for all.
"""

import functools
import itertools
import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt8, UInt32

from jaxviz._core.jaxpr.windows import Pairs, Windows
from jaxviz.transforms._places import find, places_of, read, switches_of

Padding = Literal["SAME", "VALID"] | Sequence[tuple[int, int]]

UNROLLED = 32  # a program of as many terms is as fast as XLA gets; with more, compiling takes longer than running


class Pooled(NamedTuple):
    """What `max_pool_with_switches` returns.

    Attributes:
        values: the maxima.
        switches: the index of the first maximum in its window, counted row by row.
    """

    values: Float[Array, "n h2 w2 c"]
    switches: UInt8[Array, "n h2 w2 c"] | UInt32[Array, "n h2 w2 c"]


def max_pool_with_switches(
    x: Float[Array, "n h w c"],
    window: int | tuple[int, int],
    strides: int | tuple[int, int] | None = None,
    padding: Padding = "VALID",
) -> Pooled:
    """Max pooling over rows and columns, and where in its window each maximum was found.

    Example:
        >>> import jax.numpy as jnp
        >>> x = jnp.array([[1.0, 5.0], [7.0, 3.0]]).reshape(1, 2, 2, 1)
        >>> pooled, switches = max_pool_with_switches(x, 2)
        >>> float(pooled[0, 0, 0, 0]), int(switches[0, 0, 0, 0])
        (7.0, 2)

    Args:
        x: activations.
        window: rows and columns of the window (one number: square).
        strides: steps between windows; the window's own size by default.
        padding: `"VALID"`, `"SAME"`, or `((top, bottom), (left, right))`. Padding never is the maximum.

    Returns:
        The maxima, and the switches.

    Raises:
        ValueError: `x` has not four axes, or the window does not fit.

    References:
        Zeiler and Fergus, [Visualizing and Understanding Convolutional Networks](https://arxiv.org/abs/1311.2901),
        2014, section 2.1, "Unpooling".
    """
    if x.ndim != 4:
        raise ValueError(f"`x` must have shape (n, h, w, c), got {x.shape}. Add the axes that are missing.")
    return Pooled(*pool(x, _windows(x.shape, window, strides, padding)))


def unpool(
    pooled: Float[Array, "n h2 w2 c"],
    switches: UInt8[Array, "n h2 w2 c"] | UInt32[Array, "n h2 w2 c"],
    shape: tuple[int, int],
    window: int | tuple[int, int],
    strides: int | tuple[int, int] | None = None,
    padding: Padding = "VALID",
) -> Float[Array, "n h w c"]:
    """Puts each value where its switch points, zero elsewhere; where windows overlap, values that meet are added.

    Example:
        >>> import jax.numpy as jnp
        >>> x = jnp.array([[1.0, 5.0], [7.0, 3.0]]).reshape(1, 2, 2, 1)
        >>> pooled, switches = max_pool_with_switches(x, 2)
        >>> unpool(pooled, switches, (2, 2), 2)[0, :, :, 0].tolist()
        [[0.0, 0.0], [7.0, 0.0]]

    Args:
        pooled: values to put back: maxima, or a gradient with respect to them.
        switches: from `max_pool_with_switches`.
        shape: rows and columns of the array that was pooled.
        window: as in `max_pool_with_switches`, like all that follows.
        strides: steps between windows.
        padding: `"VALID"`, `"SAME"`, or `((top, bottom), (left, right))`.

    Returns:
        The unpooled array, with the rows and columns of `shape`.

    Raises:
        ValueError: the shapes do not belong together.

    References:
        Zeiler and Fergus, [Visualizing and Understanding Convolutional Networks](https://arxiv.org/abs/1311.2901),
        2014, section 2.1, "Unpooling".
    """
    full = (pooled.shape[0], *shape, pooled.shape[-1])
    windows = _windows(full, window, strides, padding)
    if pooled.shape != switches.shape or pooled.shape != windows.pooled(full):
        raise ValueError(
            f"`pooled` and `switches` must have shape {windows.pooled(full)} for an array of {full}, got "
            f"{pooled.shape} and {switches.shape}. Give the same window, strides and padding as to the pooling."
        )
    return scatter(pooled, switches, full, windows)


def pool(x: Array, windows: Windows) -> tuple[Array, Array]:
    """Maxima and switches over any number of axes."""
    count = math.prod(windows.size)
    dtype = jnp.uint8 if count < 256 else jnp.uint32
    if count > UNROLLED:
        places = find(jax.lax.stop_gradient(x), windows)
        return read(x, places, windows), switches_of(places, x.shape, windows).astype(dtype)
    padded = jnp.pad(x, windows.padding, constant_values=-jnp.inf)
    sizes = windows.pooled(x.shape)
    pooled, switches = None, jnp.zeros(sizes, dtype)
    for index, offsets in enumerate(itertools.product(*map(range, windows.size))):
        start = [offset * step for offset, step in zip(offsets, windows.dilation, strict=True)]
        stop = [a + (n - 1) * s + 1 for a, n, s in zip(start, sizes, windows.strides, strict=True)]
        here = jax.lax.slice(padded, start, stop, windows.strides)
        if pooled is None:
            pooled = here
        else:
            # As in JAX, the first maximum wins, and a NaN counts as larger than anything.
            larger = (here > pooled) | (here != here)
            pooled = jnp.where(larger, here, pooled)
            switches = jnp.where(larger, dtype(index), switches)
    assert pooled is not None  # a window has at least one element
    return pooled, switches


def scatter(values: Array, switches: Array, shape: Sequence[int], windows: Windows) -> Array:
    """Adds each value at the place its switch points to, in an array of `shape`.

    Where windows overlap, the values that meet are added in the order of the windows, as JAX's own gradient does:
    floating-point sums then agree to the last bit (on a GPU, whose scatters have no order, for small windows alone).
    Those scatter nothing: an axis with stride `s` is split into places and `s` phases, and each place looks at the few
    windows that can reach it.
    """
    if math.prod(windows.size) > UNROLLED:
        places = places_of(switches, shape, windows)
        whole = jax.ShapeDtypeStruct(tuple(shape), values.dtype)
        return jax.linear_transpose(lambda x: read(x, places, windows), whole)(values)[0]
    axes = range(len(shape))
    strides = windows.strides
    reaching = [-(-windows.reach(axis) // strides[axis]) for axis in axes]  # windows that can reach a place
    places = [values.shape[axis] + reaching[axis] - 1 for axis in axes]
    nowhere = math.prod(windows.size)
    if max(reaching) > 1:
        margins = [(count - 1, count - 1) for count in reaching]
        # Padded once and kept, for the many reads below to be plain slices; fused into each, XLA's CPU code is slower.
        values, switches = jax.lax.optimization_barrier(
            (jnp.pad(values, margins), jnp.pad(switches, margins, constant_values=nowhere))
        )
    split = [axis + 1 + sum(s > 1 for s in strides[:axis]) for axis in axes if strides[axis] > 1]
    total = None
    # The window furthest back comes first.
    for back in itertools.product(*(range(count - 1, -1, -1) for count in reaching)):
        start = [count - 1 - steps for count, steps in zip(reaching, back, strict=True)]
        stop = [first + size for first, size in zip(start, places, strict=True)]
        value, switch = (jnp.expand_dims(jax.lax.slice(x, start, stop), split) for x in (values, switches))
        points_here = switch == _pointers(windows, back, nowhere).astype(switches.dtype)
        term = jnp.where(points_here, value, jnp.zeros((), value.dtype))
        total = term if total is None else total + term
    assert total is not None  # every place is in reach of at least one window's grid
    for axis in axes:  # one by one: JAX knows how such a reshape of a sharded array is sharded, but not of several
        if strides[axis] > 1:
            total = jax.lax.collapse(total, axis, axis + 2)
    return _fit(total, shape, windows.padding)


def _pointers(windows: Windows, back: Sequence[int], nowhere: int) -> np.ndarray:
    """The switch with which the window `back` steps before a place points to each phase of it."""
    pointer, valid = np.zeros((), int), np.ones((), bool)
    for axis, steps in enumerate(back):
        offset, rest = np.divmod(
            np.arange(windows.strides[axis]) + steps * windows.strides[axis], windows.dilation[axis]
        )
        fits = (rest == 0) & (offset < windows.size[axis])
        pointer = pointer[..., None, None] * windows.size[axis] + offset
        valid = valid[..., None, None] & fits
        if windows.strides[axis] == 1:  # no phases: one axis for the places is enough
            pointer, valid = pointer[..., 0], valid[..., 0]
    return np.where(valid, pointer, nowhere)


def _fit(array: Array, shape: Sequence[int], padding: Pairs) -> Array:
    """Takes the padding off; what no window reached is zero."""
    config = [(-low, low + size - full, 0) for full, size, (low, _) in zip(array.shape, shape, padding, strict=True)]
    return jax.lax.pad(array, jnp.zeros((), array.dtype), config)


def _windows(
    shape: Sequence[int],
    window: int | tuple[int, int],
    strides: int | tuple[int, int] | None,
    padding: Padding,
) -> Windows:
    rows_cols = (window, window) if isinstance(window, int) else window
    steps_2d = rows_cols if strides is None else (strides, strides) if isinstance(strides, int) else strides
    size, steps = (1, *rows_cols, 1), (1, *steps_2d, 1)
    if isinstance(padding, str):
        pairs = tuple(jax.lax.padtype_to_pads(shape, size, steps, padding.upper()))
    else:
        pairs = ((0, 0), *((low, high) for low, high in padding), (0, 0))
    windows = Windows(size, steps, pairs, (1,) * len(size))
    if min(windows.pooled(shape)) < 1 or min(*size, *steps) < 1:
        raise ValueError(
            f"`window` must fit inside the padded array, got window={size[1:3]} for {tuple(shape[1:3])} with padding "
            f"{pairs[1:3]}. Make it smaller."
        )
    return windows


@functools.partial(jax.custom_vjp, nondiff_argnums=(1, 2))
def switched_max_pool(x: Array, windows: Windows, shape: tuple[int, ...]) -> Array:
    """A max-pool of an array of `shape`, over any of its axes, whose backward pass unpools by switches."""
    del shape
    return pool(x, windows)[0]


def _forward(x: Array, windows: Windows, shape: tuple[int, ...]) -> tuple[Array, Array]:
    del shape
    return pool(x, windows)


def _backward(windows: Windows, shape: tuple[int, ...], switches: Array, g: Array) -> tuple[Array]:
    return (scatter(g, switches, shape, windows),)


switched_max_pool.defvjp(_forward, _backward)

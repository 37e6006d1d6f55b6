"""What elementwise equations compute, in NumPy, for one number or a few dozen.

A value that comes elementwise from another may have more axes than that one for a while: `jnp.select` stacks its
conditions and takes the first that holds. Its own axes are called `axes`, the rest are extra. A NumPy array stands
for all entries of a value at once: first the extra axes, then the numbers that are tried.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

Run = Callable[..., np.ndarray]
"""Outputs of an equation from its operands, each an array or, where all its entries are equal, one number."""


class Operand(NamedTuple):
    """Shape of an operand, and which of its axes are its own; None where all its entries are one known number."""

    shape: tuple[int, ...]
    axes: tuple[int, ...] | None


IDENTITIES = frozenset(
    {"copy", "copy_p", "name", "reduce_precision", "pvary", "pcast", "sharding_constraint", "reshard"}
)
"""Equations that give back their operand: nothing changes but a name, the precision or the place."""

_PLAIN: dict[str, Run] = {
    "abs": np.abs, "neg": np.negative, "sign": np.sign, "floor": np.floor, "ceil": np.ceil,
    "exp": np.exp, "exp2": np.exp2, "expm1": np.expm1, "log": np.log, "log1p": np.log1p,
    "sqrt": np.sqrt, "cbrt": np.cbrt, "square": np.square, "rsqrt": lambda a: 1 / np.sqrt(a),
    "sin": np.sin, "cos": np.cos, "tan": np.tan, "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan,
    "sinh": np.sinh, "cosh": np.cosh, "tanh": np.tanh, "asinh": np.arcsinh, "acosh": np.arccosh, "atanh": np.arctanh,
    "logistic": lambda a: 1 / (1 + np.exp(-a)), "erf": lambda a: np.vectorize(math.erf, otypes=[float])(a),
    "is_finite": np.isfinite, "not": np.invert,
    "add": np.add, "add_any": np.add, "sub": np.subtract, "mul": np.multiply, "rem": np.fmod, "atan2": np.arctan2,
    "max": np.maximum, "min": np.minimum, "pow": lambda a, b: np.power(a, np.asarray(b, float)),
    "and": np.bitwise_and, "or": np.bitwise_or, "xor": np.bitwise_xor,
    "eq": np.equal, "ne": np.not_equal, "gt": np.greater, "ge": np.greater_equal, "lt": np.less, "le": np.less_equal,
    "clamp": lambda low, a, high: np.minimum(np.maximum(a, low), high),
    # An array holds two rows of numbers to try. That the second knows nothing of its own through here is what shows
    # that the derivative does not either.
    "stop_gradient": lambda a: np.broadcast_to(a[..., :1, :], a.shape) if np.ndim(a) > 1 else a,
    "optimization_barrier": lambda a: a,
}  # fmt: skip
_EVALUATED = frozenset({
    *_PLAIN, *IDENTITIES, "div", "integer_pow", "select_n", "convert_element_type", "round", "erfc", "erf_inv",
    "lgamma", "digamma", "nextafter", "population_count", "clz", "real", "imag",
})  # fmt: skip
ELEMENTWISE = frozenset(
    "abs acos acosh add add_any and asin asinh atan atan2 atanh bessel_i0e bessel_i1e cbrt ceil clamp "
    "convert_element_type copy copy_p cos cosh digamma div eq erf erf_inv erfc exp exp2 expm1 floor ge gt imag "
    "integer_pow is_finite le lgamma log log1p logistic lt max min mul name ne neg nextafter not or pow real "
    "reduce_precision rem round rsqrt select_n shift_left shift_right_arithmetic shift_right_logical sign sin sinh "
    "sqrt square stop_gradient sub tan tanh xor".split()
)
"""Operations each of whose elements comes from the same element of every operand."""
_KINKS = frozenset(
    "max min clamp select_n abs sign floor ceil round rem sqrt pow eq ne gt ge lt le argmax argmin reduce_max "
    "reduce_min cummax cummin convert_element_type".split()
)
_REDUCTIONS: dict[str, Run] = {
    "reduce_max": np.max, "reduce_min": np.min, "reduce_sum": np.sum, "reduce_prod": np.prod, "reduce_or": np.any,
    "reduce_and": np.all, "argmax": np.argmax, "argmin": np.argmin,
}  # fmt: skip
_CUMULATIVE: dict[str, Run] = {
    "cumsum": np.cumsum, "cumprod": np.cumprod, "cummax": np.maximum.accumulate, "cummin": np.minimum.accumulate,
}  # fmt: skip


def has_kink(name: str, params: dict[str, Any]) -> bool:
    """Whether the equation can break a straight line: no ReLU is made without one that does."""
    return name in _KINKS and (name != "convert_element_type" or not jnp.issubdtype(params["new_dtype"], jnp.floating))


def is_elementwise(name: str) -> bool:
    """Whether each entry of the output depends on that entry of the operands alone."""
    return name in _EVALUATED


def run_elementwise(name: str, params: dict[str, Any], operands: Sequence[Any]) -> Any:
    """The outputs of an elementwise equation, None where it is not known how to compute them."""
    if name in _PLAIN:
        return _PLAIN[name](*operands)
    if name in IDENTITIES:
        return operands[0]
    if name == "div":
        a, b = operands
        return np.trunc(a / b).astype(int) if _kind(a) in "iu" and _kind(b) in "iu" else np.divide(a, b)
    if name == "integer_pow":
        return np.power(np.asarray(operands[0], float), params["y"])
    if name == "select_n":
        which, *cases = operands
        out = cases[0]
        for number, case in enumerate(cases[1:], start=1):
            out = np.where(np.asarray(which).astype(int) == number, case, out)
        return out
    if name == "convert_element_type":
        return _convert(operands[0], params["new_dtype"])
    if name == "round":
        a = operands[0]
        return np.rint(a) if int(params["rounding_method"]) == 1 else np.sign(a) * np.floor(np.abs(a) + 0.5)
    return None


def _kind(a: Any) -> str:
    return np.asarray(a).dtype.kind


def _convert(a: Any, dtype: Any) -> Any:
    if jnp.issubdtype(dtype, jnp.bool_):
        return np.asarray(a) != 0
    if jnp.issubdtype(dtype, jnp.integer):
        return np.trunc(a).astype(np.int64)
    return np.asarray(a, float)


def stacking(
    name: str, params: dict[str, Any], operands: Sequence[Operand], shape: tuple[int, ...]
) -> tuple[tuple[int, ...], Run] | None:
    """For an equation that adds, joins or takes away extra axes: the axes of its output, and how it computes.

    None where it does something else, or touches the axes that are the value's own.
    """
    known = [operand for operand in operands if operand.axes is not None]
    axes = known[0].axes if known else None
    if axes is None or any(operand.axes != axes for operand in known):
        return None
    rank = len(known[0].shape)
    extra = [axis for axis in range(rank) if axis not in axes]
    if name == "broadcast_in_dim" and math.prod(shape) == math.prod(operands[0].shape):
        dims = [int(dim) for dim in params["broadcast_dimensions"]]
        moved = tuple(dims[axis] for axis in axes)
        old = {dims[axis] for axis in extra}
        new = [place for place, dim in enumerate(_others(shape, moved)) if dim not in old]
        return moved, lambda a: np.expand_dims(a, tuple(new))
    if name == "stack":
        place = params["axis"]
        moved = tuple(axis + (axis >= place) for axis in axes)
        inside = sum(axis < place for axis in extra)
        return moved, lambda *arrays: np.stack(_fill(arrays, operands, axes), axis=inside)
    if name == "concatenate" and params["dimension"] in extra:
        place = extra.index(params["dimension"])
        return axes, lambda *arrays: np.concatenate(_fill(arrays, operands, axes), axis=place)
    if name == "slice":
        starts, limits, strides = params["start_indices"], params["limit_indices"], params["strides"] or (1,) * rank
        if any((starts[axis], limits[axis], strides[axis]) != (0, known[0].shape[axis], 1) for axis in axes):
            return None
        parts = tuple(slice(starts[axis], limits[axis], strides[axis]) for axis in extra)
        return axes, lambda a: a[parts]
    if name in _CUMULATIVE and params["axis"] in extra:
        place = extra.index(params["axis"])
        if params["reverse"]:
            return axes, lambda a: np.flip(_CUMULATIVE[name](np.flip(a, place), axis=place), place)
        return axes, lambda a: _CUMULATIVE[name](a, axis=place)
    gone = params.get("dimensions") if name == "squeeze" else params.get("axes") if name in _REDUCTIONS else None
    if gone is None or not set(gone) <= set(extra):
        return None
    gone = [int(axis) for axis in gone]
    places = tuple(extra.index(axis) for axis in gone)
    moved = tuple(axis - sum(other < axis for other in gone) for axis in axes)
    if name == "squeeze":
        return moved, lambda a: np.squeeze(a, places)
    if name in ("argmax", "argmin"):
        return moved, lambda a: _REDUCTIONS[name](a, axis=places[0])
    return moved, lambda a: _REDUCTIONS[name](a, axis=places)


def _others(shape: tuple[int, ...], axes: tuple[int, ...]) -> list[int]:
    return [axis for axis in range(len(shape)) if axis not in axes]


def _fill(arrays: Sequence[Any], operands: Sequence[Operand], axes: tuple[int, ...]) -> list[np.ndarray]:
    """Each operand with its extra axes at their length, and all with as many numbers to try."""
    tried = np.broadcast_shapes(*(np.shape(a)[-2:] for a in arrays))
    sizes = [[operand.shape[axis] for axis in _others(operand.shape, axes)] for operand in operands]
    return [np.broadcast_to(a, (*size, *tried)) for a, size in zip(arrays, sizes, strict=True)]

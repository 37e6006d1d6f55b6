"""What an operation makes of the pixels that its operands depend on.

A `Field` says for every element of a value which box of pixels it can depend on. All four sides are kept so that the
smaller number is the wider box: to take the boxes of two operands together, or of all elements that a window reads, is
to take a minimum.
"""

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxviz._core.jaxpr.elementwise import ELEMENTWISE
from jaxviz._core.jaxpr.primitives import rebind
from jaxviz._core.jaxpr.windows import Slide, slides_of_convolution, slides_of_pooling

_LOOKED_AT = 2**24  # entries of a constant matrix that are compared with zero


class Constant:
    """A value that depends neither on the images nor on a parameter, computed when something asks for it."""

    def __init__(self, compute: Callable[[], Any]) -> None:
        self._compute = compute

    @functools.cached_property
    def value(self) -> np.ndarray:
        """The value itself."""
        with jax.ensure_compile_time_eval():
            return np.asarray(self._compute())

    @classmethod
    def outputs(cls, eqn: Any, values: list[Any]) -> list["Constant | None"]:
        """The outputs of an equation, nothing where an operand is not known."""
        if eqn.effects or any(value is None for value in values):
            return [None] * len(eqn.outvars)
        bound = functools.cache(lambda: rebind(eqn, [value_of(value) for value in values]))
        return [cls(lambda place=place: bound()[place]) for place in range(len(eqn.outvars))]


def value_of(value: Any) -> Any:
    """What stands for a value that is no field: a constant is computed, a literal is itself, None is not known."""
    return value.value if isinstance(value, Constant) else value


class Field(NamedTuple):
    """The boxes of all elements of a value.

    Attributes:
        sides: `(4, ...)`: top, left, minus bottom, minus right (ends not included); an axis along which they are all
            the same has size one.
        shape: of the value.
        nothing: the sides of an element that depends on no pixel, wider than no box.
    """

    sides: np.ndarray
    shape: tuple[int, ...]
    nothing: np.ndarray

    def along(self, axis: int) -> np.ndarray:
        """The sides with this axis of the value in full."""
        shape = list(self.sides.shape)
        shape[axis + 1] = self.shape[axis]
        return np.broadcast_to(self.sides, shape)

    def at(self, index: int) -> "Field":
        """One place along the first axis, which is gone after."""
        return self.of(self.sides[:, index if self.sides.shape[1] > 1 else 0], self.shape[1:])

    def of(self, sides: np.ndarray, shape: Sequence[int]) -> "Field":
        """Other sides, for a value of another shape."""
        return self._replace(sides=sides, shape=tuple(shape))


Rule = Callable[[Any, list[Any], tuple[int, ...]], Field]
"""From an equation, its operands (no `Field`: depends on no pixel) and the shape of its output."""


def start(shape: tuple[int, int, int, int]) -> Field:
    """Of an image: every pixel depends on itself."""
    _, height, width, _ = shape
    rows, cols = np.arange(height, dtype=np.int32)[:, None], np.arange(width, dtype=np.int32)
    sides = np.stack(np.broadcast_arrays(rows, cols, -rows - 1, -cols - 1))[:, None, :, :, None]
    return Field(sides, shape, np.array([height, width, 0, 0], np.int32))


def together(values: Sequence[Any], shape: Sequence[int]) -> Any:
    """All that the values know, which broadcast against each other; nothing where none of them is a field."""
    fields = [value for value in values if isinstance(value, Field)]
    if not fields:
        return None
    sides = fields[0].sides
    for field in fields[1:]:
        sides = np.minimum(sides, field.sides)
    return fields[0].of(sides, shape)


def stacked(values: Sequence[Any], shape: Sequence[int]) -> Any:
    """The values along a new first axis; nothing where none of them is a field."""
    fields = [value for value in values if isinstance(value, Field)]
    if not fields:
        return None
    blank = np.broadcast_to(fields[0].nothing.reshape(4, *[1] * (len(shape) - 1)), fields[0].sides.shape)
    parts = [value.sides if isinstance(value, Field) else blank for value in values]
    return _compressed(fields[0], np.stack(np.broadcast_arrays(*parts), 1), tuple(shape))


def mixing(eqn: Any, values: list[Any], shape: tuple[int, ...]) -> Field:
    """Every element depends on all that any operand depends on."""
    del eqn
    fields = [value for value in values if isinstance(value, Field)]
    sides = np.min([field.sides.reshape(4, -1).min(1) for field in fields], 0)
    return fields[0].of(sides.reshape(4, *[1] * len(shape)), shape)


def _elementwise(eqn: Any, values: list[Any], shape: tuple[int, ...]) -> Field:
    del eqn
    fields = [value for value in values if isinstance(value, Field)]
    # A scalar stands for an operand of any shape.
    return together([f if f.shape else f.of(f.sides.reshape(4, *[1] * len(shape)), shape) for f in fields], shape)


def _slid(sides: np.ndarray, axis: int, slide: Slide, count: int, nothing: np.ndarray) -> np.ndarray:
    """Along an axis that is in full, what each of `count` windows reads."""
    sides = np.moveaxis(sides, axis, 1)
    spread = _padded(sides, (*slide.padding, slide.interior - 1), nothing)
    reach = (count - 1) * slide.stride + 1
    read = [spread[:, tap * slide.spacing :][:, : reach : slide.stride] for tap in range(slide.taps)]
    return np.moveaxis(np.minimum.reduce(read), 1, axis)


def _padded(sides: np.ndarray, padding: Sequence[int | np.integer], nothing: np.ndarray) -> np.ndarray:
    """Along the second axis: what depends on nothing before, after, and between the elements."""
    low, high, interior = padding
    length = sides.shape[1]
    total = (length - 1) * (interior + 1) + 1 if length else 0
    blank = nothing.reshape(4, *[1] * (sides.ndim - 1))
    spread = np.broadcast_to(blank, (4, max(low, 0) + total + max(high, 0), *sides.shape[2:])).copy()
    spread[:, max(low, 0) : max(low, 0) + total : interior + 1] = sides
    return spread[:, max(-low, 0) : spread.shape[1] - max(-high, 0)]


def _convolution(eqn: Any, values: list[Any], shape: tuple[int, ...]) -> Field:
    params, (field, kernel) = eqn.params, values
    if not isinstance(field, Field) or isinstance(kernel, Field) or params["batch_group_count"] != 1:
        return mixing(eqn, values, shape)
    numbers, groups = params["dimension_numbers"], params["feature_group_count"]
    for axis, slide in slides_of_convolution(params, eqn.invars[1].aval.shape).items():
        if not slide.trivial:
            count = shape[slide.axis]
            field = field._replace(sides=_slid(field.along(axis), axis + 1, slide, count, field.nothing))
            field = field.of(field.sides, [count if a == axis else size for a, size in enumerate(field.shape)])
    sides = np.moveaxis(field.sides, [axis + 1 for axis in numbers.lhs_spec], range(1, len(shape) + 1))
    if groups == 1 or sides.shape[2] == 1:
        sides = sides.min(2, keepdims=True)
    else:
        of_group = sides.reshape(4, sides.shape[1], groups, -1, *sides.shape[3:]).min(3)
        sides = np.repeat(of_group, shape[numbers.out_spec[1]] // groups, 2)
    return field.of(np.moveaxis(sides, range(1, len(shape) + 1), [axis + 1 for axis in numbers.out_spec]), shape)


def _window(eqn: Any, values: list[Any], shape: tuple[int, ...]) -> Field:
    field = values[0]
    if not isinstance(field, Field):
        return mixing(eqn, values, shape)
    sides = field.sides
    for axis, slide in slides_of_pooling(eqn.params).items():
        if not slide.trivial:
            full = list(sides.shape)
            full[axis + 1] = field.shape[axis]
            sides = _slid(np.broadcast_to(sides, full), axis + 1, slide, shape[axis], field.nothing)
    return field.of(sides, shape)


def _dot(eqn: Any, values: list[Any], shape: tuple[int, ...]) -> Field:
    return _banded(eqn, values, shape) or _full_dot(eqn, values, shape)


def _banded(eqn: Any, values: list[Any], shape: tuple[int, ...]) -> Field | None:
    """The product with a constant matrix that is zero in places, such as the one that resizes an image."""
    contracted, (batched, _) = eqn.params["dimension_numbers"]
    side = 0 if isinstance(values[0], Field) else 1
    field, other = values[side], values[1 - side]
    if batched or isinstance(other, Field) or other is None or math.prod(eqn.invars[1 - side].aval.shape) > _LOOKED_AT:
        return None
    seen = np.asarray(value_of(other)) != 0
    if seen.all():
        return None
    inner = list(contracted[side])
    count = math.prod(field.shape[axis] for axis in inner)
    free = [axis for axis in range(len(field.shape)) if axis not in inner]
    sides = field.sides
    for axis in inner:
        sides = field.of(sides, field.shape).along(axis)
    sides = sides.transpose(0, *(axis + 1 for axis in free + inner))
    sides = sides.reshape(*sides.shape[: 1 + len(free)], count)
    seen = np.moveaxis(seen, contracted[1 - side], range(len(inner)))
    outer = seen.shape[len(inner) :]
    blank = field.nothing.reshape(4, *[1] * (sides.ndim - 1))
    columns = [
        sides[..., column].min(-1) if column.any() else np.broadcast_to(blank[..., 0], sides.shape[:-1])
        for column in seen.reshape(count, -1).T
    ]
    made = np.stack(columns, -1).reshape(*sides.shape[:-1], *outer)
    if side == 1:
        made = np.moveaxis(made, range(1 + len(free), made.ndim), range(1, 1 + len(outer)))
    return _compressed(field, made, shape)


def _full_dot(eqn: Any, values: list[Any], shape: tuple[int, ...]) -> Field:
    contracted, batched = eqn.params["dimension_numbers"]
    ranks = [len(var.aval.shape) for var in eqn.invars]
    free = [[a for a in range(ranks[k]) if a not in contracted[k] and a not in batched[k]] for k in (0, 1)]
    fields = []
    for side, field in enumerate(values):
        if isinstance(field, Field):
            kept = [*batched[side], *free[side]]
            sides = np.moveaxis(field.sides, [a + 1 for a in kept], range(1, len(kept) + 1))
            sides = sides.min(tuple(range(len(kept) + 1, sides.ndim)))
            after = len(batched[0]) + 1 if side else len(kept) + 1
            sides = np.expand_dims(sides, tuple(range(after, after + len(free[1 - side]))))
            fields.append(field.of(sides, shape))
    return together(fields, shape)


def _picked(eqn: Any, values: list[Any], shape: tuple[int, ...]) -> Field:
    """Elements that are taken from constant places: the operation is done on their numbers."""
    field, *places = values
    if not isinstance(field, Field) or any(isinstance(place, Field) or place is None for place in places):
        return mixing(eqn, values, shape)
    numbers = np.arange(math.prod(field.shape), dtype=np.int32).reshape(field.shape)
    # A place outside of a gather's operand is nowhere.
    params = eqn.params | {"fill_value": -1} if eqn.primitive.name == "gather" else eqn.params
    with jax.ensure_compile_time_eval():
        taken = np.asarray(eqn.primitive.bind(jnp.asarray(numbers), *map(value_of, places), **params))
    sides = np.broadcast_to(field.sides, (4, *field.shape)).reshape(4, -1)[:, taken]
    return _compressed(field, np.where(taken < 0, field.nothing.reshape(4, *[1] * len(shape)), sides), shape)


def _reshape(eqn: Any, values: list[Any], shape: tuple[int, ...]) -> Field:
    field = values[0]
    if eqn.params.get("dimensions") is not None:
        return mixing(eqn, values, shape)
    return _compressed(field, np.broadcast_to(field.sides, (4, *field.shape)).reshape(4, *shape), shape)


def _compressed(field: Field, sides: np.ndarray, shape: tuple[int, ...]) -> Field:
    """Without the axes along which nothing changes."""
    for axis in range(1, sides.ndim):
        first = np.take(sides, [0], axis)
        if (sides == first).all():
            sides = first
    return field.of(sides, shape)


def _transpose(eqn: Any, values: list[Any], shape: tuple[int, ...]) -> Field:
    return values[0].of(values[0].sides.transpose(0, *(axis + 1 for axis in eqn.params["permutation"])), shape)


def _broadcast(eqn: Any, values: list[Any], shape: tuple[int, ...]) -> Field:
    field, to = values[0], eqn.params["broadcast_dimensions"]
    sizes = [4, *[1] * len(shape)]
    for axis, new in enumerate(to):
        sizes[new + 1] = field.sides.shape[axis + 1]
    return field.of(field.sides.reshape(sizes), shape)


def _concatenate(eqn: Any, values: list[Any], shape: tuple[int, ...]) -> Field:
    axis = eqn.params["dimension"]
    like = next(value for value in values if isinstance(value, Field))
    parts = []
    for value, var in zip(values, eqn.invars, strict=True):
        blank = like.of(like.nothing.reshape(4, *[1] * len(shape)), var.aval.shape)
        parts.append((value if isinstance(value, Field) else blank).along(axis))
    sizes = np.max([part.shape for part in parts], 0)
    full = [np.broadcast_to(part, [*sizes[: axis + 1], part.shape[axis + 1], *sizes[axis + 2 :]]) for part in parts]
    return _compressed(like, np.concatenate(full, axis + 1), shape)


def _slice(eqn: Any, values: list[Any], shape: tuple[int, ...]) -> Field:
    field, params = values[0], eqn.params
    steps = params["strides"] or [1] * len(shape)
    taken = [
        slice(None) if size == 1 else slice(begin, end, step)
        for size, begin, end, step in zip(
            field.sides.shape[1:], params["start_indices"], params["limit_indices"], steps, strict=True
        )
    ]
    return field.of(field.sides[(slice(None), *taken)], shape)


def _pad(eqn: Any, values: list[Any], shape: tuple[int, ...]) -> Field:
    field, value = values
    if not isinstance(field, Field) or isinstance(value, Field):
        return mixing(eqn, values, shape)
    sides = field.sides
    for axis, config in enumerate(eqn.params["padding_config"]):
        if any(config):
            full = list(sides.shape)
            full[axis + 1] = field.shape[axis]
            padded = _padded(np.moveaxis(np.broadcast_to(sides, full), axis + 1, 1), config, field.nothing)
            sides = np.moveaxis(padded, 1, axis + 1)
    return field.of(sides, shape)


def _reduce(eqn: Any, values: list[Any], shape: tuple[int, ...]) -> Field:
    return values[0].of(values[0].sides.min(tuple(axis + 1 for axis in eqn.params["axes"])), shape)


def _squeeze(eqn: Any, values: list[Any], shape: tuple[int, ...]) -> Field:
    return values[0].of(values[0].sides.squeeze(tuple(axis + 1 for axis in eqn.params["dimensions"])), shape)


def _reverse(eqn: Any, values: list[Any], shape: tuple[int, ...]) -> Field:
    return values[0].of(np.flip(values[0].sides, tuple(axis + 1 for axis in eqn.params["dimensions"])), shape)


def _cumulative(eqn: Any, values: list[Any], shape: tuple[int, ...]) -> Field:
    axis = eqn.params["axis"]
    sides = values[0].along(axis)
    if eqn.params["reverse"]:
        return values[0].of(np.flip(np.minimum.accumulate(np.flip(sides, axis + 1), axis + 1), axis + 1), shape)
    return values[0].of(np.minimum.accumulate(sides, axis + 1), shape)


RULES: dict[str, Rule] = {
    **dict.fromkeys(ELEMENTWISE, _elementwise),
    "broadcast_in_dim": _broadcast,
    "concatenate": _concatenate,
    "conv_general_dilated": _convolution,
    "dot_general": _dot,
    **dict.fromkeys(("dynamic_slice", "gather"), _picked),
    "pad": _pad,
    **dict.fromkeys(("reduce_window_max", "reduce_window_min", "reduce_window_sum", "reduce_window"), _window),
    "reshape": _reshape,
    "rev": _reverse,
    "slice": _slice,
    "squeeze": _squeeze,
    "transpose": _transpose,
    **dict.fromkeys(
        ("argmax", "argmin", "reduce_and", "reduce_max", "reduce_min", "reduce_or", "reduce_prod", "reduce_sum"),
        _reduce,
    ),
    **dict.fromkeys(("cumlogsumexp", "cummax", "cummin", "cumprod", "cumsum"), _cumulative),
}

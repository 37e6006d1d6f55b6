"""Which axes of a value stand in the place of the batch, the rows and the columns of the images.

An axis is made of parts, slow to fast: a token axis is rows, then columns, and splits into them again. A convolution
keeps axes, a transposition permutes them, a contraction loses them, and elementwise operations take together what
their operands know. That is another question than what an element depends on: behind a squeeze-and-excite every
element depends on the whole image, and yet the map has rows and columns; an attention matrix has none.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from jaxviz._core.jaxpr.elementwise import ELEMENTWISE
from jaxviz._core.jaxpr.primitives import kind

BATCH, ROWS, COLS = "batch", "rows", "cols"
UNKNOWN = "unknown"
Origins = frozenset[str]


class Axis(NamedTuple):
    """An axis of a value.

    Attributes:
        size: its length.
        parts: `(size, origins)` of each, slow to fast. Their product may be another than `size` where something was
            taken off or put on; a later operation may mend it (a class token that comes and goes).
    """

    size: int
    parts: tuple[tuple[int, Origins], ...]

    @classmethod
    def of(cls, size: int, origins: Iterable[str] = ()) -> "Axis":
        """An axis of one part."""
        return cls(size, ((size, frozenset(origins)),))

    @property
    def origins(self) -> Origins:
        """What it stands in the place of; `UNKNOWN` where that may be anything."""
        return _together(origins for _, origins in self.parts)

    def resized(self, size: int) -> "Axis":
        """The axis after something that moves along it."""
        return Axis.of(size, self.origins) if len(self.parts) == 1 else Axis(size, self.parts)

    def split(self) -> tuple[tuple[int, Origins], ...]:
        """The parts, one where they do not make up the axis."""
        whole = math.prod(size for size, _ in self.parts) == self.size
        return self.parts if whole else Axis.of(self.size, self.origins).parts


class Axes(NamedTuple):
    """The axes of a value that depends on the images; what does not is not an `Axes`."""

    axes: tuple[Axis, ...]

    def resized(self, shape: Sequence[int]) -> "Axes":
        """The same axes of other lengths."""
        return Axes(tuple(axis.resized(size) for axis, size in zip(self.axes, shape, strict=True)))


Rule = Callable[[Any, list[Any], tuple[int, ...]], Axes]
"""From an equation, its operands (at least one an `Axes`) and the shape of an output."""


def start(shape: Sequence[int]) -> Axes:
    """Of an input: a batch of images if it has four axes."""
    if len(shape) != 4:
        return unknown(shape)
    return Axes(tuple(map(Axis.of, shape, ((BATCH,), (ROWS,), (COLS,), ()))))


def unknown(shape: Sequence[int]) -> Axes:
    """Of a value of which nothing is known but that it depends on the images."""
    return Axes(tuple(Axis.of(size, (UNKNOWN,)) for size in shape))


def together(values: Sequence[Any], shape: Sequence[int]) -> Any:
    """What values of one shape know; None where none of them depends on the images."""
    known = [value for value in values if isinstance(value, Axes)]
    if not known:
        return None
    axes = [Axis.of(size) for size in shape]
    for value in known:
        if len(value.axes) == len(shape):  # a scalar stands for an operand of any shape
            # A single place may stand for all along an axis.
            whole = [
                b if b.size == size else Axis.of(size, b.origins) for b, size in zip(value.axes, shape, strict=True)
            ]
            axes = [_merged(a, b) for a, b in zip(axes, whole, strict=True)]
    return Axes(tuple(axes))


def stacked(value: Any, leading: Axis) -> Any:
    """The value with another axis before its own."""
    return Axes((leading, *value.axes)) if isinstance(value, Axes) else value


def rule_of(eqn: Any) -> Rule:
    """What an equation makes of axes."""
    return _RULES.get(kind(eqn), _anything)


def _together(origins: Iterable[Origins]) -> Origins:
    found = frozenset().union(*origins)
    return found - {UNKNOWN} or found  # what is known counts


def _merged(a: Axis, b: Axis) -> Axis:
    if [size for size, _ in a.parts] == [size for size, _ in b.parts]:
        parts = zip(a.parts, b.parts, strict=True)
        return a._replace(parts=tuple((size, _together((first, second))) for (size, first), (_, second) in parts))
    finer, other = (a, b) if len(a.parts) > len(b.parts) else (b, a)
    if other.origins - {UNKNOWN} <= finer.origins:
        return finer
    return other if not finer.origins else Axis.of(a.size, _together((a.origins, b.origins)))


def _anything(eqn: Any, values: list[Any], shape: tuple[int, ...]) -> Axes:
    del eqn, values
    return unknown(shape)


def _elementwise(eqn: Any, values: list[Any], shape: tuple[int, ...]) -> Axes:
    del eqn
    return together(values, shape)


def _moving(eqn: Any, values: list[Any], shape: tuple[int, ...]) -> Axes:
    """Elements move along the axes, and none leaves its own."""
    del eqn
    same = [value.resized(shape) for value in values if isinstance(value, Axes) and len(value.axes) == len(shape)]
    return together(same, shape) or unknown(shape)


def _first(eqn: Any, values: list[Any], shape: tuple[int, ...]) -> Axes:
    """Elements of the first operand, at places that the others say."""
    return _moving(eqn, values[:1], shape) if isinstance(values[0], Axes) else unknown(shape)


def _dropping(name: str) -> Rule:
    def rule(eqn: Any, values: list[Any], shape: tuple[int, ...]) -> Axes:
        dropped = eqn.params[name]
        kept = [Axes(tuple(a for i, a in enumerate(v.axes) if i not in dropped)) for v in values if _has_axes(v)]
        return together(kept, shape) or unknown(shape)

    return rule


def _has_axes(value: Any) -> bool:
    return isinstance(value, Axes) and bool(value.axes)


def _transpose(eqn: Any, values: list[Any], shape: tuple[int, ...]) -> Axes:
    del shape
    return Axes(tuple(values[0].axes[axis] for axis in eqn.params["permutation"]))


def _broadcast(eqn: Any, values: list[Any], shape: tuple[int, ...]) -> Axes:
    axes = [Axis.of(size) for size in shape]
    for axis, place in zip(values[0].axes, eqn.params["broadcast_dimensions"], strict=True):
        axes[place] = axis if axis.size == shape[place] else axes[place]
    return Axes(tuple(axes))


def _reshape(eqn: Any, values: list[Any], shape: tuple[int, ...]) -> Axes:
    if 0 in shape:
        return unknown(shape)
    axes, order = values[0].axes, eqn.params.get("dimensions")
    left = [part for axis in (axes if order is None else [axes[i] for i in order]) for part in axis.split()]
    made: list[Axis] = []
    for size in shape:
        parts, need = [], size
        while left and (need > 1 or (size == 1 and left[0][0] == 1 and not parts)):
            length, origins = left.pop(0)
            if need % length and length % need:
                # A cut through the middle: from here on any axis may hold anything of the rest.
                rest = _together((origins, *(o for _, o in parts), *(o for _, o in left)))
                return Axes((*made, *(Axis.of(other, rest) for other in shape[len(made) :])))
            taken = min(length, need)
            parts.append((taken, origins))
            need //= taken
            if taken < length:
                left.insert(0, (length // taken, origins))
        lasting = [part for part in parts if part[0] > 1 or part[1]]
        made.append(Axis(size, tuple(lasting)) if lasting else Axis.of(size))
    return Axes(tuple(made))


def _concatenate(eqn: Any, values: list[Any], shape: tuple[int, ...]) -> Axes:
    # Images that are laid beside each other are still rows and columns, and so are those with a token before them.
    del eqn
    known = [value for value in values if isinstance(value, Axes)]
    return together([known[0].resized(shape), *(value.resized(shape) for value in known[1:])], shape)


def _convolution(eqn: Any, values: list[Any], shape: tuple[int, ...]) -> Axes:
    field, _ = values
    numbers, groups = eqn.params["dimension_numbers"], eqn.params["feature_group_count"]
    if not isinstance(field, Axes) or eqn.params["batch_group_count"] != 1:
        return unknown(shape)
    axes = [Axis.of(size) for size in shape]
    for place, to in zip(numbers.lhs_spec, numbers.out_spec, strict=True):
        axes[to] = field.axes[place].resized(shape[to])
    # A kernel for each image: the batch stands among the groups of channels.
    leading, *rest = field.axes[numbers.lhs_spec[1]].split()
    channels, size = numbers.out_spec[1], shape[numbers.out_spec[1]]
    axes[channels] = Axis.of(size)
    if leading[1] and groups > 1:
        parts = leading, (size // leading[0], _together(origins for _, origins in rest))
        axes[channels] = Axis(size, parts) if groups % leading[0] == 0 else Axis.of(size, (UNKNOWN,))
    return Axes(tuple(axes))


def _dot(eqn: Any, values: list[Any], shape: tuple[int, ...]) -> Axes:
    contracted, batched = eqn.params["dimension_numbers"]
    ranks = [len(var.aval.shape) for var in eqn.invars]
    free = [[a for a in range(ranks[k]) if a not in contracted[k] and a not in batched[k]] for k in (0, 1)]
    known = []
    for side, value in enumerate(values):
        if not isinstance(value, Axes):
            continue
        gone = [value.axes[axis] for axis in contracted[side]]
        sizes = [eqn.invars[1 - side].aval.shape[axis] for axis in free[1 - side]]
        lost = _together(axis.origins for axis in gone) if not isinstance(values[1 - side], Axes) else ()
        # By a matrix along one axis, as images are resized, or by weights that may lay out what they make anyhow.
        alone = len(gone) == len(sizes) == 1 and len(gone[0].parts) == 1
        outer = [
            gone[0].resized(size) if alone and lost else Axis.of(size, (UNKNOWN,) if lost else ()) for size in sizes
        ]
        own = [value.axes[axis] for axis in free[side]]
        batch = [value.axes[axis] for axis in batched[side]]
        known.append(Axes((*batch, *(outer + own if side else own + outer))))
    return together(known, shape)


def _gather(eqn: Any, values: list[Any], shape: tuple[int, ...]) -> Axes:
    numbers, (operand, indices) = eqn.params["dimension_numbers"], values
    rank = len(eqn.invars[0].aval.shape)
    inner = [a for a in range(rank) if a not in (*numbers.collapsed_slice_dims, *numbers.operand_batching_dims)]
    outer = [axis for axis in range(len(shape)) if axis not in numbers.offset_dims]
    axes = [Axis.of(size, () if axis in numbers.offset_dims else (UNKNOWN,)) for axis, size in enumerate(shape)]
    if isinstance(operand, Axes):
        for to, axis in zip(numbers.offset_dims, inner, strict=True):
            axes[to] = operand.axes[axis].resized(shape[to])
        pairs = dict(zip(numbers.start_indices_batching_dims, numbers.operand_batching_dims, strict=True))
        listed = [place for place in range(len(outer)) if place not in pairs]
        if len(listed) == len(numbers.collapsed_slice_dims) == 1:  # places along one axis
            pairs[listed[0]] = numbers.collapsed_slice_dims[0]
        for place, axis in pairs.items():
            axes[outer[place]] = operand.axes[axis].resized(shape[outer[place]])
    if isinstance(indices, Axes):  # places that are themselves laid out as the images are say more
        for place, to in enumerate(outer):
            own = indices.axes[place]
            axes[to] = own if own.origins - {UNKNOWN} or not isinstance(operand, Axes) else axes[to]
    return Axes(tuple(axes))


_RULES: dict[str, Rule] = {
    **dict.fromkeys(ELEMENTWISE, _elementwise),
    "broadcast_in_dim": _broadcast,
    "concatenate": _concatenate,
    "conv_general_dilated": _convolution,
    "dot_general": _dot,
    **dict.fromkeys(("dynamic_slice", "dynamic_update_slice"), _first),
    "gather": _gather,
    "pad": _first,
    "reshape": _reshape,
    **dict.fromkeys(("rev", "slice", "sort", "split"), _moving),
    "squeeze": _dropping("dimensions"),
    "transpose": _transpose,
    **dict.fromkeys(("reduce_window_max", "reduce_window_min", "reduce_window_sum", "reduce_window"), _moving),
    **dict.fromkeys(("cumlogsumexp", "cummax", "cummin", "cumprod", "cumsum"), _moving),
    **dict.fromkeys(
        ("argmax", "argmin", "reduce_and", "reduce_max", "reduce_min", "reduce_or", "reduce_prod", "reduce_sum"),
        _dropping("axes"),
    ),
}

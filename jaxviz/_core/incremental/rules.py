"""Which operations are local: what a patch in their operands reaches in their output, and what they read for it.

An operation without a rule here is run on whole arrays, which is never wrong, only slower.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxviz._core.incremental.conv import convolution
from jaxviz._core.incremental.flat import Op
from jaxviz._core.incremental.spans import Spans, Window, Windows, fit, slid, union
from jaxviz._core.jaxpr.elementwise import ELEMENTWISE
from jaxviz._core.jaxpr.windows import Slide, Slides, slides_of_convolution, slides_of_pooling


class Need(NamedTuple):
    """The part of an operand that an operation reads, and the value that stands for the padding around it."""

    windows: Windows
    fill: float | None = None


class Local(NamedTuple):
    """How an operation runs on patches.

    Attributes:
        spans: what the patch reaches in each output.
        needs: from what is kept of the output to what is read of each operand (None: all of it).
        bind: from what is kept of the output to the operation on what was read.
        weight: how many multiplications an element of the output takes; 0 where the cost is that of memory.
        joins: whether operands of different extent have to be brought to the same.
        widens: whether to compute a wider window costs less than to copy it from the clean image.
    """

    spans: Spans
    needs: Callable[[Windows], list[Need | None]]
    bind: Callable[[Windows], Callable[..., list[Any]]]
    weight: int = 0
    joins: bool = False
    widens: bool = False


Patches = list[Spans | None]  # of each operand; None: the patch does not reach it
Rule = Callable[[Op, Patches, float], Local | None]


def local_rule(op: Op, patches: Patches, cap: float) -> Local | None:
    """How `op` runs on patches, if it is local; `cap` bounds the reach of a patch, as a part of its axis."""
    rule = RULES.get(op.name)
    local = None if rule is None else rule(op, patches, cap)
    # JAX keeps some axes as NumPy integers.
    return None if local is None else local._replace(spans={int(axis): span for axis, span in local.spans.items()})


def _elementwise(op: Op, patches: Patches, cap: float) -> Local | None:
    spans = _merged([patch for patch in patches if patch is not None])
    if spans is None:
        return None
    shape = op.outputs[0].shape
    for patch, value in zip(patches, op.inputs, strict=True):
        # A mean over the channels has a single one, which stands for all. A single place that did would reach them all.
        if patch is not None and any(np.shape(value)[axis] != shape[axis] for axis in patch):
            return None

    def read(value: Any, out: Windows) -> Need | None:
        sizes = np.shape(value)
        # An operand of length one along an axis is broadcast along it, and so read whole.
        return Need({axis: w for axis, w in out.items() if sizes[axis] == shape[axis]}) if sizes else None

    return Local(
        spans,
        lambda out: [read(value, out) for value in op.inputs],
        lambda out: op.bind,
        joins=True,
        widens=True,
    )


def _merged(patches: Sequence[Spans]) -> Spans | None:
    """The union along every axis that one of them has a span on."""
    if any(patch.keys() != patches[0].keys() for patch in patches):
        return None
    merged = {axis: union([patch[axis] for patch in patches]) for axis in patches[0]}
    return None if None in merged.values() else merged  # type: ignore[return-value]


def _concatenate(op: Op, patches: Patches, cap: float) -> Local | None:
    spans = _merged([patch for patch in patches if patch is not None])
    if spans is None or op.params["dimension"] in spans:
        return None
    return Local(spans, lambda out: [Need(out)] * len(op.inputs), lambda out: op.bind, joins=True, widens=True)


def _convolution(op: Op, patches: Patches, cap: float) -> Local | None:
    rhs = op.inputs[1]
    params = op.params
    numbers = params["dimension_numbers"]
    patch = patches[0]
    spatial = numbers.lhs_spec[2:]
    if patch is None or patches[1] is not None or params["batch_group_count"] != 1 or not patch.keys() <= set(spatial):
        return None
    slides = _crossing(patch, slides_of_convolution(params, np.shape(rhs)))
    if any(slide.interior != 1 for slide in slides.values()):
        return None
    padding = [(0, 0) if axis in patch else params["padding"][i] for i, axis in enumerate(spatial)]
    weight = math.prod(np.shape(rhs)) // op.outputs[0].shape[numbers.out_spec[1]]
    pointwise = all(slide.extent == slide.stride == 1 for slide in slides.values())
    return Local(
        _slid(patch, slides, op.outputs[0].shape, cap),
        lambda out: [Need(_read(patch, slides, out), 0.0), None],
        lambda out: convolution(op, tuple(padding)),
        weight=weight,
        widens=pointwise,
    )


def _crossing(patch: Spans, slides: Slides) -> Slides:
    """Those along axes of the patch."""
    return {axis: slides[axis] for axis in patch}


def _slid(patch: Spans, slides: Slides, shape: tuple[int, ...], cap: float) -> Spans:
    return {
        s.axis: slid(patch[axis], s.extent, s.stride, s.padding[0], shape[s.axis], cap) for axis, s in slides.items()
    }


def _read(patch: Spans, slides: Slides, out: Windows) -> Windows:
    """What windows that slide read to give the part `out` of their output."""
    return {
        axis: Window(
            patch[axis].source,
            out[s.axis].start * s.stride - s.padding[0],
            (out[s.axis].size - 1) * s.stride + s.extent,
        )
        for axis, s in slides.items()
    }


def _pooling(fill: Callable[[Any], float]) -> Rule:
    def rule(op: Op, patches: Patches, cap: float) -> Local | None:
        (patch,), params = patches, op.params
        if patch is None:
            return None
        slides = _crossing(patch, slides_of_pooling(params))
        if any(slide.interior != 1 for slide in slides.values()):
            return None
        padding = tuple((0, 0) if axis in patch else pads for axis, pads in enumerate(params["padding"]))
        return Local(
            _slid(patch, slides, op.outputs[0].shape, cap),
            lambda out: [Need(_read(patch, slides, out), fill(op.outputs[0].dtype))],
            lambda out: lambda value: op.bind(value, padding=padding),
            weight=1,
        )

    return rule


def _lowest(dtype: Any) -> float:
    return -np.inf if jax.numpy.issubdtype(dtype, np.floating) else np.iinfo(dtype).min


def _highest(dtype: Any) -> float:
    return np.inf if jax.numpy.issubdtype(dtype, np.floating) else np.iinfo(dtype).max


def _slice(op: Op, patches: Patches, cap: float) -> Local | None:
    (patch,) = patches
    shape = op.inputs[0].shape
    begin, end = list(op.params["start_indices"]), list(op.params["limit_indices"])
    steps = list(op.params["strides"] or [1] * len(begin))
    assert patch is not None
    slides = {axis: Slide(axis, 1, steps[axis], padding=(-begin[axis], 0)) for axis in patch}
    spans = _slid(patch, slides, op.outputs[0].shape, cap)

    def bind(out: Windows) -> Callable[..., list[Any]]:
        taken = [(0, _extent(out[a].size, steps[a])) if a in patch else (begin[a], end[a]) for a in range(len(shape))]
        return lambda value: op.bind(
            value, start_indices=tuple(low for low, _ in taken), limit_indices=tuple(high for _, high in taken)
        )

    return Local(spans, lambda out: [Need(_read(patch, slides, out))], bind)


def _extent(size: int, stride: int) -> int:
    return (size - 1) * stride + 1


def _pad(op: Op, patches: Patches, cap: float) -> Local | None:
    patch, value = patches
    config = op.params["padding_config"]
    if patch is None or value is not None or any(config[axis][2] for axis in patch):
        return None
    shape, lengths = op.inputs[0].shape, op.outputs[0].shape
    spans = {}
    for axis, span in patch.items():
        low = int(config[axis][0])
        bounds = (max(0, low), min(lengths[axis], low + shape[axis]))
        spans[axis] = fit(span.source, span.lo + low, span.hi + low, lengths[axis], bounds)
    rest = tuple((0, 0, 0) if axis in patch else pads for axis, pads in enumerate(config))

    def needs(out: Windows) -> list[Need | None]:
        return [
            Need({axis: window._replace(start=window.start - config[axis][0]) for axis, window in out.items()}),
            None,
        ]

    return Local(spans, needs, lambda out: lambda *values: op.bind(*values, padding_config=rest))


def _moved(op: Op, patch: Spans, to: dict[int, int], bind: Callable[[Windows], Callable[..., list[Any]]]) -> Local:
    """An operation whose output axis `to[a]` is the operand's axis `a`."""
    back = {new: old for old, new in to.items()}
    others = [None] * (len(op.inputs) - 1)
    return Local(
        {to[axis]: span for axis, span in patch.items()},
        lambda out: [Need({back[axis]: window for axis, window in out.items()}), *others],
        bind,
    )


def _resized(shape: Sequence[int], out: Windows) -> tuple[int, ...]:
    return tuple(out[axis].size if axis in out else size for axis, size in enumerate(shape))


def _transpose(op: Op, patches: Patches, cap: float) -> Local | None:
    (patch,) = patches
    assert patch is not None
    to = {old: new for new, old in enumerate(op.params["permutation"])}
    return _moved(op, patch, to, lambda out: op.bind)


def _broadcast(op: Op, patches: Patches, cap: float) -> Local | None:
    patch, params = patches[0], op.params
    assert patch is not None
    to = dict(enumerate(params["broadcast_dimensions"]))
    if any(params["shape"][to[axis]] != op.inputs[0].shape[axis] for axis in patch):
        return None
    return _moved(op, patch, to, lambda out: lambda *values: op.bind(*values, shape=_resized(params["shape"], out)))


def _reshape(op: Op, patches: Patches, cap: float) -> Local | None:
    patch, old, new = patches[0], op.inputs[0].shape, op.params["new_sizes"]
    assert patch is not None
    if op.params["dimensions"] is not None:
        return None
    to = {}
    for axis in patch:
        same = [
            other
            for other, size in enumerate(new)
            if size == old[axis] and math.prod(new[:other]) == math.prod(old[:axis]) and size > 1
        ]
        if not same:
            return None
        to[axis] = same[0]
    return _moved(op, patch, to, lambda out: lambda *values: op.bind(*values, new_sizes=_resized(new, out)))


def _dropping(parameter: str) -> Rule:
    """An operation that loses the axes named in a parameter."""

    def rule(op: Op, patches: Patches, cap: float) -> Local | None:
        (patch,), gone = patches, set(op.params[parameter])
        if patch is None or gone & patch.keys():
            return None
        left = [axis for axis in range(len(op.inputs[0].shape)) if axis not in gone]
        return _moved(op, patch, {axis: left.index(axis) for axis in left}, lambda out: op.bind)

    return rule


def _along(parameter: str) -> Rule:
    """An operation that acts along the axis or the axes named in a parameter."""

    def rule(op: Op, patches: Patches, cap: float) -> Local | None:
        axes = op.params[parameter]
        axes = set(axes) if isinstance(axes, tuple | list) else {axes}
        if len(op.inputs) != 1 or patches[0] is None or axes & patches[0].keys():
            return None
        return _moved(op, patches[0], {axis: axis for axis in patches[0]}, lambda out: op.bind)

    return rule


def _dot(op: Op, patches: Patches, cap: float) -> Local | None:
    (contracted, batched), side = op.params["dimension_numbers"], int(patches[0] is None)
    patch, other = patches[side], patches[1 - side]
    if patch is None or other is not None or patch.keys() & {*contracted[side], *batched[side]}:
        return None
    ranks = [len(np.shape(value)) for value in op.inputs]
    free = [[a for a in range(ranks[k]) if a not in contracted[k] and a not in batched[k]] for k in (0, 1)]
    first = len(batched[0]) + (len(free[0]) if side else 0)
    to = {axis: first + free[side].index(axis) for axis in patch}
    back = {new: old for old, new in to.items()}

    def needs(out: Windows) -> list[Need | None]:
        need = Need({back[axis]: window for axis, window in out.items()})
        return [None, need] if side else [need, None]

    weight = math.prod(np.shape(op.inputs[0])[axis] for axis in contracted[0])
    return Local({to[axis]: span for axis, span in patch.items()}, needs, lambda out: op.bind, weight, widens=True)


RULES: dict[str, Rule] = {
    **dict.fromkeys(ELEMENTWISE, _elementwise),
    "broadcast_in_dim": _broadcast,
    "concatenate": _concatenate,
    "conv_general_dilated": _convolution,
    "dot_general": _dot,
    "pad": _pad,
    "reduce_window_max": _pooling(_lowest),
    "reduce_window_min": _pooling(_highest),
    "reduce_window_sum": _pooling(lambda dtype: 0.0),
    "reshape": _reshape,
    "slice": _slice,
    "squeeze": _dropping("dimensions"),
    "transpose": _transpose,
    **dict.fromkeys(
        ("argmax", "argmin", "reduce_and", "reduce_max", "reduce_min", "reduce_or", "reduce_prod", "reduce_sum"),
        _dropping("axes"),
    ),
    **dict.fromkeys(("cumlogsumexp", "cummax", "cummin", "cumprod", "cumsum", "split"), _along("axis")),
    "rev": _along("dimensions"),
    "sort": _along("dimension"),
}

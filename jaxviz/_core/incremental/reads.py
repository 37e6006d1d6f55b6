"""How an operation gets its operands: patches, read out of the clean image's values and put together."""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array

from jaxviz._core.incremental.flat import Op, Slot
from jaxviz._core.incremental.rules import Need
from jaxviz._core.incremental.spans import Spans, Window, Windows


class Field(NamedTuple):
    """A value of the clean image with padding around it."""

    slot: Slot
    pads: tuple[tuple[int, int], ...]
    fill: float

    def make(self, base: dict[int, Any]) -> Any:
        """The array."""
        value = jnp.asarray(base[self.slot.index])
        if not any(map(any, self.pads)):
            return value
        return lax.pad(value, jnp.asarray(self.fill, value.dtype), [(*pads, 0) for pads in self.pads])


class Place(NamedTuple):
    """Where along some axes: constant, or in the columns of the table from `column` on."""

    axes: tuple[int, ...]
    fixed: tuple[int, ...] | None
    column: int

    def look_up(self, table: Array) -> Array:
        """One position per window and axis."""
        return table[:, self.column : self.column + len(self.axes)]


@dataclasses.dataclass
class Lookups:
    """What a running program looks up: fields, and a table of positions with one row per window."""

    fields: list[Field] = dataclasses.field(default_factory=list)
    columns: list[tuple[int, np.ndarray]] = dataclasses.field(default_factory=list)
    places: dict[Any, int] = dataclasses.field(default_factory=dict)

    def field(self, slot: Slot, pads: dict[int, tuple[int, int]], fill: float = 0.0) -> int:
        """The number of a field."""
        field = Field(slot, tuple(pads.get(axis, (0, 0)) for axis in range(len(slot.shape))), fill)
        if field not in self.fields:
            self.fields.append(field)
        return self.fields.index(field)

    def place(self, positions: dict[int, tuple[int, np.ndarray]]) -> Place:
        """Positions along axes, each with the coordinate of the corner that it follows."""
        axes = tuple(sorted(positions))
        vectors = [positions[axis] for axis in axes]
        if all((vector == vector[0]).all() for _, vector in vectors):
            return Place(axes, tuple(int(vector[0]) for _, vector in vectors), 0)
        key = tuple((source, vector.tobytes()) for source, vector in vectors)
        if key not in self.places:
            self.places[key] = len(self.columns)
            self.columns.extend(vectors)
        return Place(axes, None, self.places[key])

    def table(self, *numbers: Array | np.ndarray) -> Array:
        """The table for windows whose corners have these numbers, one along each axis, among all possible ones."""
        if not self.columns:
            return jnp.zeros((len(numbers[0]), 0), jnp.int32)
        columns = [np.asarray(vector, np.int32) for _, vector in self.columns]
        parts, order = [], []
        for source in range(len(numbers)):
            chosen = [index for index, column in enumerate(self.columns) if column[0] == source]
            order += chosen
            if chosen:
                parts.append(jnp.asarray(np.stack([columns[index] for index in chosen], axis=1))[numbers[source]])
        return jnp.concatenate(parts, axis=1)[:, np.argsort(order)]


class Whole(NamedTuple):
    """All of a clean value."""

    field: int

    def get(self, patch: Any, fields: list[Any], table: Array) -> tuple[Any, bool]:
        """The operand, and whether there is one per window."""
        del patch, table
        return fields[self.field], False


class Constant(NamedTuple):
    """A constant of the program."""

    value: Any

    def get(self, patch: Any, fields: list[Any], table: Array) -> tuple[Any, bool]:
        """The operand."""
        del patch, fields, table
        return self.value, False


class Broadcast(NamedTuple):
    """Part of a clean value that is the same everywhere on the patch: made again in the patch's size."""

    op: Op
    field: int | None
    shape: tuple[int, ...]

    def get(self, patch: Any, fields: list[Any], table: Array) -> tuple[Any, bool]:
        """The operand, the same for all windows."""
        del patch, table
        small = self.op.inputs[0] if self.field is None else fields[self.field]
        return self.op.bind(small, shape=self.shape)[0], False


class Clean(NamedTuple):
    """Part of a clean value, another for each window."""

    field: int
    at: Place
    size: tuple[int, ...]

    def get(self, patch: Any, fields: list[Any], table: Array) -> tuple[Any, bool]:
        """The operand."""
        del patch
        field = fields[self.field]
        if self.at.fixed is not None:
            start, stop = [0] * field.ndim, list(field.shape)
            for axis, position, size in zip(self.at.axes, self.at.fixed, self.size, strict=True):
                start[axis], stop[axis] = position, position + size
            return lax.slice(field, start, stop), False
        sizes = list(field.shape)
        for axis, size in zip(self.at.axes, self.size, strict=True):
            sizes[axis] = size
        numbers = lax.GatherDimensionNumbers(
            offset_dims=tuple(range(1, field.ndim + 1)), collapsed_slice_dims=(), start_index_map=self.at.axes
        )
        mode = lax.GatherScatterMode.PROMISE_IN_BOUNDS
        return lax.gather(field, self.at.look_up(table), numbers, tuple(sizes), mode=mode), True


class Patch(NamedTuple):
    """What is kept of a patch, or a part of it at a constant place."""

    crop: tuple[tuple[int, int, int], ...] = ()

    def get(self, patch: Any, fields: list[Any], table: Array) -> tuple[Any, bool]:
        """The operand."""
        del fields, table
        for axis, start, size in self.crop:
            patch = lax.slice_in_dim(patch, start, start + size, axis=axis + 1)
        return patch, True


class Pasted(NamedTuple):
    """Part of a clean value with the patch pasted into it, then the margins cut off."""

    clean: Clean
    at: Place
    crop: Patch

    def get(self, patch: Any, fields: list[Any], table: Array) -> tuple[Any, bool]:
        """The operand."""
        around, mapped = self.clean.get(None, fields, table)
        if not mapped:
            around = jnp.broadcast_to(around, (table.shape[0], *around.shape))
        return self.crop.get(_paste(around, patch, self.at, table), fields, table)


def _paste(around: Array, patch: Array, at: Place, table: Array) -> Array:
    if at.fixed is not None:
        start = [0] * around.ndim
        for axis, position in zip(at.axes, at.fixed, strict=True):
            start[axis + 1] = position
        return lax.dynamic_update_slice(around, patch, start)
    numbers = lax.ScatterDimensionNumbers(
        update_window_dims=tuple(range(1, around.ndim)),
        inserted_window_dims=(),
        scatter_dims_to_operand_dims=tuple(axis + 1 for axis in at.axes),
        operand_batching_dims=(0,),
        scatter_indices_batching_dims=(0,),
    )
    return lax.scatter(
        around,
        at.look_up(table),
        patch,
        numbers,
        indices_are_sorted=True,
        unique_indices=True,
        mode=lax.GatherScatterMode.PROMISE_IN_BOUNDS,
    )


Read = Whole | Constant | Broadcast | Clean | Patch | Pasted


def read_clean(slot: Slot, need: Need | None, maker: Op | None, lookups: Lookups) -> Read:
    """How to read a clean value; `maker` is the operation that it came from."""
    if need is None:
        return Whole(lookups.field(slot, {}))
    if maker is not None and maker.name == "broadcast_in_dim" and len(maker.inputs) == 1:
        (small,), dimensions = maker.inputs, maker.params["broadcast_dimensions"]
        if all(axis not in dimensions or _shape(small)[dimensions.index(axis)] == 1 for axis in need.windows):
            shape = [need.windows[axis].size if axis in need.windows else n for axis, n in enumerate(slot.shape)]
            return Broadcast(maker, lookups.field(small, {}) if isinstance(small, Slot) else None, tuple(shape))
    return _clean(slot, need.windows, need.fill, lookups)


def read_patch(slot: Slot, spans: Spans, need: Need, lookups: Lookups, others: Sequence[Need] = ()) -> Read:
    """How to read the part `need` of a value that a patch has reached and of which `spans` are kept.

    Where one of the `others` that are read of the same value holds it, it is cut out of that: XLA sees the same
    operations twice and computes them once.
    """
    offsets = {axis: span.start - need.windows[axis].start for axis, span in spans.items()}
    inside = all(
        (offset == offset[0]).all() and offset[0] <= 0 and offset[0] + spans[axis].size >= need.windows[axis].size
        for axis, offset in offsets.items()
    )
    if inside:
        crop = [(axis, -int(offsets[axis][0]), need.windows[axis].size) for axis in spans]
        return Patch(tuple(part for part in crop if part[2] != spans[part[0]].size))
    part, need = need, max([need, *(other for other in others if _holds(other, need, slot))], key=_area)
    offsets = {axis: span.start - need.windows[axis].start for axis, span in spans.items()}
    # Room on both sides, so that a patch that sticks out is not pushed aside.
    low = {axis: max(0, -int(offset.min())) for axis, offset in offsets.items()}
    high = {
        axis: max(0, int(offset.max()) + spans[axis].size - need.windows[axis].size) for axis, offset in offsets.items()
    }
    around = {
        axis: Window(window.source, window.start - low[axis], low[axis] + window.size + high[axis])
        for axis, window in need.windows.items()
    }
    at = lookups.place({axis: (spans[axis].source, offset + low[axis]) for axis, offset in offsets.items()})
    crop = []
    for axis, window in part.windows.items():
        first = low[axis] + int(window.start[0] - need.windows[axis].start[0])
        if window.size != around[axis].size:
            crop.append((axis, first, window.size))
    return Pasted(_clean(slot, around, need.fill, lookups), at, Patch(tuple(crop)))


def _holds(other: Need, need: Need, slot: Slot) -> bool:
    """Whether `other` has `need` at a constant place, with the same around the map where `need` reaches beyond it."""
    for axis, window in need.windows.items():
        outer = other.windows[axis]
        shift = window.start - outer.start
        if (shift != shift[0]).any() or shift[0] < 0 or shift[0] + window.size > outer.size:
            return False
        beyond = window.start.min() < 0 or window.start.max() + window.size > slot.shape[axis]
        if beyond and other.fill != need.fill:
            return False
    return True


def _area(need: Need) -> int:
    return math.prod(window.size for window in need.windows.values())


def read_whole(slot: Slot, spans: Spans, lookups: Lookups) -> Read:
    """How to get all of a value that a patch has reached."""
    everything = {
        axis: Window(span.source, np.zeros_like(span.start), slot.shape[axis]) for axis, span in spans.items()
    }
    return read_patch(slot, spans, Need(everything), lookups)


def _clean(slot: Slot, around: Windows, fill: float | None, lookups: Lookups) -> Clean:
    pads = {
        axis: (max(0, -int(window.start.min())), max(0, int(window.start.max()) + window.size - slot.shape[axis]))
        for axis, window in around.items()
    }
    field = lookups.field(slot, pads, fill or 0.0)
    place = lookups.place({axis: (window.source, window.start + pads[axis][0]) for axis, window in around.items()})
    return Clean(field, place, tuple(around[axis].size for axis in place.axes))


def _shape(value: Any) -> tuple[int, ...]:
    return value.shape if isinstance(value, Slot) else np.shape(value)

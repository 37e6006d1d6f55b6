"""What to compute for a patch, decided before anything runs: which operations on patches, which on whole arrays."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Array

from jaxviz._core.incremental.conv import convolution
from jaxviz._core.incremental.flat import Flat, Op, Slot, over_windows
from jaxviz._core.incremental.reads import (
    Constant,
    Lookups,
    Patch,
    Read,
    read_clean,
    read_patch,
    read_whole,
)
from jaxviz._core.incremental.rules import Local, Need, local_rule
from jaxviz._core.incremental.spans import Spans, Windows, fit, windows

# Above this part of a map, reading and pasting costs more than what is saved.
_COVERED = 0.9


class Step(NamedTuple):
    """An operation, where its operands come from, and what is kept of its output (None: all)."""

    op: Op
    reads: list[Read]
    function: Any

    def run(self, values: dict[int, Any], fields: list[Any], table: Array) -> None:
        """Adds the outputs to the values, one per window."""
        operands, mapped = [], []
        for value, read in zip(self.op.inputs, self.reads, strict=True):
            known = values.get(value.index) if isinstance(value, Slot) else None
            operand, is_mapped = read.get(known, fields, table)
            operands.append(operand)
            mapped.append(is_mapped)
        outs = over_windows(self.function, operands, mapped)
        values.update(zip((slot.index for slot in self.op.outputs), outs, strict=True))


@dataclasses.dataclass(frozen=True, eq=False)
class Plan:
    """Everything that a patch reaches, in order; the bytes are those of the largest operation."""

    source: Slot
    steps: list[Step]
    outputs: list[tuple[Any, Read]]
    lookups: Lookups
    bytes_per_window: int

    def wanted(self) -> set[int]:
        """The values of the clean image that are needed."""
        return {field.slot.index for field in self.lookups.fields}

    def fields(self, base: dict[int, Any]) -> list[Any]:
        """What every window reads from, made once."""
        return [field.make(base) for field in self.lookups.fields]

    def run(self, patch: Array, fields: list[Any], table: Array) -> list[Array]:
        """The outputs for one patch per row of the table."""
        values = {self.source.index: patch}
        for step in self.steps:
            step.run(values, fields, table)
        outs = []
        for value, read in self.outputs:
            known = values.get(value.index) if isinstance(value, Slot) else None
            out, mapped = read.get(known, fields, table)
            outs.append(out if mapped else jax.numpy.broadcast_to(out, (table.shape[0], *jax.numpy.shape(out))))
        return outs


def plan(flat: Flat, source: Slot, spans: Spans, cap: float = 1.0) -> Plan:
    """Plans for a patch on the value `source`.

    Args:
        flat: the program.
        source: its input that is patched.
        spans: where the patch lies, for every corner.
        cap: the most of a map that a patch may reach, as a part of it; less than 1 is an approximation.
    """
    reached, locals_ = _forward(flat, source, spans, cap)
    kept = _backward(flat, reached, locals_)
    makers = {slot.index: op for op in flat.ops for slot in op.outputs}
    needs: dict[int, list[Need]] = {}
    for index, local in locals_.items():
        op = flat.ops[index]
        for value, need in zip(op.inputs, local.needs(windows(kept[op.outputs[0].index])), strict=True):
            if isinstance(value, Slot) and value.index in kept and need is not None:
                needs.setdefault(value.index, []).append(need)
    lookups = Lookups()
    steps = []
    for index, op in enumerate(flat.ops):
        if op.outputs[0].index not in reached:
            continue
        local = locals_.get(index)
        if local is None:
            reads = [_whole(value, reached, kept, lookups) for value in op.inputs]
            steps.append(Step(op, reads, _dense(op)))
            continue
        out = windows(kept[op.outputs[0].index])
        reads = []
        for value, need in zip(op.inputs, local.needs(out), strict=True):
            if not isinstance(value, Slot):
                reads.append(Constant(value))
            elif value.index in kept:
                assert need is not None
                reads.append(read_patch(value, kept[value.index], need, lookups, needs[value.index]))
            else:
                reads.append(read_clean(value, need, makers.get(value.index), lookups))
        steps.append(Step(op, reads, local.bind(out)))
    outputs = [(value, _whole(value, reached, kept, lookups)) for value in flat.outputs]
    bytes_per_window = max((_nbytes(step.op, reached, kept) for step in steps), default=0)
    return Plan(source, steps, outputs, lookups, bytes_per_window)


def _nbytes(op: Op, reached: Mapping[int, Spans | None], kept: Mapping[int, Spans]) -> int:
    mapped = [value for value in op.slots if value.index in reached]
    return math.ceil(sum(value.nbytes * _coverage(kept.get(value.index, {})) for value in mapped))


def _dense(op: Op) -> Any:
    if op.name != "conv_general_dilated" or not isinstance(op.inputs[1], Slot):
        return op.bind
    return convolution(op, op.params["padding"])


def _whole(value: Any, reached: Mapping[int, Spans | None], kept: Mapping[int, Spans], lookups: Lookups) -> Read:
    if not isinstance(value, Slot):
        return Constant(value)
    if value.index in kept:
        return read_whole(value, kept[value.index], lookups)
    return Patch() if value.index in reached else read_clean(value, None, None, lookups)


def _forward(flat: Flat, source: Slot, spans: Spans, cap: float) -> tuple[dict[int, Spans | None], dict[int, Local]]:
    """What the patch reaches of each value (None: all of it), and the operations that run on patches."""
    reached: dict[int, Spans | None] = {source.index: spans}
    locals_: dict[int, Local] = {}
    for index, op in enumerate(flat.ops):
        inputs = [value.index if isinstance(value, Slot) else None for value in op.inputs]
        touched = [number for number in inputs if number in reached]
        if not touched:
            continue
        local = None
        if all(reached[number] is not None for number in touched):
            local = local_rule(op, [None if number is None else reached.get(number) for number in inputs], cap)
        if local is not None and local.weight and _coverage(local.spans) > _COVERED:
            local = None
        for slot in op.outputs:
            reached[slot.index] = None if local is None else local.spans
        if local is not None:
            locals_[index] = local
    return reached, locals_


def _coverage(spans: Spans) -> float:
    return math.prod(span.size / span.length for span in spans.values())


def _backward(flat: Flat, reached: Mapping[int, Spans | None], locals_: Mapping[int, Local]) -> dict[int, Spans]:
    """What is kept of each value that is a patch.

    Where branches of different extent meet, the narrow ones would be copied into a wider piece of the clean image;
    a branch that ends in something cheap is computed in that extent at once.
    """
    widens = {}
    for index, local in locals_.items():
        op = flat.ops[index]
        inputs = [value.index for value in op.inputs if isinstance(value, Slot) and value.index in reached]
        follows = local.joins and all(widens.get(number, False) for number in inputs)
        for slot in op.outputs:
            widens[slot.index] = local.widens and (not local.joins or follows)
    wanted: dict[int, list[Windows]] = {}
    kept = {number: spans for number, spans in reached.items() if spans is not None}
    for index in reversed(list(locals_)):
        op, local = flat.ops[index], locals_[index]
        asked = [part for slot in op.outputs if widens[slot.index] for part in wanted.get(slot.index, [])]
        spans = _around(local.spans, asked)
        kept.update((slot.index, spans) for slot in op.outputs)
        if local.joins:
            for value in op.inputs:
                if isinstance(value, Slot) and value.index in reached:
                    wanted.setdefault(value.index, []).append(windows(spans))
    return kept


def _around(spans: Spans, asked: list[Windows]) -> Spans:
    """The same reach, kept in the smallest window around all that are asked for."""
    if not asked:
        return spans
    result = {}
    for axis, span in spans.items():
        around = [span.window, *(part[axis] for part in asked)]
        first = np.minimum.reduce([window.start for window in around])
        last = np.maximum.reduce([window.start + window.size for window in around])
        result[axis] = span.kept(fit(span.source, first, last, span.length).window)
    return result

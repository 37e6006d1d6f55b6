"""A traced call as one flat list of operations on numbered values: every plain call inlined."""

import itertools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxviz._core.jaxpr.cells import Cell, contents, keep, pure, use
from jaxviz._core.jaxpr.effects import outside
from jaxviz._core.jaxpr.interpret import Program, Site, evaluate, trace
from jaxviz._core.jaxpr.primitives import is_reference, jaxpr_of, kind, layer_name, plain_body


class Slot(NamedTuple):
    """A value of the program: its number, shape and dtype."""

    index: int
    shape: tuple[int, ...]
    dtype: Any

    @property
    def nbytes(self) -> int:
        """Of the whole value."""
        return math.prod(self.shape) * self.dtype.itemsize


class Op(NamedTuple):
    """One equation; an input that is no `Slot` is a constant."""

    eqn: Any
    inputs: tuple[Any, ...]
    outputs: tuple[Slot, ...]

    @property
    def name(self) -> str:
        """Of the primitive."""
        return kind(self.eqn)

    @property
    def params(self) -> dict[str, Any]:
        """Of the primitive."""
        return self.eqn.params

    @property
    def slots(self) -> list[Slot]:
        """The values that it reads and writes."""
        return [*(value for value in self.inputs if isinstance(value, Slot)), *self.outputs]

    def bind(self, *values: Any, **changed: Any) -> list[Any]:
        """The operation on other operands, with some of its parameters changed."""
        primitive = self.eqn.primitive
        with self.eqn.ctx.manager:
            outs = primitive.bind(*values, **primitive.get_bind_params({**self.params, **changed}))
        return list(outs) if primitive.multiple_results else [outs]


class Flat(NamedTuple):
    """The operations in order, the slots of the program's leaves, its outputs (slots or scalars), and its constants.

    The first `num_own` leaves are parameters.
    """

    ops: list[Op]
    inputs: list[Slot]
    outputs: list[Any]
    constants: dict[int, Any]
    num_own: int

    def depends(self, *sources: Slot) -> set[int]:
        """The numbers of the values that the sources can change."""
        reached = {source.index for source in sources}
        for op in self.ops:
            if any(isinstance(value, Slot) and value.index in reached for value in op.inputs):
                reached.update(slot.index for slot in op.outputs)
        return reached

    def held_bytes(self) -> int:
        """Of the parameters and constants."""
        constants = (value.size * value.dtype.itemsize for value in self.constants.values())
        return sum(slot.nbytes for slot in self.inputs[: self.num_own]) + sum(constants)

    def run(self, leaves: list[Any], wanted: set[int]) -> dict[int, Any]:
        """The values numbered in `wanted`; only what they need is computed."""
        needed, chosen = set(wanted), []
        for op in reversed(self.ops):
            if any(slot.index in needed for slot in op.outputs):
                chosen.append(op)
                needed.update(value.index for value in op.inputs if isinstance(value, Slot))
        values = self.constants | {slot.index: leaf for slot, leaf in zip(self.inputs, leaves, strict=True)}
        for op in reversed(chosen):
            outs = op.bind(*[values[v.index] if isinstance(v, Slot) else v for v in op.inputs])
            values.update(zip((slot.index for slot in op.outputs), outs, strict=True))
        return {index: values[index] for index in wanted}


def flatten(program: Program) -> Flat:
    """Inlines `jit`, `checkpoint`, `custom_jvp` and `custom_vjp`; a loop or a branch stays one operation.

    What a reference holds is a value like others. What is printed is left out.

    Raises:
        NotImplementedError: an operation acts on something outside of the program.
    """
    number = itertools.count()
    ops: list[Op] = []

    constants: dict[int, Any] = {}
    named: dict[int, Slot] = {}  # by the identity of the constant

    def slot(aval: Any) -> Slot:
        return Slot(next(number), tuple(aval.shape), aval.dtype)

    def name(value: Any) -> Any:
        if isinstance(value, Slot | Cell) or not np.ndim(value):
            return value
        if id(value) not in named:
            named[id(value)] = slot(value)
            constants[named[id(value)].index] = value
        return named[id(value)]

    def handle(eqn: Any, values: list[Any], site: Site) -> list[Any]:
        values = [name(value) for value in values]
        if layer_name(eqn) is not None or (not eqn.outvars and not any(isinstance(value, Cell) for value in values)):
            _check_inside(eqn)
            return values[: len(eqn.outvars)]
        if (outs := use(eqn, values)) is not None:
            return outs
        if (inner := plain_body(eqn)) is not None:
            return evaluate(inner.body, inner.taken(values), handle, (*site.path, 0))
        _check_inside(eqn)
        if any(isinstance(value, Cell) for value in values):
            return keep(values, evaluate(_as_function(eqn), [name(v) for v in contents(values)], append))
        return append(eqn, values, site)

    def append(eqn: Any, values: list[Any], site: Site) -> list[Any]:
        del site
        outputs = tuple(slot(var.aval) for var in eqn.outvars)
        ops.append(Op(eqn, tuple(values), outputs))
        return list(outputs)

    inputs = [slot(var.aval) for var in jaxpr_of(program.body).invars]
    outputs = [name(value) for value in evaluate(program.body, inputs, handle)]
    return Flat(ops, inputs, outputs, constants, program.num_own)


def _as_function(eqn: Any) -> Any:
    """An equation that takes references as a program of one `jit`, that takes what they hold."""
    avals = [atom.aval.inner_aval if is_reference(atom) else atom.aval for atom in eqn.invars]
    return jax.make_jaxpr(jax.jit(pure(eqn)))(*[jax.ShapeDtypeStruct(aval.shape, aval.dtype) for aval in avals])


def _check_inside(eqn: Any) -> None:
    for effect in outside(eqn):
        raise NotImplementedError(
            f"`f` must not act on anything outside of it to be computed in parts, got `{kind(eqn)}` with {effect}. "
            "Take it out, or use the function as a whole."
        )


def over_windows(function: Callable, values: list[Any], mapped: list[bool]) -> list[Any]:
    """`function(*values)`, the mapped values one window at a time along their first axis."""
    if not any(mapped):
        return function(*values)
    return jax.vmap(function, in_axes=[0 if is_mapped else None for is_mapped in mapped])(*values)


def flat_program(f: Callable, images: jax.Array) -> tuple[Program, Flat, Slot]:
    """A call of `f` on images, and the slot of the images in it."""
    program = trace(f, images)
    flat = flatten(program)
    return program, flat, flat.inputs[program.num_own]

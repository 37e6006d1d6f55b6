"""The values of a traced program, and what each is computed from, across the boundaries of `jit` and other calls.

Each value gets a number; equal elementwise computations get the same one. Values that come elementwise from others
form trees: a value hangs below its *origin*, the nearest one that it is a function of. Operands that are only parts of
the activation beside it (constants, parameters, and what is broadcast from a smaller array, as biases and slopes are)
do not count for that.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.extend import core

from jaxviz._core.jaxpr.elementwise import Operand, Run, has_kink, is_elementwise, run_elementwise, stacking
from jaxviz._core.jaxpr.interpret import Path
from jaxviz._core.jaxpr.primitives import (
    CUSTOM_JVP,
    CUSTOM_VJP,
    Body,
    bodies,
    consts_of,
    is_call,
    jaxpr_of,
    kind,
    opaque_bodies,
    parameters,
)

COMPUTED, GIVEN, MINOR = 0, 1, 2
"""Ranks of what an elementwise tree starts from: a layer's output, an input of the program, a constant or broadcast."""

OUTPUT = -1
"""The reader of what leaves the program."""

NOTHING = -1
"""What a root hangs below."""


@dataclasses.dataclass(slots=True)
class Value:
    """A value of the program.

    Attributes:
        op: the primitive that computes it; `"input"`, `"array"` (a constant) or `"custom"` (leaves a function with a
            derivative rule of its own).
        params: the primitive's parameters.
        operands: numbers of what it is computed from.
        shape: its shape.
        dtype: its type.
        axes: its own axes (see `_elementwise`).
        constant: the number that all its entries are, where that is known.
        elementwise: whether it comes elementwise from its operands.
        run: how, where that is a stacking; otherwise by the table of primitives.
        rank: what the tree that it hangs in starts from.
        origin: number of the value that it hangs below, `NOTHING` at a root.
        root: number of its root.
        depth: how far below the root it hangs.
        bend: the depth of the deepest origin below which nothing bends: between an origin above and this value
            stands an equation that can break a straight line.
        depends: whether it depends on the program's inputs.
    """

    op: str
    params: dict[str, Any]
    operands: tuple[int, ...]
    shape: tuple[int, ...]
    dtype: Any
    axes: tuple[int, ...] = ()
    constant: Any = None
    elementwise: bool = False
    run: Run | None = None
    rank: int = COMPUTED
    origin: int = NOTHING
    root: int = 0
    depth: int = 0
    bend: int = 0
    depends: bool = True


@dataclasses.dataclass(eq=False)
class Scope:
    """One jaxpr of the program, at one place where it is called.

    Attributes:
        jaxpr: it.
        path: where it stands.
        name: of the `named_scope` around it.
        above: the scope of the equation that calls it, None for the program itself.
        index: of that equation.
        call: that equation.
        known: the value of each variable.
        held: for each value, the first variable that holds it, and the index of the equation that makes it.
        outs: the values that it returns.
        plain: whether all in it is elementwise.
    """

    jaxpr: Any
    path: Path
    name: str
    above: "Scope | None" = None
    index: int = 0
    call: Any = None
    known: dict[Any, int] = dataclasses.field(default_factory=dict)
    held: dict[int, tuple[int, Any]] = dataclasses.field(default_factory=dict)
    outs: list[int] = dataclasses.field(default_factory=list)
    plain: bool = True

    def hold(self, var: Any, number: int, index: int) -> None:
        """Notes the value of a variable."""
        self.known[var] = number
        self.held.setdefault(number, (index, var))


class Values:
    """All values of a program.

    Attributes:
        values: by number.
        places: for each value, the scope and the index of the equation that computes it.
        pools: each `reduce_window_max`, with the scope that it stands in and its index there.
        opaque: the equations that hold functions which cannot be entered, with those functions.
        names: the primitives in the program.
        scopes: by their path.
    """

    def __init__(self, body: Body, *, enter_custom_vjp: bool):
        self.values: list[Value] = []
        self.places: dict[int, tuple[Scope, int]] = {}
        self.pools: list[tuple[Scope, int, core.JaxprEqn]] = []
        self.opaque: list[tuple[core.JaxprEqn, Body]] = []
        self.names: set[str] = set()
        self.scopes: dict[Path, Scope] = {}
        self._enter_custom_vjp = enter_custom_vjp
        self._same: dict[Any, int] = {}
        self._effects: list[int] = []
        jaxpr = jaxpr_of(body)
        inputs = [self._source("input", var.aval, rank=GIVEN) for var in jaxpr.invars]
        self.outs = self._walk(body, inputs, Scope(jaxpr, (), ""))
        self.readers = self._read()

    def above(self, number: int, most: int) -> list[int]:
        """What a value is a function of, nearest first."""
        chain: list[int] = []
        origin = self.values[number].origin
        while origin != NOTHING and len(chain) < most:
            chain.append(origin)
            origin = self.values[origin].origin
        return chain

    def hangs_below(self, number: int, other: int) -> bool:
        """Whether a value is a function of the other, or the other itself."""
        depth, at = self.values[other].depth, number
        while self.values[at].depth > depth:
            at = self.values[at].origin  # only a root, at depth 0, has none
        return at == other

    def _walk(self, body: Body, inputs: Sequence[int], scope: Scope) -> list[int]:
        jaxpr = scope.jaxpr
        self.scopes[scope.path] = scope
        for var, number in zip(jaxpr.invars, inputs, strict=True):
            scope.hold(var, number, -1)
        for var, value in zip(jaxpr.constvars, consts_of(body), strict=True):
            scope.hold(var, self._constant(value, var.aval), -1)

        def read(atom: Any) -> int:
            return self._constant(atom.val, atom.aval) if isinstance(atom, core.Literal) else scope.known[atom]

        for index, eqn in enumerate(jaxpr.eqns):
            self.names.add(kind(eqn))
            operands = [read(atom) for atom in eqn.invars]
            outs = self._equation(eqn, operands, scope, index)
            if eqn.effects:
                self._effects += [*operands, *outs]
            for var, number in zip(eqn.outvars, outs, strict=True):
                scope.hold(var, number, index)
        scope.outs = [read(atom) for atom in jaxpr.outvars]
        return scope.outs

    def _equation(self, eqn: core.JaxprEqn, operands: list[int], scope: Scope, index: int) -> list[int]:
        name = kind(eqn)
        self.opaque += [(eqn, body) for body in opaque_bodies(eqn)]
        returned: list[int] = []
        for number, inner in enumerate(bodies(eqn)):
            local = "/".join(part for part in (scope.name, str(eqn.source_info.name_stack)) if part)
            below = Scope(jaxpr_of(inner.body), (*scope.path, index, number), local, scope, index, eqn)
            variables = zip(inner.operands, below.jaxpr.invars, strict=True)
            inputs = [self._input(None if i is None else operands[i], var.aval) for i, var in variables]
            returned += self._walk(inner.body, inputs, below)
            scope.plain &= below.plain and is_call(eqn)
        if is_call(eqn) and name == CUSTOM_VJP and not self._enter_custom_vjp:
            return [self._source(name, var.aval, returned) for var in eqn.outvars]
        if is_call(eqn):
            return [self._leave(out) for out in returned] if name in (CUSTOM_JVP, CUSTOM_VJP) else returned
        if name == "reduce_window_max":
            self.pools.append((scope, index, eqn))
        outs = [self._compute(eqn, operands, returned, var.aval) for var in eqn.outvars]
        scope.plain &= all(self.values[out].elementwise or self.values[out].rank == MINOR for out in outs)
        for out in outs:
            self.places.setdefault(out, (scope, index))
        return outs

    def _input(self, number: int | None, aval: Any) -> int:
        """What a variable of a body is: the operand, unless that differs from step to step, or is a part of it."""
        if number is None or self.values[number].shape != aval.shape:
            constant = None if number is None else self.values[number].constant
            return self._source("input", aval, () if number is None else (number,), constant=constant)
        return number

    def _leave(self, number: int) -> int:
        """A value outside of the function with its own derivative that returns it."""
        inner = self.values[number]
        if inner.constant is not None:
            return number
        return self._hang(Value("custom", {}, (number,), inner.shape, inner.dtype, inner.axes), (number,), False)

    def _compute(self, eqn: core.JaxprEqn, operands: list[int], returned: list[int], aval: Any) -> int:
        """The number of an equation's output."""
        name, params = kind(eqn), parameters(eqn)
        if len(eqn.outvars) > 1 or not operands or not hasattr(aval, "shape") or eqn.effects:
            number = self._source(name, aval, (*operands, *returned), params)
            if eqn.effects:  # what it reads may have been written by anything
                self.values[number].depends, self.values[number].rank = True, COMPUTED
            return number
        key = _key(eqn, operands)
        if key in self._same:
            return self._same[key]
        if all(self.values[operand].constant is not None for operand in operands):
            found = self._fold(name, params, operands, aval)
        else:
            found = self._hanging(name, params, operands, aval)
        if found is None:
            return self._source(name, aval, (*operands, *returned), params)
        made = self.values[found]
        if made.constant is not None or made.bend <= (0 if made.origin == NOTHING else self.values[made.origin].depth):
            # What bends is not shared: of two equal clamps one may be an activation and the other a part of one.
            self._same[key] = found
        return found

    def _fold(self, name: str, params: dict[str, Any], operands: list[int], aval: Any) -> int | None:
        constants = [self.values[operand].constant for operand in operands]
        if name in ("broadcast_in_dim", "reshape", "squeeze", "transpose", "slice", "rev"):
            constant = constants[0]
        elif is_elementwise(name):
            with np.errstate(all="ignore"):
                constant = run_elementwise(name, params, constants)
        else:
            return None
        return None if constant is None else self._source("array", aval, operands, constant=np.asarray(constant)[()])

    def _hanging(self, name: str, params: dict[str, Any], operands: list[int], aval: Any) -> int | None:
        value = Value(name, params, tuple(operands), aval.shape, aval.dtype)
        parts = [operand for operand in dict.fromkeys(operands) if self._uniform(operand) is None]
        if is_elementwise(name):
            whole = [part for part in parts if self.values[part].shape == aval.shape]
            own = {self.values[part].axes for part in whole}
            every = tuple(range(len(aval.shape)))
            if len(own) > 1 and every in own:  # the rest is a smaller array, with axes of length 1
                whole, own = [part for part in whole if self.values[part].axes == every], {every}
            if len(own) == 1:
                value.axes = own.pop()
                return self._hang(value, whole, has_kink(name, params))
            return None
        known = [self.values[operand] for operand in operands]
        shapes = [Operand(part.shape, None if part.constant is not None else part.axes) for part in known]
        found = stacking(name, params, shapes, aval.shape)
        if found:
            value.axes, value.run = found
            return self._hang(value, parts, has_kink(name, params))
        if name == "broadcast_in_dim":
            return self._source(name, aval, operands, params, rank=MINOR)
        return None

    def _hang(self, value: Value, parts: Sequence[int], kink: bool) -> int:
        """Adds a value below what it comes from elementwise."""
        number = len(self.values)
        known = [self.values[part] for part in parts]
        value.elementwise = True
        value.depends = any(self.values[operand].depends for operand in value.operands)
        value.rank = min(part.rank for part in known)
        roots = {part.root for part in known if part.rank == value.rank}
        if len(roots) > 1:
            value.root = number
        else:
            value.root = roots.pop()
            below = [part for part in parts if self.values[part].root == value.root]
            value.origin = self._meet(below)
            value.depth = self.values[value.origin].depth + 1
            value.bend = value.depth if kink else max(self._bend(part, value.origin) for part in below)
        self.values.append(value)
        return number

    def _bend(self, part: int, origin: int) -> int:
        known = self.values[part].bend
        return known if part == origin else min(known, self.values[origin].depth + 1)

    def _meet(self, parts: Sequence[int]) -> int:
        """The nearest value that all of these are functions of."""
        first, *rest = parts
        for other in rest:
            while first != other:
                if self.values[first].depth < self.values[other].depth:
                    first, other = other, first
                first = self.values[first].origin  # they share a root
        return first

    def _source(
        self,
        op: str,
        aval: Any,
        operands: Sequence[int] = (),
        params: dict[str, Any] | None = None,
        *,
        rank: int = COMPUTED,
        constant: Any = None,
    ) -> int:
        """Adds a value that does not come elementwise from others."""
        number = len(self.values)
        depends = op == "input" or any(self.values[operand].depends for operand in operands)
        shape = tuple(getattr(aval, "shape", ()))
        value = Value(op, params or {}, tuple(operands), shape, getattr(aval, "dtype", None), tuple(range(len(shape))))
        value.depends = depends and constant is None
        value.constant, value.rank, value.root = constant, rank if value.depends else MINOR, number
        self.values.append(value)
        return number

    def _constant(self, array: Any, aval: Any) -> int:
        if isinstance(array, Tracer):
            return self._source("input", aval, rank=GIVEN)
        scalar = np.ndim(array) == 0
        constant = _number(array) if scalar and hasattr(aval, "shape") else None
        key = ("constant", constant, str(getattr(aval, "dtype", ""))) if constant is not None else ("array", id(array))
        if key not in self._same:
            # The array is kept, to look at when it meets something: a weight of a convolution never does.
            params = {} if scalar else {"array": array}
            self._same[key] = self._source("array", aval, (), params, rank=MINOR, constant=constant)
        return self._same[key]

    def _uniform(self, number: int) -> Any:
        """The number that all entries of a constant are, None if they differ or the value is not known."""
        value = self.values[number]
        if value.constant is None and "array" in value.params and value.op == "array":
            array = np.asarray(value.params.pop("array"))
            if array.size and array.ravel()[0] == array.ravel()[-1] and (array == array.ravel()[0]).all():
                value.constant = _number(array.ravel()[0])
        return value.constant

    def _read(self) -> dict[int, list[tuple[int, int]]]:
        """For each value that is needed, the values (and `OUTPUT`) that need it, with the place of the operand."""
        readers: dict[int, list[tuple[int, int]]] = {number: [] for number in (*self.outs, *self._effects)}
        for number in self.outs:
            readers[number].append((OUTPUT, 0))
        stack = list(readers)
        while stack:
            number = stack.pop()
            for place, operand in enumerate(self.values[number].operands):
                if operand not in readers:
                    readers[operand] = []
                    stack.append(operand)
                readers[operand].append((number, place))
        return readers


def _key(eqn: core.JaxprEqn, operands: list[int]) -> Any:
    key = (kind(eqn), tuple(operands), tuple(sorted(parameters(eqn).items(), key=lambda item: item[0])))
    try:
        hash(key)
    except TypeError:
        return id(eqn), tuple(operands)
    return key


def _number(value: Any) -> Any:
    """A number of a kind that NumPy computes with; None for anything else, such as a key."""
    dtype = value.dtype if hasattr(value, "dtype") else np.asarray(value).dtype
    if jnp.issubdtype(dtype, jnp.bool_):
        return np.bool_(value)
    if jnp.issubdtype(dtype, jnp.signedinteger):
        return np.int64(int(value))
    return np.float64(float(value)) if jnp.issubdtype(dtype, jnp.floating) else None

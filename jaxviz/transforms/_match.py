"""Finds ReLUs and max-pools in a traced program, by structure and not by name.

Each value gets a number (equal numbers mean equal values, across the boundaries of `jit` and other calls) and, where
it is known, its constant. So `jnp.clip(x, 0)`, whose zero is an operand of a nested `jit`, is seen for what it is.
"""

import collections
import dataclasses
import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
from jax.core import Tracer
from jax.extend import core

from jaxviz.transforms._interpret import Path
from jaxviz.transforms._pooling import Windows
from jaxviz.transforms._primitives import (
    CUSTOM_JVP,
    CUSTOM_VJP,
    Body,
    bodies,
    consts_of,
    function_name,
    is_call,
    kind,
    opaque_bodies,
)

_SAME_CONSTANT = frozenset({"broadcast_in_dim", "convert_element_type", "copy", "reshape", "squeeze", "pvary", "pcast"})
_COMPARISONS = {"gt": ("gt", "lt"), "ge": ("gt", "lt"), "lt": ("lt", "gt"), "le": ("lt", "gt")}


@dataclasses.dataclass(frozen=True)
class Match:
    """One place that a rule changes.

    Attributes:
        op: `"relu"`, `"relu6"` (any ceiling) or `"max_pool"`.
        scope: name of the scope or of the layer that it belongs to, empty where there is none.
        shape: shape of its output.
        ceiling: the value at which the activation saturates, None for a plain ReLU.
    """

    op: str
    scope: str
    shape: tuple[int, ...]
    ceiling: float | None = None


class Found(NamedTuple):
    """A match in the program: the operand that it acts on (a variable of its own jaxpr), and its windows if a pool."""

    match: Match
    operand: Any
    number: int
    windows: Windows | None = None


class Fact(NamedTuple):
    """What is known of a value."""

    number: int
    constant: float | None = None


class Definition(NamedTuple):
    """How a value was made: `relu(x)`, `capped` (`min(x, limit)`), or the comparison `gt` or `lt` of `x` with zero."""

    kind: str
    number: int  # of x
    limit: float | None = None
    below: int | None = None  # number of the ReLU that the ceiling was put on


@dataclasses.dataclass
class Search:
    """What one walk over a program finds."""

    found: dict[Path, Found] = dataclasses.field(default_factory=dict)
    hidden: list[str] = dataclasses.field(default_factory=list)  # primitives that hold a ReLU and cannot be entered
    custom: list[str] = dataclasses.field(default_factory=list)  # custom_vjp functions that hold a ReLU
    others: list[str] = dataclasses.field(default_factory=list)  # activations that are not ReLUs
    definitions: dict[int, Definition] = dataclasses.field(default_factory=dict)
    below: set[int] = dataclasses.field(default_factory=set)  # ReLUs that a ceiling was put on
    uses: collections.Counter[int] = dataclasses.field(default_factory=collections.Counter)
    numbers: Iterator[int] = dataclasses.field(default_factory=itertools.count)


def search(body: Body, *, relus: bool = True, enter_custom_vjp: bool = False) -> Search:
    """Walks a program once.

    Args:
        body: the program.
        relus: whether ReLUs are looked for; if not, then pools alone, outside of functions with a rule of their own.
        enter_custom_vjp: whether a ReLU inside a `custom_vjp` counts as found.
    """
    result = Search()
    outs = _walk(body, _unknown(_jaxpr(body).invars, result), (), "", result, relus, enter_custom_vjp)
    result.uses.update(out.number for out in outs)
    for path in [path for path, found in result.found.items() if found.number in result.below]:
        # Where nothing else reads a ReLU, the ceiling on it makes the two one activation.
        if result.uses[result.found[path].number] == 1:
            del result.found[path]
    return result


def _unknown(variables: Sequence[Any], result: Search) -> list[Fact]:
    return [Fact(next(result.numbers)) for _ in variables]


def _jaxpr(body: Body) -> Any:
    return body.jaxpr if hasattr(body, "jaxpr") else body


def _walk(
    body: Body, inputs: Sequence[Fact], path: Path, scope: str, result: Search, relus: bool, enter: bool
) -> list[Fact]:
    jaxpr = _jaxpr(body)
    facts = dict(zip(jaxpr.invars, inputs, strict=True))
    for var, value in zip(jaxpr.constvars, consts_of(body), strict=True):
        facts[var] = Fact(next(result.numbers), _scalar(value))
    holders: dict[int, Any] = {fact.number: var for var, fact in facts.items()}

    def fact(atom: Any) -> Fact:
        return Fact(-1, _scalar(atom.val)) if isinstance(atom, core.Literal) else facts[atom]

    for index, eqn in enumerate(jaxpr.eqns):
        here, operands = (*path, index), [fact(atom) for atom in eqn.invars]
        local = "/".join(part for part in (scope, str(eqn.source_info.name_stack)) if part)
        outs = _enter(eqn, operands, here, local, result, relus, enter)
        if outs is None:
            outs = _unknown(eqn.outvars, result)
            result.uses.update(operand.number for operand in operands)
            found = _pool(eqn, local) or (_relu(eqn, operands, holders, outs[0], local, result) if relus else None)
            if found:
                result.found[here] = found
            elif eqn.primitive.name in _SAME_CONSTANT:
                outs = [outs[0]._replace(constant=operands[0].constant)]
            elif eqn.primitive.name in ("logistic", "tanh", "erf", "exp", "expm1"):
                result.others.append(eqn.primitive.name)
        for var, out in zip(eqn.outvars, outs, strict=True):
            facts[var] = out
            holders.setdefault(out.number, var)
    return [fact(atom) for atom in jaxpr.outvars]


def _enter(
    eqn: core.JaxprEqn, operands: list[Fact], here: Path, scope: str, result: Search, relus: bool, enter: bool
) -> list[Fact] | None:
    """Walks what is inside an equation; the facts of its outputs where they are those of its body."""
    name, outs = kind(eqn), None
    for body in opaque_bodies(eqn):
        if _holds_relu(body, _unknown(_jaxpr(body).invars, result), relus):
            result.hidden.append(name)
    for number, inner in enumerate(bodies(eqn)):
        inputs = [Fact(next(result.numbers)) if i is None else operands[i] for i in inner.operands]
        if name in (CUSTOM_JVP, CUSTOM_VJP) and not _holds_relu(inner.body, inputs, relus):
            return _unknown(eqn.outvars, result)  # left as it is, with its own rule
        if name == CUSTOM_VJP and not enter:
            result.custom.append(function_name(eqn))
            return _unknown(eqn.outvars, result)
        outs = _walk(inner.body, inputs, (*here, number), scope, result, relus, enter)
    return outs if is_call(eqn) else None


def _holds_relu(body: Body, inputs: list[Fact], relus: bool) -> bool:
    trial = Search()
    # Numbers from outside must not meet those given out inside.
    trial.numbers = itertools.count(max((fact.number for fact in inputs), default=0) + 1)
    if relus:
        _walk(body, inputs, (), "", trial, relus, True)
    return bool(trial.hidden) or any(found.windows is None for found in trial.found.values())


def _relu(
    eqn: core.JaxprEqn, operands: list[Fact], holders: dict[int, Any], out: Fact, scope: str, result: Search
) -> Found | None:
    """A ReLU whose last equation this is."""
    definition = _define(eqn.primitive.name, operands, result.definitions)
    if definition is None:
        return None
    result.definitions[out.number] = definition
    aval: Any = eqn.outvars[0].aval
    # A value made inside a nested call is out of reach here; what is below the ceiling was matched there.
    if definition.kind != "relu" or definition.number not in holders or not jnp.issubdtype(aval.dtype, jnp.floating):
        return None
    op = "relu" if definition.limit is None else "relu6"
    if definition.below is not None:
        result.below.add(definition.below)
    return Found(Match(op, scope, aval.shape, definition.limit), holders[definition.number], out.number)


def _define(name: str, operands: list[Fact], definitions: dict[int, Definition]) -> Definition | None:
    """What an equation makes of a value, as far as it can be part of a ReLU."""
    pairs = ((operands[0], operands[1]), (operands[1], operands[0])) if len(operands) == 2 else ()
    for side, (value, bound) in enumerate(pairs):
        if value.constant is not None or bound.constant is None:
            continue
        inner = definitions.get(value.number)
        if name in _COMPARISONS and bound.constant == 0:
            return Definition(_COMPARISONS[name][side], value.number)
        if name == "min" and bound.constant > 0:
            if inner and inner.kind == "relu" and inner.limit is None:
                return Definition("relu", inner.number, bound.constant, value.number)
            return Definition("capped", value.number, bound.constant)
        if name == "max" and bound.constant == 0:
            if inner and inner.kind == "capped":
                return Definition("relu", inner.number, inner.limit)
            return Definition("relu", value.number)
    if name == "clamp" and operands[0].constant == 0 and operands[2].constant is not None:
        ceiling = operands[2].constant
        return Definition("relu", operands[1].number, None if math.isinf(ceiling) else ceiling)
    if name == "select_n" and len(operands) == 3 and (which := definitions.get(operands[0].number)):
        positive, negative = operands[:0:-1] if which.kind == "gt" else operands[1:]
        if which.kind in ("gt", "lt") and positive.number == which.number and negative.constant == 0:
            return Definition("relu", which.number)
    return None


def _pool(eqn: core.JaxprEqn, scope: str) -> Found | None:
    if eqn.primitive.name != "reduce_window_max":
        return None
    params: dict[str, Any] = eqn.params
    out: Any = eqn.outvars[0].aval
    if any(step != 1 for step in params["base_dilation"]) or not jnp.issubdtype(out.dtype, jnp.floating):
        return None
    windows = Windows(
        tuple(params["window_dimensions"]),
        tuple(params["window_strides"]),
        tuple(tuple(pair) for pair in params["padding"]),
        tuple(params["window_dilation"]),
    )
    return Found(Match("max_pool", scope, out.shape), eqn.invars[0], -1, windows)


def _scalar(value: Any) -> float | None:
    """The constant, where a value is one number that is known while tracing."""
    if isinstance(value, Tracer) or getattr(value, "size", 1) != 1:
        return None
    dtype = getattr(value, "dtype", type(value))
    return float(value) if jnp.issubdtype(dtype, jnp.integer) or jnp.issubdtype(dtype, jnp.floating) else None

"""Finds ReLUs and max-pools in a traced program, by what is computed and not by name or spelling."""

import dataclasses
from collections.abc import Iterable
from typing import Any, NamedTuple

import jax.numpy as jnp
from jax.extend import core

from jaxviz._core.jaxpr.activations import Clamp, find_clamps
from jaxviz._core.jaxpr.interpret import Path
from jaxviz._core.jaxpr.primitives import CUSTOM_JVP, CUSTOM_VJP, Body, function_name, kind
from jaxviz._core.jaxpr.sites import around, place
from jaxviz._core.jaxpr.values import Scope, Values
from jaxviz._core.jaxpr.windows import Windows

_OTHERS = frozenset({"logistic", "tanh", "erf", "exp", "expm1"})


@dataclasses.dataclass(frozen=True)
class Match:
    """One place that a rule changes, or one that looks like it and is passed over.

    Attributes:
        op: `"relu"`, `"relu6"` (any ceiling) or `"max_pool"`.
        scope: name of the scope or of the layer that it belongs to, empty where there is none.
        shape: shape of its output.
        ceiling: the value at which the activation saturates, None for a plain ReLU.
        reason: why it is passed over; empty for a place that the rule changes.
    """

    op: str
    scope: str
    shape: tuple[int, ...]
    ceiling: float | None = None
    reason: str = ""


class Found(NamedTuple):
    """A match in the program: the operand that it acts on (a variable of its own jaxpr), and its windows if a pool."""

    match: Match
    operand: Any
    windows: Windows | None = None


@dataclasses.dataclass
class Search:
    """What one walk over a program finds.

    Attributes:
        found: by the path of the equation whose output is the activation or the pool.
        passed_over: clamps that are no activations, with the path of the equation.
        hidden: primitives that hold a ReLU and cannot be entered.
        custom: `custom_vjp` functions that hold a ReLU.
        others: activations that are not ReLUs.
        scopes: all jaxprs of the program that could be entered, by path.
    """

    found: dict[Path, Found] = dataclasses.field(default_factory=dict)
    passed_over: dict[Path, Match] = dataclasses.field(default_factory=dict)
    hidden: list[str] = dataclasses.field(default_factory=list)
    custom: list[str] = dataclasses.field(default_factory=list)
    others: list[str] = dataclasses.field(default_factory=list)
    scopes: dict[Path, Scope] = dataclasses.field(default_factory=dict)


def search(body: Body, *, relus: bool = True, enter_custom_vjp: bool = False) -> Search:
    """Walks a program once.

    Args:
        body: the program.
        relus: whether ReLUs are looked for; if not, then pools alone, outside of functions with a rule of their own.
        enter_custom_vjp: whether a ReLU inside a `custom_vjp` counts as found.
    """
    values = Values(body, enter_custom_vjp=enter_custom_vjp)
    result = Search(scopes=values.scopes)
    result.others = sorted(_OTHERS & values.names)
    if relus:
        for clamp in find_clamps(values):
            _settle(values, clamp, result, enter_custom_vjp)
        for eqn, inner in values.opaque:
            within = search(inner, enter_custom_vjp=True)
            if within.hidden or any(found.windows is None for found in within.found.values()):
                result.hidden.append(kind(eqn))
    entered = {path[:depth] for path in result.found for depth in range(len(path))}
    for scope, index, eqn in values.pools:
        own = [within for within in around(scope) if kind(within.call) in (CUSTOM_JVP, CUSTOM_VJP)]
        found = _pool(eqn, _name(scope, eqn))
        if found and all(within.path in entered for within in own):
            result.found[(*scope.path, index)] = found
    result.found = dict(sorted(result.found.items()))
    return result


def _settle(values: Values, clamp: Clamp, result: Search, enter_custom_vjp: bool) -> None:
    """Finds the equation to override for a ReLU, or says why it is none."""
    value = values.values[clamp.out]
    scope, index, operand = place(values, clamp.out, clamp.x)
    calls = list(around(scope))
    own = [inner for inner in calls if kind(inner.call) == CUSTOM_VJP]
    name = _name(scope, scope.jaxpr.eqns[index])
    match = Match("relu" if clamp.ceiling is None else "relu6", name, value.shape, clamp.ceiling, clamp.reason)
    kept = [inner for inner in calls if kind(inner.call) == CUSTOM_JVP and inner.plain]
    if kept and not clamp.reason:
        match = dataclasses.replace(match, reason=f"is a part of {function_name(kept[-1].call)!r}, a jax.custom_jvp")
    if match.reason:
        result.passed_over[(*scope.path, index)] = match
    elif own and not enter_custom_vjp:
        result.custom.append(function_name(own[-1].call))
    elif operand is None:
        result.hidden.append(kind(calls[0].call))
    else:
        result.found[(*scope.path, index)] = Found(match, operand)


def _name(scope: Scope, eqn: core.JaxprEqn) -> str:
    return "/".join(part for part in (scope.name, str(eqn.source_info.name_stack)) if part)


def _pool(eqn: core.JaxprEqn, scope: str) -> Found | None:
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
    return Found(Match("max_pool", scope, out.shape), eqn.invars[0], windows)


class Matches(list[Match]):
    """What a rule changes, in order of computation.

    Attributes:
        passed_over: the clamps that compute a ReLU and are none of the network's activations, each with its `reason`.
    """

    def __init__(self, changed: Iterable[Match], passed_over: Iterable[Match]):
        super().__init__(changed)
        self.passed_over = list(passed_over)

    def __repr__(self) -> str:
        """The list, and what is passed over."""
        return f"{super().__repr__()}, passed over: {self.passed_over}" if self.passed_over else super().__repr__()

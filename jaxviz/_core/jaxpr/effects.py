"""What equations do beside giving values: read and write references, print and check, act on the world outside.

Which equations a part of a program needs cannot be told from values alone where it has effects. Of three kinds:

- a reference (`jax.new_ref`) is read and written by the equations that take it: JAX lists what they do to it, but not
  for every primitive, so anything that takes one is held to write it, other than a plain read;
- a report (`jax.debug.print`, `checkify.check`) gives nothing that another equation could read;
- anything else, known here or not, acts on what lies outside of the program, where a later equation may find it.
"""

from collections.abc import Iterable
from typing import Any

from jax.extend import core

from jaxviz._core.jaxpr.primitives import Body, bodies, is_reference, jaxpr_of, kind

_ON_REFERENCES = frozenset({"RefEffect", "InternalMutableArrayEffect"})
_REPORTS = frozenset({"DebugEffect", "OrderedDebugEffect", "ErrorEffect"})


def references(eqn: core.JaxprEqn) -> list[Any]:
    """The references that an equation takes."""
    return [atom for atom in eqn.invars if is_reference(atom)]


def written(eqn: core.JaxprEqn) -> list[Any]:
    """The references that an equation may write."""
    return [] if kind(eqn) == "get" else references(eqn)


def outside(eqn: core.JaxprEqn) -> set[Any]:
    """The effects of an equation on what lies outside of the program."""
    return {effect for effect in _effects(eqn) if not _names(effect) & (_ON_REFERENCES | _REPORTS)}


def acts(eqn: core.JaxprEqn) -> bool:
    """Whether an equation does more than give values and use references."""
    return any(not _names(effect) & _ON_REFERENCES for effect in _effects(eqn))


def _effects(eqn: core.JaxprEqn) -> set[Any]:
    # Not every primitive that holds a function shows its effects.
    within = (effect for inner in bodies(eqn) for part in jaxpr_of(inner.body).eqns for effect in _effects(part))
    return {*eqn.effects, *within}


def _names(effect: Any) -> set[str]:
    return {cls.__name__ for cls in type(effect).__mro__}


def live(
    body: Body, wanted: Iterable[Any], given: Iterable[Any] = (), span: range | None = None
) -> tuple[set[int], set[Any]]:
    """The equations that must run to get the variables `wanted` when `given` are known, and the inputs they need.

    Args:
        body: the program.
        wanted: variables of it.
        given: variables whose values are known.
        span: the equations whose effects count where nothing reads their values: those that act on the outside, report,
            or write a reference from outside. What stands behind it is never run.

    Raises:
        NotImplementedError: two equations act on the same thing outside, and only the second would run.
    """
    jaxpr = jaxpr_of(body)
    span = range(len(jaxpr.eqns)) if span is None else span
    known, inputs = set(given), {*jaxpr.invars, *jaxpr.constvars}
    needed = {atom for atom in wanted if isinstance(atom, core.Var)} - known
    run: set[int] = set()
    for index in reversed(range(span.stop)):
        eqn = jaxpr.eqns[index]
        changed = set(written(eqn))
        kept = index in span and (acts(eqn) or changed & inputs)
        if needed.isdisjoint(eqn.outvars) and not needed & changed and not kept:
            continue
        run.add(index)
        needed.difference_update(eqn.outvars)
        needed.update(atom for atom in eqn.invars if isinstance(atom, core.Var) and atom not in known)
    _check_order(jaxpr.eqns[: span.stop], run)
    return run, needed


def _check_order(eqns: list[core.JaxprEqn], run: set[int]) -> None:
    skipped: dict[Any, str] = {}
    for index, eqn in enumerate(eqns):
        for effect in outside(eqn):
            if index not in run:
                skipped[effect] = kind(eqn)
            elif effect in skipped:
                raise NotImplementedError(
                    f"`layer` must not stand between equations that may depend on each other outside of the program, "
                    f"got `{skipped[effect]}` below it and `{kind(eqn)}` above it, both with {effect}. "
                    "Move them to one side of the layer."
                )


def dependent(body: Body, variables: Iterable[Any]) -> tuple[set[int], set[Any]]:
    """The equations that must run again when `variables` change, and all values that can change then.

    A reference is made again where anything writes to it what can change. What acts on the outside or reports always
    runs again.
    """
    jaxpr = jaxpr_of(body)
    moving, run, size = set(variables), set(), -1
    while size < len(run):
        size = len(run)
        for index, eqn in enumerate(jaxpr.eqns):
            atoms = [atom for atom in eqn.invars if isinstance(atom, core.Var)]
            if moving.isdisjoint((*atoms, *(var for var in eqn.outvars if is_reference(var)))) and not acts(eqn):
                continue
            run.add(index)
            moving.update((*eqn.outvars, *written(eqn)))
    return run, moving

"""References as values: what each holds is followed, so that a program that uses them can be read as one without.

A `Cell` stands for a `jax.Ref` while a program is evaluated on values of any kind.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
from jax.extend import core

from jaxviz._core.jaxpr.interpret import Site, evaluate
from jaxviz._core.jaxpr.primitives import bodies, is_reference, jaxpr_of, kind, parameters, rebind


class Cell:
    """A reference; `value` is what it holds now."""

    def __init__(self, value: Any):
        self.value = value


def contents(values: Sequence[Any]) -> list[Any]:
    """The values, with what a reference holds in its place."""
    return [value.value if isinstance(value, Cell) else value for value in values]


def use(eqn: core.JaxprEqn, values: Sequence[Any]) -> list[Any] | None:
    """The outputs of an equation that makes a reference, or reads or writes all of it; None for any other equation.

    Raises:
        NotImplementedError: a reference comes from another equation.
    """
    name = kind(eqn)
    if name == "new_ref":
        return [Cell(values[0])]
    if any(is_reference(var) for var in eqn.outvars):
        raise NotImplementedError(
            f"`f` must make its references by jax.new_ref to be followed, got one from `{name}`. Give it a value there."
        )
    if name not in ("get", "swap", "freeze") or jax.tree.leaves(values[2 if name == "swap" else 1 :]):
        return None
    if name != "freeze" and eqn.params["tree"] != jax.tree.structure(()):
        return None  # a part of it
    cell = values[0]
    held, cell.value = cell.value, values[1] if name == "swap" else cell.value
    return [held]


def pure(eqn: core.JaxprEqn) -> Callable[..., list[Any]]:
    """The equation as a function of what its references hold: its outputs, then what each holds after it."""
    places = [i for i, atom in enumerate(eqn.invars) if is_reference(atom)]
    inner = bodies(eqn)

    def body(index: int, inputs: Sequence[Any], held: Sequence[Any], at: Sequence[int]) -> list[Any]:
        cells = dict(zip(places, map(Cell, held), strict=True))
        outs = evaluate(inner[index].body, [cells.get(i, v) for i, v in zip(at, inputs, strict=True)], _by_value)
        return [*outs, *(cells[i].value for i in places)]

    def branch(*values: Any) -> list[Any]:
        held = [values[i] for i in places]
        at = range(1, len(values))
        options = [lambda *rest, k=k: body(k, rest[: len(at)], rest[len(at) :], at) for k in range(len(inner))]
        return jax.lax.switch(values[0], options, *values[1:], *held)

    def loop(*values: Any) -> list[Any]:
        params, (of_body,) = parameters(eqn), inner
        length = params["length"]
        operands = of_body.operands
        ranks = [jax.numpy.ndim(v) - len(var.aval.shape) for v, var in zip(values, _inputs(of_body), strict=True)]
        carried = [i for i, place in enumerate(operands) if place is None and not ranks[i]]
        made: list[Any] = [var.aval for var in eqn.outvars[len(carried) :]]
        stacks = [jax.numpy.zeros(aval.shape, aval.dtype) for aval in made]

        # A `while_loop`, since a `scan` may itself come out with references in it.
        def step(state: Any) -> Any:
            number, carry, held, ys = state
            place = length - 1 - number if params["reverse"] else number
            given = dict(zip(carried, carry, strict=True))
            inputs = [given[i] if i in given else v[place] if ranks[i] else v for i, v in enumerate(values)]
            outs = body(0, inputs, held, range(len(values)))
            made, held = outs[: len(outs) - len(places)], outs[len(outs) - len(places) :]
            ys = [y.at[place].set(out) for y, out in zip(ys, made[len(carried) :], strict=True)]
            return number + 1, made[: len(carried)], held, ys

        start = (0, [values[i] for i in carried], [values[i] for i in places], stacks)
        _, carry, held, ys = jax.lax.while_loop(lambda state: state[0] < length, step, start)
        return [*carry, *ys, *held]

    def plain(*values: Any) -> list[Any]:
        refs = {i: jax.new_ref(values[i]) for i in places}
        outs = rebind(eqn, [refs.get(i, value) for i, value in enumerate(values)])
        return [*outs, *(ref[...] for ref in refs.values())]

    return {"cond": branch, "scan": loop}.get(kind(eqn), plain)


def _inputs(inner: Any) -> list[Any]:
    return jaxpr_of(inner.body).invars


def keep(values: Sequence[Any], outs: Sequence[Any]) -> list[Any]:
    """Puts what `pure` returns last into the cells among the operands; the rest are the outputs."""
    cells = [value for value in values if isinstance(value, Cell)]
    count = len(outs) - len(cells)
    for cell, held in zip(cells, outs[count:], strict=True):
        cell.value = held
    return list(outs[:count])


def _by_value(eqn: core.JaxprEqn, values: list[Any], site: Site) -> list[Any] | None:
    del site
    outs = use(eqn, values)
    if outs is not None or not any(isinstance(value, Cell) for value in values):
        return outs
    return keep(values, pure(eqn)(*contents(values)))

"""Where in a program a value can be overridden."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from jaxviz._core.jaxpr.primitives import is_call
from jaxviz._core.jaxpr.values import Scope, Values


class Place(NamedTuple):
    """An equation (its scope and index there), and the variable that holds an earlier value there, if one does."""

    scope: Scope
    index: int
    operand: Any


def place(values: Values, out: int, x: int) -> Place:
    """The outermost equation whose only output is the value `out`, and where `x` is at hand.

    A call that returns nothing else is overridden as a whole. Where no such equation is reached, the place is that of
    the innermost, without an operand.
    """
    while out not in values.places:  # leaves a function with a derivative of its own
        (out,) = values.values[out].operands
    scope, index = values.places[out]
    best = Place(scope, index, None)
    while True:
        first, operand = scope.held.get(x, (index, None))
        if first < index:
            best = Place(scope, index, operand)
        outside = scope.above
        if outside is None or not is_call(scope.call) or len(scope.call.outvars) != 1 or scope.outs != [out]:
            return best
        index, scope = scope.index, outside
        (var,) = scope.jaxpr.eqns[index].outvars
        out = scope.known[var]
        if not values.values[out].elementwise:  # leaves a function whose own rule is kept
            return best


def around(scope: Scope) -> Iterator[Scope]:
    """The scopes from this one outwards, each with the equation that holds it, without the program itself."""
    while scope.above is not None:
        yield scope
        scope = scope.above

"""What leaves the ReLUs of layers: `conv1/relu`, where a module's output is named and a function is its activation.

A method that is to be taken behind a ReLU finds it there. ReLUs are those of `matches`, in any spelling; one whose
input carries no name, such as a residual sum, is most often what a block returns, which has a name as a module has.
"""

from collections.abc import Iterator, Mapping

from jaxviz._core.jaxpr.layer import Layer
from jaxviz._core.jaxpr.match import search
from jaxviz._core.jaxpr.primitives import CUSTOM_JVP, CUSTOM_VJP, Body, function_name, is_call, kind
from jaxviz._core.jaxpr.sites import around
from jaxviz._core.jaxpr.values import Scope

_RULED = "ruled_relu"  # what `with_rule` puts in the place of a ReLU: a function of its input, and of its output


def behind_relus(body: Body, layers: Mapping[str, Layer]) -> Iterator[tuple[str, Layer]]:
    """The name and the value of each ReLU of a layer; a name may come more than once."""
    result = search(body)
    named: dict[int, list[str]] = {}
    for name, layer in layers.items():
        *above, index = layer.path
        scope = result.scopes.get(tuple(above))  # none where it cannot be entered
        if scope is not None:
            number = scope.known[scope.jaxpr.eqns[index].outvars[layer.output]]
            named.setdefault(number, []).append(name)
    relus = [(path, found.operand) for path, found in result.found.items() if found.windows is None]
    for scope in result.scopes.values():
        for index, eqn in enumerate(scope.jaxpr.eqns):
            if kind(eqn) == CUSTOM_VJP and function_name(eqn) == _RULED:
                relus.append(((*scope.path, index), eqn.invars[0]))
    for path, operand in relus:
        *above, index = path
        scope = result.scopes[tuple(above)]
        for name in named.get(scope.known.get(operand, -1), []):
            yield f"{name}/relu", Layer(path, 0, scope.jaxpr.eqns[index].outvars[0].aval, _inside(scope))


def _inside(scope: Scope) -> tuple:
    """The equations around a scope that do not simply run their body once, from the outermost."""
    calls = [within.call for within in around(scope)]
    return tuple(call for call in reversed(calls) if not is_call(call) or kind(call) in (CUSTOM_JVP, CUSTOM_VJP))

"""What leaves the ReLUs of layers: `conv1/relu`, where a module's output is named and a function is its activation.

A method that is to be taken behind a ReLU finds it there. ReLUs are those of `matches`, in any spelling; one whose
input carries no name, such as a residual sum, is most often what a block returns, which has a name as a module has.
"""

from collections.abc import Iterator, Mapping

from jaxviz.transforms._layer import Layer
from jaxviz.transforms._match import search
from jaxviz.transforms._primitives import CUSTOM_JVP, CUSTOM_VJP, Body, is_call, kind
from jaxviz.transforms._sites import around
from jaxviz.transforms._values import Scope


def behind_relus(body: Body, layers: Mapping[str, Layer]) -> Iterator[tuple[str, Layer]]:
    """The name and the value of each ReLU of a layer, in order of computation; a name may come more than once."""
    result = search(body)
    named: dict[int, list[str]] = {}
    for name, layer in layers.items():
        *above, index = layer.path
        scope = result.scopes.get(tuple(above))  # none where it cannot be entered
        if scope is not None:
            number = scope.known.get(scope.jaxpr.eqns[index].outvars[layer.output])
            if number is not None:
                named.setdefault(number, []).append(name)
    for path, found in result.found.items():
        *above, index = path
        scope = result.scopes[tuple(above)]
        if found.windows is None:
            eqn = scope.jaxpr.eqns[index]
            for name in named.get(scope.known[found.operand], []):
                yield f"{name}/relu", Layer(path, 0, eqn.outvars[0].aval, _inside(scope))


def _inside(scope: Scope) -> tuple:
    """The equations around a scope that do not simply run their body once, from the outermost."""
    calls = [within.call for within in around(scope)]
    return tuple(call for call in reversed(calls) if not is_call(call) or kind(call) in (CUSTOM_JVP, CUSTOM_VJP))

"""What leaves the softmaxes inside of modules: `blocks/0/attn/softmax`, how much each token attends to each.

A softmax is found by what is computed, an exponential over its own sum. It belongs to the module that the layers before
and after it are parts of; one that lies in no module, such as that of the outputs, has no name.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from jaxviz._core.jaxpr.interpret import Path
from jaxviz._core.jaxpr.layer import Layer
from jaxviz._core.jaxpr.primitives import CUSTOM_JVP, CUSTOM_VJP, Body, bodies, is_call, jaxpr_of, kind

_CARRIERS = frozenset({"broadcast_in_dim", "convert_element_type", "reshape", "squeeze", "stop_gradient", "transpose"})


def softmaxes(body: Body, layers: Mapping[str, Layer]) -> Iterator[tuple[str, Layer]]:
    """The name and the value of each softmax in a module, in order of computation; a name may come more than once."""
    in_order = sorted(((layer.path, name) for name, layer in layers.items()))
    for layer in _found(body, (), ()):
        before = [name for path, name in in_order if path < layer.path][-1:]
        after = [name for path, name in in_order if path >= layer.path][:1]
        module = _common([*before, *after]) if before and after else ""
        if module:
            yield f"{module}/softmax", layer


def _found(body: Body, path: Path, inside: tuple) -> Iterator[Layer]:
    jaxpr = jaxpr_of(body)
    made: dict[Any, Any] = {}
    for index, eqn in enumerate(jaxpr.eqns):
        place = (*path, index)
        if _is_softmax(eqn, made):
            yield Layer(place, 0, eqn.outvars[0].aval, inside)
        made.update(dict.fromkeys(eqn.outvars, eqn))
        plain = is_call(eqn) and kind(eqn) not in (CUSTOM_JVP, CUSTOM_VJP)
        for number, inner in enumerate(bodies(eqn)):
            yield from _found(inner.body, (*place, number), inside if plain else (*inside, eqn))


def _is_softmax(eqn: Any, made: Mapping[Any, Any]) -> bool:
    if kind(eqn) != "div" or any(hasattr(atom, "val") for atom in eqn.invars):
        return False
    over, by = eqn.invars
    exponential, divisor = made.get(over), made.get(by)
    while divisor is not None and kind(divisor) in _CARRIERS:
        divisor = made.get(divisor.invars[0])
    if exponential is None or divisor is None:
        return False
    return kind(exponential) == "exp" and kind(divisor) == "reduce_sum" and divisor.invars[0] is over


def _common(names: list[str]) -> str:
    """The module that all of these are, or are parts of."""
    first, *others = (name.split("#")[0].split("/") for name in names)
    for other in others:
        same = [a == b for a, b in zip(first, other, strict=False)]
        first = first[: same.index(False) if False in same else len(same)]
    return "/".join(first)

"""Which layers a program can be cut or tapped at."""

from collections.abc import Iterable

from jaxviz._core.jaxpr.interpret import Program
from jaxviz._core.jaxpr.layer import Layer
from jaxviz._core.jaxpr.names import pick
from jaxviz._core.jaxpr.primitives import CUSTOM_JVP, CUSTOM_VJP, batch_axes, kind

_UNCUTTABLE = frozenset({"scan", "while", "cond", "shard_map"})
_WHY_UNCUTTABLE = "a program can be cut only where a value is computed once"
_UNTAPPABLE = frozenset({"while", "cond"})
_WHY_UNTAPPABLE = "no value can come out of a loop of unknown length or of one branch"


def where_to_cut(program: Program, name: str) -> Layer:
    """The layer of this name, if the program can be cut there."""
    return pick(program, [name], _UNCUTTABLE, _WHY_UNCUTTABLE)[0]


def where_to_tap(program: Program, names: Iterable[str]) -> list[Layer]:
    """The layers of these names, if their values can come out of the program."""
    picked = pick(program, names, _UNTAPPABLE, _WHY_UNTAPPABLE)
    for layer in picked:
        _check_shards(layer)
    return picked


def tappable(layer: Layer) -> bool:
    """Whether its values can come out."""
    return not any(kind(eqn) in _UNTAPPABLE | {CUSTOM_JVP, CUSTOM_VJP} for eqn in layer.inside)


def _check_shards(layer: Layer) -> None:
    names = [kind(eqn) for eqn in layer.inside]
    if "shard_map" in names and "scan" in names[names.index("shard_map") :]:
        raise NotImplementedError("`layer` must not lie in a `scan` inside a `shard_map`. Put the scan outside.")
    for eqn in layer.inside:
        if kind(eqn) == "shard_map":
            batch_axes(eqn)

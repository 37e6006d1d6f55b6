"""The part of a network above a layer as a function of its activation alone."""

from collections.abc import Callable
from typing import Any

from jaxtyping import Array

from jaxviz._core.jaxpr.effects import dependent
from jaxviz._core.jaxpr.interpret import evaluate, trace
from jaxviz._core.jaxpr.primitives import jaxpr_of, rebind
from jaxviz.transforms import after


def suffix(f: Callable, layer: str, activation: Array, images: Array) -> Callable[[Array], Any]:
    """`activation -> f's output`, for these images, with all that does not depend on the activation computed already.

    `after` computes branches that go around the layer on every call. In a loop over activations that is once too often.
    """
    program = trace(after(f, layer), activation, images)
    jaxpr = jaxpr_of(program.body)
    place = program.num_own
    again, _ = dependent(program.body, [jaxpr.invars[place]])
    rest = set(range(len(jaxpr.eqns))) - again
    known: dict[Any, Array] = {}

    def keep(eqn: Any, values: list[Any], site: Any) -> list[Any]:
        del site
        outs = rebind(eqn, values)
        known.update(zip(eqn.outvars, outs, strict=True))
        return outs

    evaluate(program.body, program.leaves, keep, only=rest)

    def run(activation: Array) -> Any:
        leaves = [activation if index == place else leaf for index, leaf in enumerate(program.leaves)]
        outs = evaluate(
            program.body,
            leaves,
            lambda *_: None,
            only=again,
            given=known,
        )
        return program.out_tree.unflatten(outs)

    return run

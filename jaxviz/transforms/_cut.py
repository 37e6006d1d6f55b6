"""The part of a function below a layer, and the part above it."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import jax
from jax.ad_checkpoint import checkpoint_name
from jaxtyping import Array

from jaxviz.transforms._callable import callee
from jaxviz.transforms._effects import live
from jaxviz.transforms._interpret import Program, Site, evaluate, trace
from jaxviz.transforms._layer import Layer
from jaxviz.transforms._names import pick
from jaxviz.transforms._primitives import INLINED, bodies, kind, layer_name, rebind, rebuild

_MARK = "jaxviz:cut"
_UNCUTTABLE = frozenset({"scan", "while", "cond", "shard_map"})
_WHY = "a program can be cut only where a value is computed once"


def upto(f: Callable, layer: str) -> Callable:
    """`images -> activation`: the part of `f` below a layer. What the layer does not need is not in the program.

    Example:
        >>> import jax.numpy as jnp
        >>> from jax.ad_checkpoint import checkpoint_name
        >>> upto(lambda x: jnp.sum(checkpoint_name(2 * x, "double")), "double")(jnp.ones(2)).tolist()
        [2.0, 2.0]

    Args:
        f: any JAX function or callable pytree.
        layer: a name from `layers(f, images)`.

    Returns:
        The function, a pytree with the leaves of `f`.

    Raises:
        ValueError: on the call, for an unknown layer.
        NotImplementedError: on the call, for a layer inside a loop, a branch, a `shard_map`, or a function with its own
            derivative rule.
    """
    return Upto(callee(f), layer)


def after(f: Callable, layer: str) -> Callable:
    """`(activation, images) -> f's output`: the part of `f` above a layer, as a function of its activation.

    What the activation stands for is not computed again. Branches that go around the layer are, from `images`. A
    `jax.checkpoint` around the layer is opened, so that its values are kept.

    Example:
        >>> import jax.numpy as jnp
        >>> from jax.ad_checkpoint import checkpoint_name
        >>> float(after(lambda x: jnp.sum(checkpoint_name(2 * x, "double")), "double")(jnp.ones(2), jnp.zeros(2)))
        2.0

    Args:
        f: any JAX function or callable pytree.
        layer: a name from `layers(f, images)`.

    Returns:
        The function, a pytree with the leaves of `f`.

    Raises:
        ValueError: on the call, for an unknown layer or an activation of another shape than the layer's.
        NotImplementedError: as for `upto`.
    """
    return After(callee(f), layer)


@functools.partial(jax.tree_util.register_dataclass, data_fields=["f"], meta_fields=["layer"])
@dataclasses.dataclass(frozen=True, eq=False)  # compared and hashed by identity, as functions are
class Upto:
    """A function cut off above a layer; made by `upto`."""

    f: Callable
    layer: str

    def __call__(self, *args: Any, **kwargs: Any) -> Array:
        """The activation of the layer."""
        program, mark = _marked(trace(self.f, *args, **kwargs), self.layer)
        jaxpr = program.body.jaxpr
        run, _ = live(program.body, jaxpr.eqns[mark].invars, span=range(mark))
        taken: list[Array] = []

        def handle(eqn: Any, values: list[Any], site: Site) -> list[Any] | None:
            del eqn
            if site.path == (mark,):
                taken.append(values[0])
                return values
            return None

        evaluate(program.body, program.leaves, handle, only=run | {mark})
        return taken[0]


@functools.partial(jax.tree_util.register_dataclass, data_fields=["f"], meta_fields=["layer"])
@dataclasses.dataclass(frozen=True, eq=False)  # compared and hashed by identity, as functions are
class After:
    """The rest of a function above a layer; made by `after`."""

    f: Callable
    layer: str

    def __call__(self, activation: Array, *args: Any, **kwargs: Any) -> Any:
        """The outputs of `f`."""
        program, mark = _marked(trace(self.f, *args, **kwargs), self.layer)
        jaxpr = program.body.jaxpr
        var = jaxpr.eqns[mark].outvars[0]
        if jax.numpy.shape(activation) != var.aval.shape:
            raise ValueError(
                f"`activation` must have the shape {var.aval.shape} of {self.layer!r}, got "
                f"{jax.numpy.shape(activation)}. Give images of the same batch."
            )
        run, _ = live(program.body, jaxpr.outvars, given=[var], span=range(mark + 1, len(jaxpr.eqns)))
        outs = evaluate(program.body, program.leaves, lambda *_: None, only=run, given={var: activation})
        return jax.tree.unflatten(program.out_tree, outs)


def where_to_cut(program: Program, name: str) -> Layer:
    """The layer of this name, if the program can be cut there."""
    return pick(program, [name], _UNCUTTABLE, _WHY)[0]


def _marked(program: Program, name: str) -> tuple[Program, int]:
    """The program with every plain call inlined and the layer's value at an equation of its own, which is returned."""
    layer = where_to_cut(program, name)
    inside = {layer.path[:depth] for depth in range(1, len(layer.path))}

    def handle(eqn: Any, values: list[Any], site: Site) -> list[Any] | None:
        outs = None
        if site.path in inside or kind(eqn) in INLINED:
            inner = bodies(eqn)[0].body

            def call(index: int, *inputs: Any) -> tuple[list[Any], None]:
                return evaluate(inner, inputs, handle, (*site.path, index)), None

            outs = rebuild(eqn, values, call)[0] if kind(eqn) in INLINED else call(0, *values)[0]
        if site.path == layer.path:
            outs = rebind(eqn, values) if outs is None else list(outs)
            outs[layer.output] = checkpoint_name(outs[layer.output], _MARK)
        return outs

    flat = jax.make_jaxpr(lambda *leaves: evaluate(program.body, leaves, handle))(*program.leaves)
    names = [layer_name(eqn) for eqn in flat.jaxpr.eqns]
    return program._replace(body=flat), names.index(_MARK)

"""The part of a function below a layer, and the part above it."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import jax
from jax.ad_checkpoint import checkpoint_name
from jaxtyping import Array

from jaxviz._core.callables import as_pytree
from jaxviz._core.jaxpr.effects import live
from jaxviz._core.jaxpr.interpret import Program, Site, evaluate, trace
from jaxviz._core.jaxpr.primitives import INLINED, bodies, kind, layer_name, rebind, rebuild
from jaxviz._core.jaxpr.where import where_to_cut

_MARK = "jaxviz:cut"


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
    return Upto(as_pytree(f), layer)


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
    return After(as_pytree(f), layer)


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

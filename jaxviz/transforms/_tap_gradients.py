"""The gradient of one output at every layer of a function, from one backward pass."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from jaxviz._core.callables import as_pytree
from jaxviz._core.jaxpr.interpret import Site, evaluate, trace
from jaxviz._core.jaxpr.primitives import bodies, rebind, rebuild
from jaxviz._core.jaxpr.where import where_to_tap
from jaxviz.transforms._rules import Rule, with_rule


def tap_gradients(f: Callable, *layers: str, rule: Rule = "gradient") -> Callable:
    """`(images, target) -> (f(images), {layer: gradient})`, all from one backward pass.

    The gradient is that of the output `target` of each example with respect to the layer's value. A layer inside a
    `scan` has one for each iteration, stacked as its activations are by `tap`.

    Example:
        >>> import jax.numpy as jnp
        >>> from jax.ad_checkpoint import checkpoint_name
        >>> f = lambda x: checkpoint_name(3 * checkpoint_name(2 * x, "double"), "six")
        >>> _, gradients = tap_gradients(f, "double", "six")(jnp.ones((1, 2)), 1)
        >>> gradients["double"].tolist(), gradients["six"].tolist()
        ([[0.0, 3.0]], [[0.0, 1.0]])

    Args:
        f: from images to outputs `(n, k)`: any JAX function or callable pytree.
        layers: names from `layers(f, images)`.
        rule: how the gradient passes a ReLU, as in `with_rule`.

    Returns:
        The function, a pytree with the leaves of `f`. Its `target` is one index for all examples, or one for each.

    Raises:
        ValueError: on the call, for an unknown layer, or outputs that are not `(n, k)`.
        NotImplementedError: on the call, for a layer inside `while_loop`, `cond`, `shard_map`, or a function with its
            own rule.
    """
    return TapGradients(as_pytree(f), layers, rule)


@functools.partial(jax.tree_util.register_dataclass, data_fields=["f"], meta_fields=["names", "rule"])
@dataclasses.dataclass(frozen=True, eq=False)  # compared and hashed by identity, as functions are
class TapGradients:
    """A function whose gradients at some layers come out beside its output; made by `tap_gradients`."""

    f: Callable
    names: tuple[str, ...]
    rule: Rule

    def __call__(self, images: Any, target: Any) -> tuple[Any, dict[str, Array]]:
        """The outputs of `f`, and the gradients."""
        # The rule "gradient" leaves the gradient as it is; its max-pools are faster.
        program = trace(with_rule(self.f, self.rule), images)
        picked = dict(zip(self.names, where_to_tap(program, self.names), strict=True))
        at: dict[tuple[int, ...], list[tuple[str, int]]] = {}
        for name, layer in picked.items():
            at.setdefault(layer.path, []).append((name, layer.output))
        inside = {path[:depth] for path in at for depth in range(1, len(path))}

        def handler(moves: dict[str, Array]) -> Callable:
            """Adds to each layer's value what moves it; those of a loop go into it an iteration at a time."""

            def handle(eqn: Any, values: list[Any], site: Site) -> list[Any] | None:
                outs = None
                if site.path in inside:
                    inner = bodies(eqn)
                    below = {
                        name: moves[name]
                        for name, layer in picked.items()
                        if layer.path[: len(site.path)] == site.path and len(layer.path) > len(site.path)
                    }

                    def call(index: int, *inputs: Any, beside: Any) -> tuple[list[Any], dict]:
                        return evaluate(inner[index].body, inputs, handler(beside), (*site.path, index)), {}

                    outs, _ = rebuild(eqn, values, call, below)
                if site.path in at:
                    outs = rebind(eqn, values) if outs is None else list(outs)
                    for name, output in at[site.path]:
                        outs[output] = outs[output] + moves[name]
                return outs

            return handle

        def score(moves: dict[str, Array]) -> tuple[Array, Any]:
            outs = program.out_tree.unflatten(evaluate(program.body, program.leaves, handler(moves)))
            if getattr(outs, "ndim", None) != 2:
                raise ValueError(f"`f` must return outputs (n, k), got {jax.tree.map(jnp.shape, outs)}.")
            chosen = jnp.broadcast_to(jnp.asarray(target), outs.shape[:1])
            return jnp.where(jax.nn.one_hot(chosen, outs.shape[1]) > 0, outs, 0).sum(), outs

        moves = {name: jnp.zeros(layer.shape().shape, layer.shape().dtype) for name, layer in picked.items()}
        gradients, outs = jax.grad(score, has_aux=True)(moves)
        return outs, gradients

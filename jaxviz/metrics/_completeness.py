"""How far an attribution is from adding up to the output that it explains."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxviz._core.callables import as_pytree
from jaxviz._core.check import Inputs, check_baselines, check_inputs, check_outputs, start_of
from jaxviz._core.grown import num_rows
from jaxviz._core.outputs import described
from jaxviz._core.precision import at_least_single
from jaxviz._core.program import one_program
from jaxviz._core.target import Indices, Target, check_target, nan_where_invalid, scores


def completeness_gap(
    f: Callable,
    images: Inputs,
    target: Target,
    attribution: Inputs,
    *,
    baseline: Any = 0.0,
) -> Float[Array, " n"]:
    """How far an attribution is from adding up to `f(images) - f(baseline)`: its sum less that difference.

    Where it is large against the difference itself, give `integrated_gradients` more steps.

    Example:
        >>> import jax.numpy as jnp
        >>> f = lambda images: (images**2).sum((1, 2, 3))[:, None]
        >>> completeness_gap(f, jnp.ones((1, 1, 2, 1)), 0, jnp.ones((1, 1, 2, 1))).tolist()
        [0.0]

    Args:
        f: from images to outputs `(n, k)`.
        images: what was explained.
        target: the output that was explained.
        attribution: of `integrated_gradients`, or another method that is meant to add up.
        baseline: the one that was given to the method.

    Returns:
        One number per example, in units of the output, in float32 at least. Cost: two forward passes.

    Raises:
        ValueError: `attribution` has another shape than `images`, or as for `integrated_gradients`.
        TypeError: as for `saliency`.

    References:
        Sundararajan, Taly and Yan, [Axiomatic Attribution for Deep Networks](https://arxiv.org/abs/1703.01365), 2017,
        section 3, proposition 1.
    """
    f, images = as_pytree(f), check_inputs(images)
    baseline = check_baselines(baseline, images, "images")
    if _shapes(attribution) != _shapes(images):
        raise ValueError(
            f"`attribution` must have the shape {described(images)} of `images`, got {described(attribution)}. Do not "
            "sum it over the channels."
        )
    num_outputs = check_outputs(f, images)
    indices = check_target(target, num_rows(images), num_outputs)
    return _gap(f, images, jax.tree.map(jnp.asarray, attribution), indices, baseline, num_outputs=num_outputs)


@one_program
def _gap(
    f: Callable,
    images: Inputs,
    attribution: Inputs,
    indices: Indices,
    baseline: Any,
    *,
    num_outputs: int,
) -> Float[Array, " n"]:
    after, before = (at_least_single(scores(f(x), indices)) for x in (images, start_of(images, baseline)))
    sums = [at_least_single(leaf).reshape(len(leaf), -1).sum(1) for leaf in jax.tree.leaves(attribution)]
    return nan_where_invalid(sum(sums[1:], sums[0]) - (after - before), indices, num_outputs)


def _shapes(inputs: Any) -> Any:
    return jax.tree.structure(inputs), [jnp.shape(leaf) for leaf in jax.tree.leaves(inputs)]

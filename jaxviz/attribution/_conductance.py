"""How an output is made up of the units of a layer: integrated gradients there, and conductance through it."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from jaxviz._core.batch import default_batch
from jaxviz._core.callables import as_pytree
from jaxviz._core.check import Inputs, check_baselines, check_count, check_inputs, check_outputs, start_of
from jaxviz._core.chunks import chunks, map_chunks
from jaxviz._core.grown import grown, num_rows
from jaxviz._core.jaxpr.layout import channels_last
from jaxviz._core.precision import at_least_single
from jaxviz._core.program import one_program
from jaxviz._core.target import Indices, Target, check_target, nan_where_invalid
from jaxviz.attribution._gradients import gradient_of_scores
from jaxviz.transforms import after, upto, with_rule


def layer_integrated_gradients(
    f: Callable,
    images: Inputs,
    target: Target,
    layer: str,
    *,
    baseline: Any = 0.0,
    num_steps: int = 50,
    batch_size: int | None = None,
) -> Array:
    """How much each unit of a layer adds to one output, on the straight way between two of its activations.

    An entry is in units of the output. All entries together are the output for the image less the output for the
    baseline, where all of the output goes through the layer.

    Example:
        >>> import jax.numpy as jnp
        >>> from jax.ad_checkpoint import checkpoint_name
        >>> f = lambda images: (checkpoint_name(2 * images, "double") ** 2).sum((1, 2))
        >>> image = jnp.array([1.0, 3.0]).reshape(1, 1, 2, 1)
        >>> layer_integrated_gradients(f, image, 0, "double").round(3).ravel().tolist()
        [4.0, 36.0]

    Args:
        f: from images to outputs `(n, k)`, as for `saliency`.
        images: in the network's own range, as for `saliency`.
        target: the output that is explained, one for all images or one per image.
        layer: a name from `layers(f, images)` at which `f` can be cut, the examples along its first axis.
        baseline: an image in which nothing is there, as for `integrated_gradients`. The way starts at its activation.
        num_steps: points of the integral. Each costs a forward and a backward pass above the layer.
        batch_size: how many points are computed at a time, at least one for each image: it bounds the memory. By
            default a number that suits the network and the device.

    Returns:
        One entry per unit of the layer, of its shape, signed.

    Raises:
        ValueError: as for `integrated_gradients`, or the layer does not exist or depend on the images.
        NotImplementedError: the layer lies where `f` cannot be cut, as for `upto`.
        TypeError: as for `saliency`.

    References:
        Sundararajan, Taly and Yan, [Axiomatic Attribution for Deep Networks](https://arxiv.org/abs/1703.01365), 2017,
        equation 1, of the function above the layer.
    """
    return _along_the_path(f, images, target, layer, baseline, num_steps, batch_size, _layer_integrated)


def layer_conductance(
    f: Callable,
    images: Inputs,
    target: Target,
    layer: str,
    *,
    baseline: Any = 0.0,
    num_steps: int = 50,
    batch_size: int | None = None,
) -> Array:
    """How much of what the image adds to one output flows through each unit of a layer: conductance.

    An entry is in units of the output. The way is the straight one in the image, as for `integrated_gradients`, which
    this splits up by the units of a layer in place of the pixels. All entries together are the output for the image
    less the output for the baseline, where all of the output goes through the layer.

    Example:
        >>> import jax.numpy as jnp
        >>> from jax.ad_checkpoint import checkpoint_name
        >>> f = lambda images: checkpoint_name(images**2, "squares").sum((1, 2))
        >>> layer_conductance(f, jnp.array([1.0, 3.0]).reshape(1, 1, 2, 1), 0, "squares").round(3).ravel().tolist()
        [1.0, 9.0]

    Args:
        f: from images to outputs `(n, k)`, as for `saliency`.
        images: in the network's own range, as for `saliency`.
        target: the output that is explained, one for all images or one per image.
        layer: as for `layer_integrated_gradients`.
        baseline: as for `integrated_gradients`.
        num_steps: points on the way, none at its ends, where a gradient may not exist. Each costs a forward pass below
            the layer, and a forward and a backward pass above it.
        batch_size: as for `layer_integrated_gradients`.

    Returns:
        One entry per unit of the layer, of its shape, signed.

    Raises:
        ValueError: as for `layer_integrated_gradients`.
        NotImplementedError: as for `layer_integrated_gradients`.
        TypeError: as for `saliency`.

    References:
        Dhamdhere, Sundararajan and Yan, [How Important Is a Neuron?](https://arxiv.org/abs/1805.12233), 2019, equation
        3, by trapezoids: what a unit gains between two points, times the mean of the gradients there. captum takes the
        gradient at the second one.
    """
    return _along_the_path(f, images, target, layer, baseline, num_steps, batch_size, _conductance)


def _along_the_path(
    f: Callable,
    images: Inputs,
    target: Target,
    layer: str,
    baseline: Any,
    num_steps: int,
    batch_size: int | None,
    method: Callable,
) -> Array:
    f, images = as_pytree(f), check_inputs(images)
    baseline = check_baselines(baseline, images, "images")
    num_steps = check_count(num_steps, "num_steps")
    batch_size = None if batch_size is None else check_count(batch_size, "batch_size")
    num_outputs = check_outputs(f, images)
    indices = check_target(target, num_rows(images), num_outputs)
    return method(
        f,
        images,
        indices,
        baseline,
        layer=layer,
        num_steps=num_steps,
        batch_size=batch_size or default_batch(f, images),
        num_outputs=num_outputs,
    )


def _sum_over_steps(
    num_steps: int, num_images: int, batch_size: int, at: Callable[[Array, Array], Array], dtype: Any
) -> Array:
    """The integral from 0 to 1 of `at`, from shares `(s,)` and their weights to their sum `(n, ...)`."""
    nodes, weights = np.polynomial.legendre.leggauss(num_steps)
    dtype = jnp.promote_types(dtype, jnp.float32)
    pairs = jnp.asarray((1 + nodes) / 2, dtype), jnp.asarray(weights / 2, dtype)

    def one(pair: tuple[Array, Array]) -> Array:
        return jax.vmap(at)(*pair)

    return map_chunks(one, pairs, max(1, batch_size // num_images)).sum(0)


@one_program
def _layer_integrated(
    f: Callable,
    images: Inputs,
    indices: Indices,
    baseline: Any,
    *,
    layer: str,
    num_steps: int,
    batch_size: int,
    num_outputs: int,
) -> Array:
    below, above = upto(f, layer), with_rule(after(f, layer), "gradient")
    last, first = at_least_single(below(images)), at_least_single(below(start_of(images, baseline)))
    way = last - first

    def at(share: Array, weight: Array) -> Array:
        value = (first + share * way).astype(last.dtype)
        return weight * at_least_single(gradient_of_scores(above, value, indices, images))

    total = _sum_over_steps(num_steps, num_rows(images), batch_size, at, last.dtype)
    return nan_where_invalid((total * way).astype(jax.eval_shape(below, images).dtype), indices, num_outputs)


@one_program
def _conductance(
    f: Callable,
    images: Inputs,
    indices: Indices,
    baseline: Any,
    *,
    layer: str,
    num_steps: int,
    batch_size: int,
    num_outputs: int,
) -> Array:
    below, above = grown(upto(f, layer), num_rows(images)), with_rule(after(f, layer), "gradient")
    start = start_of(images, baseline)
    way = jax.tree.map(jnp.subtract, images, start)
    shape = jax.eval_shape(below, images)
    dtype = jnp.promote_types(shape.dtype, jnp.float32)
    count, size = chunks(num_steps, max(1, batch_size // num_rows(images)))
    # Filled up with copies of the last point, to which there is no way.
    places = jnp.minimum(jnp.arange(count * size), num_steps - 1)

    def at(place: Array) -> tuple[Array, Array]:
        share = (place.astype(dtype) + 0.5) / num_steps
        point = jax.tree.map(lambda first, whole: first + share.astype(first.dtype) * whole, start, way)
        value = below(point)
        return value.astype(dtype), gradient_of_scores(above, value, indices, point).astype(dtype)

    def step(before: tuple[Array, Array, Array], chunk: Array) -> tuple[tuple[Array, Array, Array], None]:
        total, value, gradient = before
        values, gradients = jax.vmap(at)(chunk)
        # From the start to the first point there is its gradient alone.
        gradient = jnp.where(chunk[0] == 0, gradients[0], gradient)
        between = (gradients + jnp.concatenate([gradient[None], gradients[:-1]])) / 2
        gains = jnp.diff(jnp.concatenate([value[None], values]), axis=0) * between
        return (total + gains.sum(0), values[-1], gradients[-1]), None

    first, last = below(start).astype(dtype), below(images).astype(dtype)
    nothing = jnp.zeros(shape.shape, dtype)
    ends, _ = jax.lax.scan(channels_last(step), (nothing, first, nothing), places.reshape(count, size))
    total, value, gradient = ends
    return nan_where_invalid((total + (last - value) * gradient).astype(shape.dtype), indices, num_outputs)

"""Integrated gradients from many baselines that are drawn from data, in place of one that has to be chosen."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from jaxviz._core.batch import default_batch
from jaxviz._core.callables import as_pytree
from jaxviz._core.check import Inputs, check_count, check_inputs, check_outputs
from jaxviz._core.grown import num_rows
from jaxviz._core.outputs import described
from jaxviz._core.program import one_program
from jaxviz._core.target import Indices, Target, check_target, nan_where_invalid
from jaxviz.attribution._mean_gradient import sum_of_gradients


def expected_gradients(
    f: Callable,
    images: Inputs,
    target: Target,
    baselines: PyTree[Float[Array, "m ..."]],
    *,
    key: PRNGKeyArray,
    num_samples: int = 50,
    batch_size: int | None = None,
) -> Inputs:
    """How much each pixel adds to one output on the way from examples of the data to the image, on average.

    An entry is in units of the output. All entries together are the output for the image less the mean output for the
    baselines, up to the error of a mean over `num_samples` draws. No color has to be chosen that stands for "nothing
    there", and a pixel that happens to have that color gets its due.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> f = lambda images: jnp.einsum("nhwc,w->n", images, jnp.array([2.0, -1.0]))[:, None]
        >>> image, data = jnp.full((1, 1, 2, 1), 3.0), jnp.ones((4, 1, 2, 1))
        >>> expected_gradients(f, image, 0, data, key=jax.random.key(0)).round(3).ravel().tolist()
        [4.0, -2.0]

    Args:
        f: from images to outputs `(n, k)`, as for `saliency`.
        images: in the network's own range, as for `saliency`.
        target: the output that is explained, one for all images or one per image.
        baselines: examples `(m, ...)` in the structure of `images`, as many as there are: a hundred of the training
            data, say.
        key: for the draws: for each sample and image one of the baselines, and a place on the way from it. They do not
            depend on `batch_size`.
        num_samples: draws for each image. Each costs a forward and a backward pass.
        batch_size: how many points go through `f` at a time, at least one for each image: it bounds the memory. By
            default a number that suits the network and the device.

    Returns:
        One entry per entry of `images`, in the same structure, signed.

    Raises:
        ValueError: `baselines` are not examples like those of `images`, `num_samples` or `batch_size` is below 1, `f`
            takes no other number of images than was given, or as for `saliency`.
        TypeError: as for `saliency`.

    References:
        Erion et al., [Improving performance of deep learning models with axiomatic attribution priors and expected
        gradients](https://arxiv.org/abs/1906.10670), 2021, equation 4. It is what captum and SHAP call GradientSHAP,
        without noise on the image.
    """
    f, images = as_pytree(f), check_inputs(images)
    baselines = _check_examples(baselines, images)
    num_samples = check_count(num_samples, "num_samples")
    batch_size = None if batch_size is None else check_count(batch_size, "batch_size")
    num_outputs = check_outputs(f, images)
    indices = check_target(target, num_rows(images), num_outputs)
    return _expected(
        f,
        images,
        indices,
        baselines,
        key,
        num_samples=num_samples,
        batch_size=batch_size or default_batch(f, images),
        num_outputs=num_outputs,
    )


def _check_examples(baselines: Any, images: Inputs) -> Any:
    baselines = check_inputs(baselines, "baselines")
    same = jax.tree.structure(baselines) == jax.tree.structure(images) and all(
        one.shape[1:] == other.shape[1:]
        for one, other in zip(jax.tree.leaves(baselines), jax.tree.leaves(images), strict=True)
    )
    if not same:
        raise ValueError(
            f"`baselines` must be examples like those of `images`, got {described(baselines)} for {described(images)}. "
            "Give several, the examples first."
        )
    return baselines


@one_program
def _expected(
    f: Callable,
    images: Inputs,
    indices: Indices,
    baselines: PyTree[Float[Array, "m ..."]],
    key: PRNGKeyArray,
    *,
    num_samples: int,
    batch_size: int,
    num_outputs: int,
) -> Inputs:
    num_images = num_rows(images)

    def way(number: Any) -> tuple[Inputs, Any]:
        """The baselines of a sample, one for each image, and the share of the way from there to the image."""
        which, share = jax.random.split(jax.random.fold_in(key, number))
        places = jax.random.randint(which, (num_images,), 0, num_rows(baselines))
        return jax.tree.map(lambda leaf: leaf[places], baselines), jax.random.uniform(share, (num_images,))

    def points(number: Any) -> Inputs:
        start, share = way(number)

        def between(first: Any, last: Any) -> Any:
            along = share.reshape(-1, *[1] * (last.ndim - 1)).astype(last.dtype)
            return first + along * (last - first)

        return jax.tree.map(between, start, images)

    def factors(number: Any) -> Inputs:
        return jax.tree.map(jnp.subtract, images, way(number)[0])

    weights = jnp.full(num_samples, 1 / num_samples)
    total = sum_of_gradients(f, images, indices, "gradient", points, weights, batch_size, factors)
    return nan_where_invalid(total, indices, num_outputs)

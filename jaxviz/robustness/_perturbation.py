"""Small changes of every pixel that make a network see another class: the baseline for a patch.

Meant for testing one's own models.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from jaxviz._core.callables import as_pytree
from jaxviz._core.check import check_count, check_images, check_outputs
from jaxviz._core.probability import Probability, check_probability, log_probabilities
from jaxviz._core.program import one_program
from jaxviz._core.target import Indices, Target, check_target, nan_in_rows, nan_where_invalid, scores
from jaxviz.robustness._pixel_range import Bounds, pixel_range

_Ends = tuple[Float[Array, " c"], Float[Array, " c"]]


def fgsm(
    f: Callable,
    images: Float[Array, "n h w c"],
    target: Target,
    *,
    epsilon: float | Array,
    bounds: Bounds | None = None,
    probability: Probability | None = None,
) -> Float[Array, "n h w c"]:
    """Images one step towards another class: every pixel by the same amount, in the direction of its gradient's sign.

    Example:
        >>> import jax.numpy as jnp
        >>> f = lambda images: images[:, 0, 0] * jnp.array([1.0, -1.0])
        >>> fgsm(f, jnp.full((1, 1, 1, 2), 0.5), 0, epsilon=0.1, bounds=(0, 1)).round(3).ravel()
        Array([0.6, 0.6], dtype=float32)

    Args:
        f: from images to logits `(n, k)`.
        images: in the network's own range.
        target: the class to be seen, one for all images or one per image: the index of an output, 0 for the only one.
            Against it works with `lambda images: -f(images)`.
        epsilon: how far a pixel moves, as a share of the way from black to white: 8 / 255 is eight gray levels.
        bounds: black and white in the network's own range; by default what `f.normalize` makes of 0 and 1.
        probability: how that of the target is read: `"softmax"` over classes, `"sigmoid"` for
            labels of which each stands for itself. By default a softmax, and a sigmoid for a head of one output.

    Returns:
        The changed images, cut off at the bounds. Cost: a forward and a backward pass.

    Raises:
        ValueError: `epsilon` is negative, no bounds are known, a target that does not exist, or a
            `probability` that is none.
        TypeError: an argument of the wrong kind.

    References:
        Goodfellow et al., [Explaining and Harnessing Adversarial Examples](https://arxiv.org/abs/1412.6572), 2015,
        section 4; targeted as in Kurakin et al., [Adversarial Machine Learning at
        Scale](https://arxiv.org/abs/1611.01236), 2017, section 2.
    """
    plain, f, images = f, as_pytree(f), check_images(images)
    _check_share(epsilon, "epsilon")
    ends = pixel_range(plain, bounds, images.shape[-1])
    num_outputs = check_outputs(f, images)
    indices = check_target(target, images.shape[0], num_outputs)
    probability = check_probability(probability, num_outputs)
    found = _once(f, images, indices, jnp.asarray(epsilon), ends, probability=probability)
    return nan_where_invalid(found, indices, num_outputs)


def pgd(
    f: Callable,
    images: Float[Array, "n h w c"],
    target: Target,
    *,
    key: PRNGKeyArray,
    epsilon: float | Array,
    step_size: float | Array | None = None,
    num_steps: int = 10,
    bounds: Bounds | None = None,
    probability: Probability | None = None,
) -> Float[Array, "n h w c"]:
    """Images many small steps towards another class, each pixel never farther than `epsilon` from where it was.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> f = lambda images: images[:, 0, 0] * jnp.array([1.0, -1.0])
        >>> images = jnp.full((1, 1, 1, 2), 0.5)
        >>> pgd(f, images, 0, key=jax.random.key(0), epsilon=0.1, bounds=(0, 1)).round(3).ravel()
        Array([0.6, 0.6], dtype=float32)

    Args:
        f: from images to logits `(n, k)`.
        images: in the network's own range.
        target: the class to be seen, one for all images or one per image: the index of an output, 0 for the only one.
            Against it works with `lambda images: -f(images)`.
        key: for the start, which lies evenly within `epsilon`.
        epsilon: the farthest that a pixel moves, as a share of the way from black to white.
        step_size: how far it moves in a step, likewise; by default `2.5 * epsilon / num_steps`, which reaches every
            place from every start.
        num_steps: each costs a forward and a backward pass.
        bounds: black and white in the network's own range; by default what `f.normalize` makes of 0 and 1.
        probability: how that of the target is read: `"softmax"` over classes, `"sigmoid"` for
            labels of which each stands for itself. By default a softmax, and a sigmoid for a head of one output.

    Returns:
        The changed images.

    Raises:
        ValueError: as for `fgsm`, or `num_steps` below 1.
        TypeError: as for `fgsm`.

    References:
        Madry et al., [Towards Deep Learning Models Resistant to Adversarial
        Attacks](https://arxiv.org/abs/1706.06083), 2018, section 2.1; here towards a target.
    """
    plain, f, images = f, as_pytree(f), check_images(images)
    num_steps = check_count(num_steps, "num_steps")
    step_size = 2.5 * epsilon / num_steps if step_size is None else step_size
    _check_share(epsilon, "epsilon")
    _check_share(step_size, "step_size")
    ends = pixel_range(plain, bounds, images.shape[-1])
    num_outputs = check_outputs(f, images)
    indices = check_target(target, images.shape[0], num_outputs)
    amounts = jnp.array([epsilon, step_size])
    probability = check_probability(probability, num_outputs)
    found = _iterate(f, images, indices, key, amounts, ends, num_steps=num_steps, probability=probability)
    return nan_where_invalid(found, indices, num_outputs)


@one_program
def _once(
    f: Callable,
    images: Float[Array, "n h w c"],
    indices: Indices,
    epsilon: Float[Array, ""],
    ends: _Ends,
    *,
    probability: Probability,
) -> Float[Array, "n h w c"]:
    return _towards(f, images, images, indices, epsilon, epsilon, ends, probability)


@one_program
def _iterate(
    f: Callable,
    images: Float[Array, "n h w c"],
    indices: Indices,
    key: PRNGKeyArray,
    amounts: Float[Array, "2"],
    ends: _Ends,
    *,
    num_steps: int,
    probability: Probability,
) -> Float[Array, "n h w c"]:
    epsilon, step_size = amounts
    noise = jax.random.uniform(key, images.shape, images.dtype, -1, 1)
    start = _near(images + epsilon * (ends[1] - ends[0]) * noise, images, epsilon, ends)

    def step(_: Array, changed: Float[Array, "n h w c"]) -> Float[Array, "n h w c"]:
        return _towards(f, changed, images, indices, step_size, epsilon, ends, probability)

    return jax.lax.fori_loop(0, num_steps, step, start)


def _towards(
    f: Callable,
    changed: Float[Array, "n h w c"],
    images: Float[Array, "n h w c"],
    indices: Indices,
    step_size: Array,
    epsilon: Array,
    ends: _Ends,
    probability: Probability,
) -> Float[Array, "n h w c"]:
    def total(x: Float[Array, "n h w c"]) -> tuple[Float[Array, ""], Float[Array, " n"]]:
        each = scores(log_probabilities(f(x), probability), indices)
        return each.sum(), each

    slope, each = jax.grad(total, has_aux=True)(changed)
    # Of NaN a ReLU passes no gradient, and an image that stays as it is would look like a result.
    slope = nan_in_rows(slope, jnp.isnan(each))
    return _near(changed + step_size * (ends[1] - ends[0]) * jnp.sign(slope), images, epsilon, ends)


def _near(
    changed: Float[Array, "n h w c"], images: Float[Array, "n h w c"], epsilon: Array, ends: _Ends
) -> Float[Array, "n h w c"]:
    """Within `epsilon` of the images, and a picture."""
    low, high = ends
    far = epsilon * (high - low)
    return jnp.clip(jnp.clip(changed, images - far, images + far), low, high).astype(images.dtype)


def _check_share(share: Any, name: str) -> None:
    if isinstance(share, float | int) and not share >= 0:
        raise ValueError(f"`{name}` must be at least 0, got {share}. It is a share of the way from black to white.")

"""A patch that makes a network see one class, whatever else is in the picture.

It is meant for testing one's own models: how large a part of a picture has to be foreign before the network follows it,
and whether attributions give the patch away.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.core import Tracer
from jaxtyping import Array, Float, PRNGKeyArray

from jaxviz._core.callables import as_pytree
from jaxviz._core.check import check_count, check_images, check_outputs
from jaxviz._core.grown import mixed
from jaxviz._core.meshes import replicated
from jaxviz._core.probability import Probability, check_probability, log_probabilities
from jaxviz._core.program import one_program
from jaxviz._core.target import Indices, Target, check_target, scores
from jaxviz.robustness._pixel_range import Bounds, pixel_range
from jaxviz.robustness._placement import Placement

ADAM = optax.adam(0.05)


class Patch(NamedTuple):
    """A patch, and how it was found.

    Attributes:
        patch: in the network's own range; for `paste_patch`.
        trace: the mean log-probability of the target before each step, of the images drawn for it.
    """

    patch: Float[Array, "size size c"]
    trace: Float[Array, " steps"]


def adversarial_patch(
    f: Callable,
    images: Float[Array, "n h w c"],
    target: Target,
    *,
    key: PRNGKeyArray,
    size: int,
    num_steps: int = 300,
    optimizer: optax.GradientTransformation = ADAM,
    batch_size: int = 8,
    scales: tuple[float, float] = (0.8, 1.2),
    degrees: tuple[float, float] = (-22.5, 22.5),
    circular: bool = False,
    bounds: Bounds | None = None,
    probability: Probability | None = None,
) -> Patch:
    """A patch that raises the target's probability wherever it is pasted, found by gradient ascent.

    In each step some images are drawn, and for each a place, a size and a turn of the patch. All steps are one program.
    Whether it works is to be measured on images that it was not made with. Meant for testing one's own models.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> f = lambda images: images.mean((1, 2))
        >>> images = jnp.full((2, 8, 8, 2), 0.5)
        >>> found = adversarial_patch(f, images, 1, key=jax.random.key(0), size=3, num_steps=30, bounds=(0, 1))
        >>> found.patch.mean((0, 1)).round(2).tolist()
        [0.0, 1.0]

    Args:
        f: from images to logits `(n, k)`.
        images: to paste it into, in the network's own range.
        target: the class that is to be seen, one for all images or one per image: the index of an output, 0 for the
            only one. Against it works with `lambda images: -f(images)`.
        key: for the start, the images and the places.
        size: height and width of the patch in pixels, before it is scaled.
        num_steps: each costs a forward and a backward pass of `batch_size` images.
        optimizer: of optax. It moves pixels in [0, 1], black to white, whatever the network's range. Make it once: an
            optimizer that is made anew is a program of its own.
        batch_size: how many images are drawn for a step, with replacement.
        scales: smallest and largest factor of the size, as for `paste_patch`.
        degrees: smallest and largest turn, as for `paste_patch`.
        circular: whether the patch is a circle.
        bounds: black and white in the network's own range, numbers or one per channel; by default what `f.normalize`
            makes of 0 and 1. After each step the patch is brought back between them, so it can be printed.
        probability: how it is read from the outputs: `"softmax"` over classes, `"sigmoid"` for labels of which each
            stands for itself. By default a softmax, and a sigmoid for a head of one output.

    Returns:
        The patch, and the course of the log-probability.

    Raises:
        ValueError: before anything is computed: the patch does not fit into the images, no bounds are known, a target
            that does not exist, a `probability` that is none, a count below 1, or `f` takes no other number of
            images than was given.
        TypeError: an argument of the wrong kind.
        FloatingPointError: the log-probability became NaN. Not under an outer `jit`.

    References:
        Brown et al., [Adversarial Patch](https://arxiv.org/abs/1712.09665), 2017, section 2. Differs from it in: the
        patch always lies whole inside the image, and one network is looked at.
    """
    # Rows are looked up by number.
    plain, f, images = f, as_pytree(f), replicated(check_images(images))
    size, num_steps = check_count(size, "size"), check_count(num_steps, "num_steps")
    batch_size = check_count(batch_size, "batch_size")
    low, high = pixel_range(plain, bounds, images.shape[-1])
    placement = Placement.of(size, images.shape, scales, degrees, circular)
    num_outputs = check_outputs(f, images)
    indices = replicated(check_target(target, images.shape[0], num_outputs))
    found = _climb(
        f,
        images,
        indices,
        key,
        (low, high),
        placement=placement,
        num_steps=num_steps,
        optimizer=optimizer,
        batch_size=batch_size,
        probability=check_probability(probability, num_outputs),
    )
    if not isinstance(found.trace, Tracer) and not np.isfinite(found.trace).all():
        step = int(np.argmin(np.isfinite(found.trace)))
        raise FloatingPointError(
            f"`f` must give finite logits, got a log-probability of {found.trace[step]} at step {step} of {num_steps}. "
            "Lower the learning rate, or look at the images."
        )
    return found


@one_program
def _climb(
    f: Callable,
    images: Float[Array, "n h w c"],
    indices: Indices,
    key: PRNGKeyArray,
    ends: tuple[Float[Array, " c"], Float[Array, " c"]],
    *,
    placement: Placement,
    num_steps: int,
    optimizer: optax.GradientTransformation,
    batch_size: int,
    probability: Probability,
) -> Patch:
    low, high = ends
    start, steps = jax.random.split(key)
    pixels = jax.random.uniform(start, (placement.size, placement.size, images.shape[-1]), jnp.float32)

    def to_range(pixels: Float[Array, "size size c"]) -> Float[Array, "size size c"]:
        return low + (high - low) * pixels

    def step(state: tuple, number: Array) -> tuple[tuple, Array]:
        pixels, moments = state
        draw, place = jax.random.split(jax.random.fold_in(steps, number))
        chosen = jax.random.randint(draw, (batch_size,), 0, images.shape[0])

        def seen(pixels: Float[Array, "size size c"]) -> Float[Array, ""]:
            logits = mixed(f, len(images))(placement.paste(images[chosen], to_range(pixels), place).images)
            return scores(log_probabilities(logits, probability), jnp.asarray(indices)[chosen]).mean()

        value, slope = jax.value_and_grad(seen)(pixels)
        updates, moments = optimizer.update(-slope, moments, pixels)
        moved: Any = optax.apply_updates(pixels, updates)
        return (jnp.clip(moved, 0, 1), moments), value

    (pixels, _), trace = jax.lax.scan(step, (pixels, optimizer.init(pixels)), jnp.arange(num_steps))
    return Patch(to_range(pixels), trace)

"""What a network says when named regions of an image are covered."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float, Integer

from jaxviz._core.batch import default_batch
from jaxviz._core.callables import as_pytree
from jaxviz._core.check import check_baseline, check_count, check_occluded, check_outputs
from jaxviz._core.chunks import map_chunks
from jaxviz._core.grown import grown
from jaxviz._core.incremental.axes import axes_of_windows, by, check_axes
from jaxviz._core.integers import Integers, integers
from jaxviz._core.program import one_program


def occlude_regions(
    f: Callable,
    images: Float[Array, "..."],
    boxes: Integers,
    *,
    baseline: ArrayLike = 0.0,
    batch_size: int | None = None,
) -> Float[Array, "..."]:
    """All outputs of a network with each of some boxes covered, one at a time.

    Subtract from the outputs for the whole image to see what each region is worth.

    Example:
        >>> import jax.numpy as jnp
        >>> f = lambda images: images.sum((1, 2))
        >>> occlude_regions(f, jnp.array([[[1.0], [2.0], [4.0]]]), [(0, 0, 1, 2), (0, 2, 1, 3)]).ravel().tolist()
        [4.0, 3.0]

    Args:
        f: from images to outputs `(n, k)`, each row depending on its own image alone.
        images: one image `(h, w, c)` in the network's own range, a signal `(t, c)` or a volume `(d, h, w, c)`; or a
            batch of them, `(n, h, w, c)`.
        boxes: `(b, 4)`, the same for all images: top, left, bottom and right of each box in pixels, bottom and right
            not included. They may overlap. Of a signal or a volume where it starts along each axis, and then where it
            ends.
        baseline: what covers a box: a number, one pixel `(c,)`, or a whole image to take the pixels from. Zero is the
            mean color for a network that subtracts it.
        batch_size: how many covered images go through `f` at a time, at least one of each: it bounds the memory. By
            default a number that suits the device.

    Returns:
        A row of outputs for each box, `(b, k)`, or `(n, b, k)` for a batch. Cost: one forward pass per image and box.

    Raises:
        ValueError: `images` have other axes than the boxes, a box is empty or reaches beyond the image, `baseline` does
            not broadcast to the images, or `f` does not return one row per image.
        TypeError: `images` are not of floating-point numbers, or `boxes` not of integers.

    References:
        Zeiler and Fergus, [Visualizing and Understanding Convolutional Networks](https://arxiv.org/abs/1311.2901),
        2014, section 4.2 and, for regions such as the eyes of a dog, section 4.3.
    """
    f, given = as_pytree(f), check_occluded(images)
    boxes, batch = _check_boxes(boxes, given.shape)
    baseline = check_baseline(baseline, given.shape, "images", batch=batch).astype(given.dtype)
    images = given if batch else given[None]
    check_outputs(f, images)
    batch_size = check_count(default_batch(f, images) if batch_size is None else batch_size, "batch_size")
    outs = _occluded(f, images, jnp.asarray(boxes), baseline, at_a_time=max(1, batch_size // len(images)))
    return jnp.moveaxis(outs, 1, 0) if batch else outs[:, 0]


_FORMS = {
    1: "where it starts and where it ends",
    2: "(top, left, bottom, right)",
    3: "where it starts along each axis, then where it ends",
}


@one_program
def _occluded(
    f: Callable, images: Float[Array, "n ..."], boxes: Integer[Array, "b edges"], baseline: Array, *, at_a_time: int
) -> Float[Array, "b n k"]:
    lengths = images.shape[1:-1]

    def covered(box: Integer[Array, " edges"]) -> Float[Array, "n ..."]:
        inside = jnp.ones((), bool)
        for axis, length in enumerate(lengths):
            places = jnp.arange(length).reshape(-1, *[1] * (len(lengths) - axis - 1))
            inside &= (places >= box[axis]) & (places < box[len(lengths) + axis])
        return jnp.where(inside[..., None], baseline, images)

    def outputs(chunk: Integer[Array, "s edges"]) -> Float[Array, "s n k"]:
        made = jax.vmap(covered)(chunk)
        outs = grown(f, len(images), tiled=True)(made.reshape(-1, *images.shape[1:]))
        return outs.reshape(*made.shape[:2], *outs.shape[1:])

    return map_chunks(outputs, boxes, at_a_time)


def _check_boxes(boxes: Integers, shape: tuple[int, ...]) -> tuple[Integer[Array | np.ndarray, "b edges"], bool]:
    """The boxes, and whether the images are a batch."""
    array = integers(boxes, "boxes", "A box is given in whole pixels.")
    if array.ndim != 2 or array.shape[1] not in (2, 4, 6) or not len(array):
        num_axes = axes_of_windows(len(shape))
        raise ValueError(
            f"`boxes` must have shape (b, {2 * num_axes}), got {array.shape}. A box is {_FORMS[num_axes]}."
        )
    num_axes = array.shape[1] // 2
    check_axes(shape, num_axes, "give `boxes` a start and an end along each axis: (b, 2) for a signal (t, c).")
    batch = len(shape) == num_axes + 2
    if not isinstance(array, np.ndarray):
        return array, batch
    lengths = shape[batch:-1]
    low, high = array[:, :num_axes], array[:, num_axes:]
    wrong = array[((low < 0) | (high > np.array(lengths)) | (low >= high)).any(1)]
    if len(wrong):
        raise ValueError(
            f"`boxes` must lie in the image of {by(lengths)} and not be empty, got {tuple(wrong[0].tolist())}. A box "
            f"is {_FORMS[num_axes]}, the ends not included."
        )
    return array, batch

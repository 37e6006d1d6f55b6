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
from jaxviz._core.incremental.axes import by
from jaxviz._core.integers import Integers, integers
from jaxviz._core.program import one_program


def occlude_regions(
    f: Callable,
    image: Float[Array, "..."],
    boxes: Integers,
    baseline: ArrayLike = 0.0,
    *,
    batch_size: int | None = None,
) -> Float[Array, "b k"]:
    """All outputs of a network with each of some boxes covered, one at a time.

    Subtract from the outputs for the whole image to see what each region is worth.

    Example:
        >>> import jax.numpy as jnp
        >>> f = lambda images: images.sum((1, 2))
        >>> occlude_regions(f, jnp.array([[[1.0], [2.0], [4.0]]]), [(0, 0, 1, 2), (0, 2, 1, 3)]).ravel().tolist()
        [4.0, 3.0]

    Args:
        f: from images to outputs `(n, k)`, each row depending on its own image alone.
        image: `(h, w, c)` in the network's own range, or a signal `(t, c)` or a volume `(d, h, w, c)`.
        boxes: top, left, bottom and right of each box in pixels, bottom and right not included. They may overlap. Of a
            signal or a volume where it starts along each axis, and then where it ends.
        baseline: what covers a box: a number, one pixel `(c,)`, or a whole image to take the pixels from. Zero is the
            mean color for a network that subtracts it.
        batch_size: how many covered images go through `f` at a time: it bounds the memory. By default a
            number that suits the device.

    Returns:
        One row of outputs per box. Cost: one forward pass per box.

    Raises:
        ValueError: `image` is a batch, a box is empty or reaches beyond the image, `baseline` does not broadcast to
            `image`, or `f` does not return one row per image.
        TypeError: `image` is not of floating-point numbers, or `boxes` not of integers.

    References:
        Zeiler and Fergus, [Visualizing and Understanding Convolutional Networks](https://arxiv.org/abs/1311.2901),
        2014, section 4.2 and, for regions such as the eyes of a dog, section 4.3.
    """
    f, image = as_pytree(f), check_occluded(image)
    boxes = _check_boxes(boxes, image.shape)
    baseline = check_baseline(baseline, image.shape, "image", batch=False)
    check_outputs(f, image[None])
    batch_size = check_count(default_batch(f, image[None]) if batch_size is None else batch_size, "batch_size")
    return _occluded(f, image, jnp.asarray(boxes), baseline.astype(image.dtype), batch_size=batch_size)


@one_program
def _occluded(
    f: Callable, image: Float[Array, "..."], boxes: Integer[Array, "b edges"], baseline: Array, *, batch_size: int
) -> Float[Array, "b k"]:
    lengths = image.shape[:-1]

    def covered(box: Integer[Array, " edges"]) -> Float[Array, "..."]:
        inside = jnp.ones((), bool)
        for axis, length in enumerate(lengths):
            places = jnp.arange(length).reshape(-1, *[1] * (len(lengths) - axis - 1))
            inside &= (places >= box[axis]) & (places < box[len(lengths) + axis])
        return jnp.where(inside[..., None], baseline, image)

    return map_chunks(lambda chunk: grown(f, 1)(jax.vmap(covered)(chunk)), boxes, batch_size)


def _check_boxes(boxes: Integers, shape: tuple[int, ...]) -> Integer[Array | np.ndarray, "b edges"]:
    array = integers(boxes, "boxes", "A box is given in whole pixels.")
    lengths = shape[:-1]
    edges = 2 * len(lengths)
    form = "(top, left, bottom, right)" if edges == 4 else "where it starts along each axis, then where it ends"
    if array.ndim == 2 and array.shape[1] == 4 and edges != 4:
        way_out = "Take one image of a batch: images[0]." if len(shape) == 4 else "Add the axis that is missing."
        raise ValueError(f"`image` must have shape (h, w, c), got {shape}. {way_out}")
    if array.ndim != 2 or array.shape[1] != edges or not len(array):
        raise ValueError(f"`boxes` must have shape (b, {edges}), got {array.shape}. A box is {form}.")
    if not isinstance(array, np.ndarray):
        return array
    low, high = array[:, : len(lengths)], array[:, len(lengths) :]
    wrong = array[((low < 0) | (high > np.array(lengths)) | (low >= high)).any(1)]
    if len(wrong):
        raise ValueError(
            f"`boxes` must lie in the image of {by(lengths)} and not be empty, got {tuple(wrong[0].tolist())}. A box "
            f"is {form}, the ends not included."
        )
    return array

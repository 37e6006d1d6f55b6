"""A function of images where it is called with other ones than the caller gave: more at a time, or in another order.

A function may hold an array with a row for each image, a mask or a second input. With the images that it was given it
works, and with any others it fails somewhere inside, or broadcasts. Both are found while it is traced.
"""

from collections.abc import Callable
from typing import Any

import jax
from jaxtyping import Array, Float


def grown(f: Callable, num_images: int) -> Callable:
    """`f` on more or fewer images than the `num_images` that it was given, those of each image side by side.

    Raises:
        ValueError: when it is called with images that `f` cannot take, but could as many as it was given.
    """

    def call(images: Float[Array, "m h w c"]) -> Any:
        given = jax.ShapeDtypeStruct((num_images, *images.shape[1:]), images.dtype)
        try:
            outputs = f(images)
        except (TypeError, ValueError) as error:
            if images.shape[0] != num_images and _rows(f, given, num_images):
                raise _refusal(num_images, images.shape[0]) from error
            raise
        if not _has_rows(outputs, images.shape[0]) and _rows(f, given, num_images):
            raise _refusal(num_images, images.shape[0])
        return outputs

    return call


def mixed(f: Callable, num_images: int) -> Callable:
    """`f` on images in any order: as many as it was given would meet the rows of others without an error.

    Raises:
        ValueError: as for `grown`.
    """
    call = grown(f, num_images)

    def any_order(images: Float[Array, "m h w c"]) -> Any:
        if images.shape[0] == num_images:
            jax.eval_shape(call, jax.ShapeDtypeStruct((2 * num_images, *images.shape[1:]), images.dtype))
        return call(images)

    return any_order


def _rows(f: Callable, given: jax.ShapeDtypeStruct, num_images: int) -> bool:
    """Whether `f` has a row of outputs for each image that it was given."""
    try:
        return _has_rows(jax.eval_shape(f, given), num_images)
    except (TypeError, ValueError):
        return False


def _has_rows(outputs: Any, num_images: int) -> bool:
    return all(leaf.shape[:1] == (num_images,) for leaf in jax.tree.leaves(outputs) if hasattr(leaf, "shape"))


def _refusal(given: int, found: int) -> ValueError:
    return ValueError(
        f"`f` must take any number of images, got one that takes the {given} given but not {found}, as which they are "
        "computed. Where it holds an array with a row for each image, map over both: "
        "jax.vmap(lambda image, row: method(lambda x: f(x, row), image[None], ...)[0])(images, rows)."
    )

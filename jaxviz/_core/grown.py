"""A function of images where it is called with other ones than the caller gave: more at a time, or in another order.

A function may hold an array with a row for each image, a mask or a second input. With the images that it was given it
works, and with any others it fails somewhere inside, or broadcasts. Both are found while it is traced.
"""

from collections.abc import Callable
from typing import Any

import jax

from jaxviz._core.jaxpr.per_example import holds_examples, repeated


def grown(f: Callable, num_images: int, *, tiled: bool = False) -> Callable:
    """`f` on more or fewer images than the `num_images` that it was given, those of each image side by side.

    What `f` holds with a row for each image grows with them (`tiled`: all images, then all of them again).

    Raises:
        ValueError: when it is called with images that `f` cannot take, but could as many as it was given.
    """
    return _grown(f, num_images, tiled, "say so: jaxviz.bind(f, ..., jaxviz.per_example(rows)).")


def _grown(f: Callable, num_images: int, tiled: bool, way_out: str) -> Callable:
    def call(images: Any) -> Any:
        total = num_rows(images)
        try:
            outputs = repeated(f, total, tiled=tiled)(images)
        except (TypeError, ValueError) as error:
            if total != num_images and _rows(f, with_rows(images, num_images), num_images):
                raise _refusal(num_images, total, way_out) from error
            raise
        if not has_rows(outputs, total) and _rows(f, with_rows(images, num_images), num_images):
            raise _refusal(num_images, total, way_out)
        return outputs

    return call


def mixed(f: Callable, num_images: int) -> Callable:
    """`f` on images in any order: as many as it was given would meet the rows of others without an error.

    Raises:
        ValueError: as for `grown`, or `f` holds rows for each image.
    """
    check_no_rows(f)
    each = "jax.vmap(lambda image, row: method(lambda x: f(x, row), image[None], ...)[0])(images, rows)."
    call = _grown(f, num_images, False, f"map over both: {each}")

    def any_order(images: Any) -> Any:
        if num_rows(images) == num_images:
            jax.eval_shape(call, with_rows(images, 2 * num_images))
        return call(images)

    return any_order


def check_no_rows(f: Any) -> None:
    """Refuses what goes along with images of its own where a method takes others."""
    if holds_examples(f):
        raise ValueError(
            "`f` must hold no per_example arrays here, got some: this method reads other images, or these in "
            "another order. Map over both, an image at a time."
        )


def num_rows(images: Any) -> int:
    """How many examples an array or a tree of arrays holds."""
    return jax.tree.leaves(images)[0].shape[0]


def with_rows(images: Any, number: int) -> Any:
    """The shapes of as many."""
    return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct((number, *leaf.shape[1:]), leaf.dtype), images)


def _rows(f: Callable, given: Any, num_images: int) -> bool:
    """Whether `f` has a row of outputs for each image that it was given."""
    try:
        return has_rows(jax.eval_shape(f, given), num_images)
    except (TypeError, ValueError):
        return False


def has_rows(outputs: Any, num_images: int) -> bool:
    """Whether all outputs have a row for each image."""
    return all(leaf.shape[:1] == (num_images,) for leaf in jax.tree.leaves(outputs) if hasattr(leaf, "shape"))


def _refusal(given: int, found: int, way_out: str) -> ValueError:
    return ValueError(
        f"`f` must take any number of images, got one that takes the {given} given but not {found}, as which they are "
        f"computed. Where it holds an array with a row for each image, {way_out}"
    )

"""Boxes around the parts of objects, and boxes of the same size elsewhere."""

from collections.abc import Mapping, Sequence

import jax
import numpy as np
from jaxtyping import ArrayLike, Int, PRNGKeyArray

from jaxviz._core.check import check_count


def boxes_of(
    parts: Mapping[str, ArrayLike | Sequence], shape: tuple[int, int, int], size: int | tuple[int, int]
) -> Int[np.ndarray, "p n 4"]:
    """Top, left, bottom and right of each part in each of `n` images, `shape` being `(n, h, w)`.

    Raises:
        ValueError: no part, not one center per image, or a box that reaches beyond its image.
        TypeError: a size that is no integer.
    """
    extent = np.array([check_count(length, "size") for length in (size if isinstance(size, tuple) else (size, size))])
    if not parts:
        raise ValueError("`parts` must hold at least one, got none. Give the center of a part in each image.")
    for name, centers in parts.items():
        if np.shape(centers) != (shape[0], 2):
            raise ValueError(
                f"`parts` must hold (row, col) for each of {shape[0]} images, got shape {np.shape(centers)} for "
                f"{name!r}."
            )
    corners = np.stack(
        [np.rint(np.asarray(centers, np.float64)).astype(int) - extent // 2 for centers in parts.values()]
    )
    outside = (corners < 0) | (corners + extent > np.array(shape[1:]))
    if outside.any():
        part, image, _ = np.argwhere(outside)[0]
        raise ValueError(
            f"`parts` must have room for a box of {extent[0]}x{extent[1]} in images of {shape[1]}x{shape[2]}, got "
            f"{list(parts)[part]!r} of image {image} at {np.asarray(list(parts.values())[part])[image].tolist()}. "
            "Use a smaller `size`, or leave the image out."
        )
    return np.concatenate([corners, corners + extent], -1)


def random_boxes(
    key: PRNGKeyArray, boxes: Int[np.ndarray, "p n 4"], shape: tuple[int, int], num: int
) -> Int[np.ndarray, "num n 4"]:
    """For each image, `num` boxes of the same size inside of it that touch none of its boxes, each as likely.

    Raises:
        ValueError: an image without such a place.
    """
    extent = boxes[0, 0, 2:] - boxes[0, 0, :2]
    rows, cols = (np.arange(length - size + 1) for length, size in zip(shape, extent, strict=True))
    drawn = []
    for image, own in enumerate(boxes.swapaxes(0, 1)):
        free = np.ones((len(rows), len(cols)), bool)
        for top, left, _, _ in own:
            free &= (np.abs(rows - top) >= extent[0])[:, None] | (np.abs(cols - left) >= extent[1])
        places = np.argwhere(free)
        if not len(places):
            raise ValueError(
                f"`size` must leave a place beside the parts, got {extent[0]}x{extent[1]} and image {image} of "
                f"{shape[0]}x{shape[1]}, which has none. Use a smaller one."
            )
        chosen = jax.random.randint(jax.random.fold_in(key, image), (num,), 0, len(places))
        drawn.append(places[np.asarray(chosen)])
    corners = np.stack(drawn, 1)
    return np.concatenate([corners, corners + extent], -1)

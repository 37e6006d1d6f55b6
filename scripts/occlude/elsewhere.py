"""Boxes of the same sizes at random places of a photo: what covering an area does, whichever area it is."""

import jax
import numpy as np

import jaxviz as jv
from jaxviz import render
from scripts._harness.photo_study.study import Study

_AT_A_TIME = 16


def placed(
    boxes: list[render.Box], shape: tuple[int, int], rng: np.random.Generator, draws: int
) -> list[list[render.Box]]:
    """`draws` times boxes as large as these, which overlap neither these nor each other.

    Args:
        boxes: on a picture.
        shape: height and width of that picture.
        rng: draws each box among all places that are free, the largest box first.
        draws: how many times.

    Returns:
        The boxes of each draw, in the order of `boxes`; no draws where there is no room for them.
    """
    order = sorted(range(len(boxes)), key=lambda place: -_area(boxes[place]))
    found = []
    for _ in range(draws):
        taken, own = list(boxes), list(boxes)
        for place in order:
            height, width = boxes[place].bottom - boxes[place].top, boxes[place].right - boxes[place].left
            free = _corners(taken, shape, height, width)
            if not len(free):
                return []
            top, left = map(int, free[rng.integers(len(free))])
            own[place] = render.Box(top, left, top + height, left + width)
            taken.append(own[place])
        found.append(own)
    return found


def probabilities(study: Study, place: int, target: int, draws: list[list[render.Box]]) -> np.ndarray:
    """The class's probability in one photo with the boxes of each draw covered."""
    found = []
    for first in range(0, len(draws), _AT_A_TIME):
        # Filled up with the last one, so that one program does for all.
        some = [draws[min(number, len(draws) - 1)] for number in range(first, first + _AT_A_TIME)]
        images = np.repeat(study.images[place][None], _AT_A_TIME, 0)
        for image, boxes in zip(images, some, strict=True):
            for box in boxes:
                box(image)[...] = 0
        found.append(np.asarray(_probabilities(study.f, images))[:, target])
    return np.concatenate([*found, np.zeros(0, np.float32)])[: len(draws)]


def share(boxes: list[render.Box], shape: tuple[int, int]) -> float:
    """How much of a picture boxes cover, those places that several cover counted once."""
    covered = np.zeros(shape, bool)
    for box in boxes:
        box(covered)[...] = True
    return float(covered.mean())


def _area(box: render.Box) -> int:
    return (box.bottom - box.top) * (box.right - box.left)


def _corners(taken: list[render.Box], shape: tuple[int, int], height: int, width: int) -> np.ndarray:
    free = np.ones((shape[0] - height + 1, shape[1] - width + 1), bool)
    for box in taken:
        free[max(0, box.top - height + 1) : box.bottom, max(0, box.left - width + 1) : box.right] = False
    return np.argwhere(free)


@jax.jit
@jv.fast_on_cpu
def _probabilities(f: jax.tree_util.Partial, images: jax.Array) -> jax.Array:
    return jv.attribution.probabilities(f(images))

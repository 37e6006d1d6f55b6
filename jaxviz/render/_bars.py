"""The most probable classes as bars."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from jaxviz.render import plot
from jaxviz.render._drawing import Drawing
from jaxviz.render._words import percent


def top_classes(probabilities: Float[np.ndarray, " k"], num: int = 5) -> list[int]:
    """Indices of the most probable classes, the most probable first; ties in the order of the classes.

    Example:
        >>> top_classes(np.array([0.1, 0.7, 0.2]), 2)
        [1, 2]

    Args:
        probabilities: one per class, in [0, 1].
        num: how many.

    Returns:
        The indices.
    """
    return np.argsort(-np.asarray(probabilities), kind="stable")[:num].tolist()


def bars(
    probabilities: Float[np.ndarray, " k"], labels: Sequence[str], *, num: int = 5, title: str = ""
) -> UInt8[np.ndarray, "h w 3"]:
    """A picture of the most probable classes, on an axis that always goes from 0 to 1.

    Example:
        >>> bars(np.array([0.9, 0.1]), ["cat", "dog"]).shape
        (183, 750, 3)

    Args:
        probabilities: one per class, in [0, 1].
        labels: one per class.
        num: how many classes to show.
        title: a line above.

    Returns:
        The picture.

    Raises:
        ValueError: where there is not one label per class.
    """
    return draw_bars(probabilities, labels, num=num, title=title).pixels()


def draw_bars(
    probabilities: Float[np.ndarray, " k"], labels: Sequence[str], *, num: int = 5, title: str = ""
) -> Drawing:
    """What `bars` shows, to be written as SVG or PDF too.

    Example:
        >>> b"cat" in draw_bars(np.array([0.9, 0.1]), ["cat", "dog"]).encode("svg")
        True
    """
    if len(labels) != len(probabilities):
        raise ValueError(
            f"`labels` must hold one label per class, got {len(labels)} for {len(probabilities)} probabilities. "
            "Use the labels of the same network."
        )
    top = top_classes(probabilities, num)
    figure = plot.figure(5.0, 0.5 + 0.36 * len(top))
    axes = figure.add_subplot()
    values = [float(probabilities[k]) for k in top]
    axes.barh(range(len(top)), values, color=plot.BAR, height=0.62)
    for place, value in enumerate(values):
        inside = value > 0.8
        words: dict[str, Any] = {"ha": "right" if inside else "left", "color": plot.PAPER if inside else plot.INK}
        plot.note(axes, percent(value), (value + (-0.015 if inside else 0.015), place), va="center", **words)
    plot.style(axes, title)
    plot.ticks(axes.yaxis, [labels[k] for k in top], parse_math=False)
    axes.tick_params(axis="y", length=0)
    axes.set_xlim(0, 1)
    axes.set_xticks([])
    axes.invert_yaxis()
    axes.spines["bottom"].set_visible(False)
    return Drawing(figure)

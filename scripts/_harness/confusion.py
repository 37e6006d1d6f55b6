"""Confusion matrices: true classes down, predicted classes across, colors of the mistakes alone."""

from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle

from jaxviz.render import plot

# Up to two thirds of the colors, on which black can be read.
_COLORS = ListedColormap(matplotlib.colormaps["Oranges"](np.linspace(0, 0.7, 256)))
_MOST = 20
"""Classes for which numbers can be read."""


def matrix(counts: np.ndarray, labels: Sequence[str], title: str) -> np.ndarray:
    """One matrix with the share of each class that is right, and the color bar of the mistakes."""
    figure = plot.figure(7.8, 6.4)
    axes = figure.subplots()
    drawn = draw(axes, counts, labels, title)
    plot.color_bar(figure, drawn, [axes], label="images, of mistakes")
    return plot.pixels(figure)


def draw(
    axes: Axes,
    counts: np.ndarray,
    labels: Sequence[str],
    title: str,
    *,
    down: str = "true class, and the share of it that is right",
    across: str = "predicted class",
    limit: int | None = None,
) -> AxesImage:
    """One matrix in given axes.

    Args:
        axes: where.
        counts: images by true class (rows) and predicted class (columns).
        labels: of the classes.
        title: a line above.
        down: what the rows are.
        across: what the columns are.
        limit: how many images of a mistake get the last color; give matrices beside each other the same. By default as
            many as the most frequent mistake has.

    Returns:
        What the color bar is of.
    """
    wrong = mistakes(counts)
    limit = int(wrong.max()) if limit is None else limit
    if len(labels) > _MOST:
        kept = np.flatnonzero(counts.sum(1) + counts.sum(0))
        plot.style(axes, title, across, f"{down} ({len(kept)} of {len(labels)} classes)")
        plot.bare(axes)
        return axes.imshow(wrong[np.ix_(kept, kept)], cmap=_COLORS, vmin=0, vmax=max(limit, 1), interpolation="nearest")
    plot.style(axes, title, across, down)
    right = np.eye(len(counts), dtype=bool)
    said = [[str(count or "") for count in row] for row in counts.tolist()]
    drawn = plot.matrix(axes, wrong, said, colormap=_COLORS, limits=(0, max(limit, 1)), bold=right)
    axes.set_aspect("equal")
    for place in range(len(counts)):
        axes.add_patch(Rectangle((place - 0.5, place - 0.5), 1, 1, color="#e3eaf2"))
    shares = np.diag(counts) / np.maximum(counts.sum(1), 1)
    rows = [f"{label}  {share:.1%}" for label, share in zip(labels, shares, strict=True)]
    plot.ticks(axes.xaxis, labels, rotation=45 if max(map(len, labels)) > 2 else 0)
    plot.ticks(axes.yaxis, rows)
    return drawn


def mistakes(counts: np.ndarray) -> np.ndarray:
    """The matrix without its diagonal."""
    return counts - np.diag(np.diag(counts))

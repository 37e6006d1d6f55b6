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
    bar = figure.colorbar(drawn, ax=axes, fraction=0.04, pad=0.02)
    bar.set_label("images, of mistakes", fontsize=8)
    bar.ax.tick_params(labelsize=7)
    bar.outline.set_visible(False)  # pyright: ignore[reportCallIssue]
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
    axes.set_title(title, fontsize=10)
    axes.set_xlabel(across, fontsize=9)
    axes.set_ylabel(down, fontsize=9, labelpad=8)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    if len(labels) > _MOST:
        kept = np.flatnonzero(counts.sum(1) + counts.sum(0))
        axes.set_ylabel(f"{down} ({len(kept)} of {len(labels)} classes)", fontsize=9)
        axes.set_xticks([])
        axes.set_yticks([])
        return axes.imshow(wrong[np.ix_(kept, kept)], cmap=_COLORS, vmin=0, vmax=max(limit, 1), interpolation="nearest")
    drawn = axes.imshow(wrong, cmap=_COLORS, vmin=0, vmax=max(limit, 1))
    for row, col in np.ndindex(*counts.shape):
        if row == col:
            axes.add_patch(Rectangle((row - 0.5, row - 0.5), 1, 1, color="#e3eaf2"))
        if counts[row, col]:
            bold = "bold" if row == col else "normal"
            axes.text(col, row, str(counts[row, col]), ha="center", va="center", fontsize=8, fontweight=bold)
    shares = np.diag(counts) / np.maximum(counts.sum(1), 1)
    rows = [f"{label}  {share:.1%}" for label, share in zip(labels, shares, strict=True)]
    axes.set_xticks(range(len(labels)), labels, rotation=45 if max(map(len, labels)) > 2 else 0, fontsize=8)
    axes.set_yticks(range(len(labels)), rows, fontsize=8)
    return drawn


def mistakes(counts: np.ndarray) -> np.ndarray:
    """The matrix without its diagonal."""
    return counts - np.diag(np.diag(counts))

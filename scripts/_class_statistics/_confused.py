"""Which classes are taken for which, as pictures."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from jaxviz.render import _canvas
from scripts._run_folder import Step

_PAIRS = 8
_MOST = 20
"""Classes for which numbers can be read."""


def matrix(counts: np.ndarray, labels: Sequence[str], title: str) -> np.ndarray:
    """Counts by class and prediction, and the share of each class that is right."""
    figure = _canvas.figure(7.4, 6.4)
    draw(figure.subplots(), counts, labels, title)
    return _canvas.pixels(figure)


def draw(
    axes: Axes, counts: np.ndarray, labels: Sequence[str], title: str, *, across: str = "the network says"
) -> None:
    """One matrix; colors are of the mistakes alone."""
    axes.set_title(title, fontsize=10)
    axes.set_xlabel(across, fontsize=9)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    if len(labels) > _MOST:
        kept = np.flatnonzero(counts.sum(1) + counts.sum(0))
        axes.imshow(np.log1p(counts[np.ix_(kept, kept)]), cmap="Oranges", interpolation="nearest")
        axes.set_ylabel(f"it is one of {len(kept)} classes", fontsize=9)
        return
    wrong = counts - np.diag(np.diag(counts))
    axes.imshow(wrong, cmap="Oranges", vmin=0, vmax=max(1.4 * wrong.max(), 1))
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


def pairs(study: Any, step: Step) -> np.ndarray:
    """A row per pair of classes: the images of which the network was most certain that they are the other."""
    found = step.numbers["most_confused"][:_PAIRS]
    width = max(len(pair["images"]) for pair in found)
    figure = _canvas.figure(2.1 + 1.05 * width, 0.5 + 1.2 * len(found))
    table = figure.subplots(len(found), width, squeeze=False)
    for axes in table.flat:
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines[:].set_visible(False)
    for row, pair in zip(table, found, strict=True):
        words = f"{pair['is']}\ntaken for\n{pair['taken_for']}\n{pair['count']} times"
        row[0].set_ylabel(words, rotation=0, ha="right", va="center", fontsize=9, labelpad=8)
        for axes, index, certain in zip(row, pair["images"], pair["confidences"], strict=False):
            axes.imshow(study.data.picture(index), interpolation="nearest")
            axes.set_title(f"{certain:.0%}", fontsize=8, pad=2)
    title = f"{study.network.name}: most confused, and how certain it was of the wrong class"
    figure.suptitle(title, fontsize=10)
    return _canvas.pixels(figure)

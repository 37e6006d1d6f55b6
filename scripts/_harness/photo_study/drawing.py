"""Figures as PNG."""

import io

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from jaxviz import render

# Told apart by color-blind eyes too (Okabe and Ito).
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#F0E442")


def png(figure: Figure, dpi: int = 130) -> bytes:
    """The figure as a file."""
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=dpi)
    return file.getvalue()


def show(
    axes: Axes, picture: np.ndarray, title: str = "", boxes: tuple[render.Box, ...] = (), color: str = "w"
) -> None:
    """A picture without ticks, with outlines of boxes on it."""
    axes.imshow(picture, interpolation="nearest")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_title(title, fontsize=8, parse_math=False)
    for box in boxes:
        size = (box.right - box.left, box.bottom - box.top)
        outline = {"fill": False, "linewidth": 1.6, "edgecolor": color}
        axes.add_patch(Rectangle((box.left - 0.5, box.top - 0.5), *size, **outline))


def color_bar(figure: Figure, axes: Axes, scale: render.Scale, *, mark: float | None = None) -> None:
    """The color bar of a scale in axes of its own, so that pictures beside it keep their size; a line at `mark`."""
    mappable = ScalarMappable(Normalize(scale.low, scale.high), matplotlib.colormaps[scale.colormap])
    bar = figure.colorbar(mappable, cax=axes)
    bar.ax.tick_params(labelsize=7)
    bar.ax.locator_params(nbins=5)
    bar.formatter.set_powerlimits((-3, 4))  # pyright: ignore[reportAttributeAccessIssue]
    bar.ax.yaxis.get_offset_text().set_fontsize(7)
    if mark is not None:
        bar.ax.axhline(mark, color="k", linewidth=1.6)
    bar.outline.set_visible(False)  # pyright: ignore[reportCallIssue]


def table(rows: list[list[str]], head: list[str]) -> str:
    """Text in columns, the first to the left and the others to the right."""
    widths = [max(len(row[place]) for row in [head, *rows]) for place in range(len(head))]
    lines = [
        "  ".join(
            cell.ljust(width) if not place else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in [head, *rows]
    ]
    return "\n".join(line.rstrip() for line in lines)

"""The sweep on one page: its images above what was measured of them."""

from typing import Any

import numpy as np

from jaxviz.render import plot

_SECOND = "#c2571a"
_COLS = 4


def figure(
    pictures: list[np.ndarray], numbers: list[dict[str, Any]], best: int, certain: float, title: str
) -> np.ndarray:
    """The images with their weights, the picked one framed, and three curves over the weights."""
    cols = min(_COLS, len(pictures))
    rows = -(-len(pictures) // cols)
    page = plot.figure(10, 2.6 * rows + 3.2, dpi=120, title=title)
    halves = page.add_gridspec(2, 1, height_ratios=[2.6 * rows, 2.9])
    above, below = (page.add_subfigure(half) for half in (halves[0], halves[1]))
    cells = above.subplots(rows, cols, squeeze=False).ravel()
    for place, axes in enumerate(cells):
        plot.bare(axes)
        axes.spines[:].set_visible(place == best)
        axes.spines[:].set(color=_SECOND, linewidth=4)
        if place < len(pictures):
            axes.imshow(pictures[place], interpolation="nearest")
            words = f"weight {numbers[place]['weight']:g}" + (", picked" if place == best else "")
            plot.heading_of(axes, words, color=_SECOND if place == best else plot.INK)
    places = np.arange(len(numbers))
    curves = below.subplots(1, 3)
    names = ("logit", "total variation (gray levels)", "probability of the class")
    for axes, key in zip(curves[:2], ("logit", "total_variation"), strict=True):
        axes.plot(places, [found[key] for found in numbers], "o-", color=plot.BAR)
        axes.set_ylim(0, 1.08 * axes.dataLim.ymax if axes.dataLim.ymax > 0 else None)
    curves[2].plot(places, [found["probability"] for found in numbers], "o-", color=plot.BAR, label="image")
    seen = [found["held_out"] for found in numbers]
    curves[2].plot(places, [found["median"] for found in seen], "s--", color=_SECOND, label="unseen views, median")
    curves[2].axhline(certain, color=plot.INK, linewidth=0.8, linestyle=":")
    curves[2].set_ylim(-0.03, 1.03)
    plot.legend(curves[2], loc="lower left")
    for axes, name in zip(curves, names, strict=True):
        plot.style(axes, name, "weight of total variation")
        plot.ticks(axes.xaxis, [f"{found['weight']:g}" for found in numbers])
        axes.axvline(best, color=_SECOND, linewidth=6, alpha=0.15)
    return plot.pixels(page)

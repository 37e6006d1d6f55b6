"""The sweep on one page: its images above what was measured of them."""

from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

_INK, _FIRST, _SECOND = "#1d2330", "#3b6ea8", "#c2571a"
_COLS = 4


def figure(
    pictures: list[np.ndarray], numbers: list[dict[str, Any]], best: int, certain: float, title: str
) -> np.ndarray:
    """The images with their weights, the picked one framed, and three curves over the weights."""
    cols = min(_COLS, len(pictures))
    rows = -(-len(pictures) // cols)
    page = Figure(figsize=(10, 2.6 * rows + 3.2), dpi=120, facecolor="white", layout="constrained")
    halves = page.add_gridspec(2, 1, height_ratios=[2.6 * rows, 2.9])
    above, below = (page.add_subfigure(half) for half in (halves[0], halves[1]))
    cells = above.subplots(rows, cols, squeeze=False).ravel()
    for place, axes in enumerate(cells):
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines[:].set_visible(place == best)
        axes.spines[:].set(color=_SECOND, linewidth=4)
        if place < len(pictures):
            axes.imshow(pictures[place], interpolation="nearest")
            words = f"weight {numbers[place]['weight']:g}" + (", picked" if place == best else "")
            axes.set_title(words, fontsize=11, color=_SECOND if place == best else _INK)
    above.suptitle(title, fontsize=13, color=_INK, parse_math=False)
    places = np.arange(len(numbers))
    curves = below.subplots(1, 3)
    for axes, (key, name) in zip(
        curves, (("logit", "logit"), ("total_variation", "total variation (gray levels)")), strict=False
    ):
        axes.plot(places, [found[key] for found in numbers], "o-", color=_FIRST)
        axes.set_ylim(0, 1.08 * axes.dataLim.ymax if axes.dataLim.ymax > 0 else None)
        axes.set_title(name, fontsize=11, color=_INK)
    curves[2].plot(places, [found["probability"] for found in numbers], "o-", color=_FIRST, label="image")
    seen = [found["held_out"] for found in numbers]
    curves[2].plot(places, [found["median"] for found in seen], "s--", color=_SECOND, label="unseen views, median")
    curves[2].axhline(certain, color=_INK, linewidth=0.8, linestyle=":")
    curves[2].set_ylim(-0.03, 1.03)
    curves[2].legend(fontsize=9, frameon=False, loc="lower left")
    curves[2].set_title("probability of the class", fontsize=11, color=_INK)
    for axes in curves:
        axes.set_xticks(places, [f"{found['weight']:g}" for found in numbers], fontsize=8)
        axes.set_xlabel("weight of total variation", fontsize=9)
        axes.axvline(best, color=_SECOND, linewidth=6, alpha=0.15)
        axes.spines[["top", "right"]].set_visible(False)
    canvas = FigureCanvasAgg(page)
    canvas.draw()
    return np.array(canvas.buffer_rgba())[..., :3].copy()

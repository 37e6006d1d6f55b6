"""Plots drawn in memory: no pyplot, so no global state, no window, and any thread may draw."""

import numpy as np
from jaxtyping import UInt8
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

INK, PAPER, FAINT, BAR = "#1d2330", "#ffffff", "#6b7280", "#3b6ea8"


def figure(width: float, height: float, *, dpi: int = 150) -> Figure:
    """An empty figure, its size in inches."""
    return Figure(figsize=(width, height), dpi=dpi, facecolor=PAPER, layout="constrained")


def pixels(figure: Figure) -> UInt8[np.ndarray, "h w 3"]:
    """The figure as a picture."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.array(canvas.buffer_rgba())[..., :3].copy()

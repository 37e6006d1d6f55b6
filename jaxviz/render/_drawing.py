"""A figure with words in it, as pixels or as a drawing that stays sharp at any size."""

import io
from typing import Literal, get_args

import matplotlib
import numpy as np
from jaxtyping import UInt8
from matplotlib.figure import Figure

from jaxviz.render import plot

Kind = Literal["png", "svg", "pdf"]


class Drawing:
    """A figure to be encoded in several ways: `framed`, `grid` and `bars` are the pixels of one.

    Example:
        >>> from jaxviz import render
        >>> drawing = render.draw_bars(np.array([0.9, 0.1]), ["cat", "dog"])
        >>> b"cat" in drawing.encode("svg")
        True
    """

    def __init__(self, figure: Figure):
        self._figure = figure
        self._pixels: np.ndarray | None = None

    def pixels(self) -> UInt8[np.ndarray, "h w 3"]:
        """The figure as a picture, 150 dots to an inch."""
        if self._pixels is None:
            self._pixels = plot.pixels(self._figure)
            # What is where is settled, and takes most of the time.
            self._figure.set_layout_engine("none")
        return self._pixels

    def encode(self, kind: Kind) -> bytes:
        """The content of a file.

        Args:
            kind: `"png"`; or `"svg"` or `"pdf"`, where words and lines are drawn, pictures keep their pixels, and text
                can be searched.

        Raises:
            ValueError: another kind.
        """
        from jaxviz.render._encode import png

        if kind not in get_args(Kind):
            raise ValueError(f"`kind` must be one of {', '.join(get_args(Kind))}, got {kind!r}.")
        picture = self.pixels()
        if kind == "png":
            return png(picture)
        file = io.BytesIO()
        # No date and no random ids: the same figure is the same file.
        metadata = {"Date": None} if kind == "svg" else {"CreationDate": None}
        with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "jaxviz"}):
            self._figure.savefig(file, format=kind, metadata=metadata)
        return file.getvalue()

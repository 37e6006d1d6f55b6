"""Contact sheets: pictures in labeled rows and columns, with a color bar where colors are numbers."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import UInt8

from jaxviz.render import _check, plot
from jaxviz.render._drawing import Drawing
from jaxviz.render._scale import Scale


def framed(
    picture: UInt8[np.ndarray, "h w 3"], *, title: str = "", scale: Scale | None = None, width: float = 3.4
) -> UInt8[np.ndarray, "h1 w1 3"]:
    """One picture with its title and the color bar of its scale.

    Example:
        >>> framed(np.zeros((20, 20, 3), np.uint8), title="a title", width=2).shape
        (352, 315, 3)

    Args:
        picture: what `overlay` or a `Scale` made.
        title: a line above.
        scale: the scale that colored it; without one there is no color bar.
        width: of the picture, in inches at 150 dots.

    Returns:
        The larger picture.
    """
    return draw_framed(picture, title=title, scale=scale, width=width).pixels()


def draw_framed(
    picture: UInt8[np.ndarray, "h w 3"], *, title: str = "", scale: Scale | None = None, width: float = 3.4
) -> Drawing:
    """What `framed` shows, to be written as SVG or PDF too.

    Example:
        >>> b"a title" in draw_framed(np.zeros((20, 20, 3), np.uint8), title="a title").encode("svg")
        True
    """
    height, columns = _check.photo(picture, "picture").shape[:2]
    figure = plot.figure(width + (0.9 if scale else 0.1), width * height / columns + (0.35 if title else 0.1))
    axes = figure.add_subplot()
    plot.picture(axes, picture)
    plot.bare(axes)
    plot.heading_of(axes, title)
    if scale:
        plot.color_bar(figure, scale, [axes], label=scale.note)
    return Drawing(figure)


def grid(
    pictures: Sequence[Sequence[UInt8[np.ndarray, "_h _w 3"] | None]],
    *,
    rows: Sequence[str],
    cols: Sequence[str],
    title: str = "",
    cell: float = 1.3,
) -> UInt8[np.ndarray, "h w 3"]:
    """A contact sheet: every picture in the row and under the column that say what it is.

    Example:
        >>> picture = np.zeros((20, 20, 3), np.uint8)
        >>> grid([[picture, None], [picture, picture]], rows=["a", "b"], cols=["first", "second"], cell=1.0).shape
        (345, 435, 3)

    Args:
        pictures: rows of pictures of any sizes; `None` leaves a cell empty.
        rows: one label per row, in several lines where it is longer than the row is high.
        cols: one label per column.
        title: a line above.
        cell: width and height of a cell, in inches at 150 dots.

    Returns:
        The sheet.

    Raises:
        ValueError: where labels and pictures differ in number.
    """
    return draw_grid(pictures, rows=rows, cols=cols, title=title, cell=cell).pixels()


def draw_grid(
    pictures: Sequence[Sequence[UInt8[np.ndarray, "_h _w 3"] | None]],
    *,
    rows: Sequence[str],
    cols: Sequence[str],
    title: str = "",
    cell: float = 1.3,
) -> Drawing:
    """What `grid` shows, to be written as SVG or PDF too.

    Example:
        >>> picture = np.zeros((20, 20, 3), np.uint8)
        >>> b"second" in draw_grid([[picture, picture]], rows=["a"], cols=["first", "second"]).encode("svg")
        True
    """
    if len(pictures) != len(rows) or not rows:
        raise ValueError(
            f"`rows` must hold one label per row, got {len(rows)} for {len(pictures)} rows. Give an empty string."
        )
    for row, label in zip(pictures, rows, strict=True):
        if len(row) != len(cols) or not cols:
            raise ValueError(
                f"`cols` must hold one label per picture, got {len(cols)} for {len(row)} in the row {label!r}. "
                "Fill the row with `None`."
            )
    figure = plot.figure(len(cols) * cell + 0.9, len(rows) * cell + (0.6 if title else 0.3), title=title)
    table = figure.subplots(len(rows), len(cols), squeeze=False)
    for axes, picture in zip(table.flat, [picture for row in pictures for picture in row], strict=True):
        if picture is None:
            axes.set_axis_off()
        else:
            plot.picture(axes, _check.photo(picture, "pictures"))
    for axes, label in zip(table[:, 0], rows, strict=True):
        axes.set_axis_on()
        plot.row_name(axes, plot.folded(label, cell), upright=False)
    for axes, label in zip(table[0], cols, strict=True):
        plot.heading_of(axes, label, small=True)
    for axes in table.flat:
        plot.bare(axes)
    return Drawing(figure)

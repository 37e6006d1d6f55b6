"""Plots drawn in memory, all in one style: no pyplot, so no global state, no window, and any thread may draw.

Sizes of text are set here and nowhere else: a figure has a `title`, axes have a heading and labels (`style`), and
ticks, legends and notes are small.
"""

import io
import textwrap
from collections.abc import Iterable, Sequence
from typing import Any, Literal

import matplotlib
import numpy as np
from jaxtyping import Bool, Num, UInt8
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize, to_hex
from matplotlib.figure import Figure, SubFigure
from matplotlib.image import AxesImage
from matplotlib.legend import Legend
from matplotlib.patches import Rectangle

from jaxviz.render._crop import Box
from jaxviz.render._scale import Scale

INK, PAPER, FAINT, BAR = "#1d2330", "#ffffff", "#6b7280", "#3b6ea8"
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#F0E442")
"""Told apart by color-blind eyes too (Okabe and Ito 2008)."""

_TITLE, _HEADING, _LABEL, _SMALL, _TINY = 10.5, 9.5, 8.5, 7.5, 6.5
_LETTER = 0.6  # How wide one is, about, of its size.


def figure(width: float, height: float, *, dpi: int = 150, title: str = "") -> Figure:
    """An empty figure.

    Args:
        width: in inches.
        height: in inches.
        dpi: pixels an inch.
        title: above all.
    """
    made = Figure(figsize=(width, height), dpi=dpi, facecolor=PAPER, layout="constrained")
    if title:
        made.suptitle(title, fontsize=_TITLE, color=INK, parse_math=False)
    return made


def pixels(figure: Figure) -> UInt8[np.ndarray, "h w 3"]:
    """The figure as a picture."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.array(canvas.buffer_rgba())[..., :3].copy()


def png(figure: Figure) -> bytes:
    """The figure as a file."""
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=figure.dpi)
    return file.getvalue()


def style(axes: Axes, heading: str = "", x: str = "", y: str = "", *, grid: Literal["x", "y"] | None = None) -> None:
    """Axes of curves or bars: open above and on the right, with words in the sizes of all figures.

    Args:
        axes: that are drawn in.
        heading: above.
        x: what goes across, with its unit.
        y: what goes up, with its unit.
        grid: faint lines at the ticks of this axis.
    """
    heading_of(axes, heading)
    axes.set_xlabel(x, fontsize=_LABEL)
    axes.set_ylabel(y, fontsize=_LABEL)
    axes.tick_params(which="both", labelsize=_SMALL)
    axes.spines[["top", "right"]].set_visible(False)
    if grid:
        axes.grid(axis=grid, alpha=0.25)
        axes.set_axisbelow(True)


def heading_of(axes: Axes, text: str, *, color: str = INK, small: bool = False) -> None:
    """Words above axes, the smaller ones above a picture among many."""
    axes.set_title(text, fontsize=_SMALL if small else _HEADING, color=color, parse_math=False)


def ticks(axis: Any, labels: Iterable[object], places: Iterable[Any] | None = None, **text: Any) -> None:
    """Words at an axis, `axes.xaxis` or `axes.yaxis`, in turn or at `places`.

    Smaller where they are many, and turned where one would run into the next.
    """
    words, across = list(map(str, labels)), axis.axis_name == "x"
    size = _TINY if len(words) > 24 and across else _SMALL
    if across and "rotation" not in text:
        longest = max((len(line) for label in words for line in label.split("\n")), default=0)
        # In points, of which an inch has 72.
        if longest * len(words) * _LETTER * size > 72 * axis.axes.bbox.width / axis.axes.figure.dpi:
            text = {"rotation": 35, "ha": "right", "rotation_mode": "anchor", **text}
    axis.set_ticks(range(len(words)) if places is None else list(places), words, fontsize=size, **text)


def bare(axes: Axes) -> None:
    """No ticks, no frame."""
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)


def row_name(axes: Axes, text: str, *, upright: bool = True) -> None:
    """Words at the left of a row of axes, upright or along it."""
    turned: dict[str, Any] = {"rotation": 0, "ha": "right", "va": "center", "labelpad": 8} if upright else {}
    axes.set_ylabel(text, fontsize=_LABEL, parse_math=False, **turned)


def folded(text: str, inches: float) -> str:
    r"""The words of a row's name in lines that are no longer than the row is high; a word is never broken.

    Example:
        >>> folded("automobile 100%", 0.95).split("\n"), folded("cat 33%", 0.95)
        (['automobile', '100%'], 'cat 33%')
    """
    # A point is a 72nd of an inch.
    most = max(1, int(72 * inches / (_LETTER * _LABEL)))
    lines = [textwrap.wrap(line, most, break_long_words=False) or [""] for line in text.split("\n")]
    return "\n".join(part for parts in lines for part in parts)


def row_title(part: SubFigure, text: str) -> None:
    """Words at the left of a part of a figure, along it."""
    part.supylabel(text, fontsize=_LABEL)


def note(axes: Axes, text: str, place: tuple[float, float], **options: Any) -> None:
    """A few words at a place; `options` are those of `Axes.annotate`."""
    axes.annotate(text, place, **{"fontsize": _SMALL, "parse_math": False, **options})


def legend(owner: Axes | Figure | SubFigure, *entries: Any, **options: Any) -> Legend:
    """What the colors are: of axes, or of a figure below all; `options` are those of `legend`."""
    if not isinstance(owner, Axes):
        options = {"loc": "outside lower center", **options}
    return owner.legend(*entries, **{"fontsize": _SMALL, "frameon": False, **options})


def picture(axes: Axes, shown: np.ndarray, heading: str = "", boxes: Sequence[Box] = (), *, color: str = "w") -> None:
    """A picture without ticks, with outlines of boxes on it."""
    # Pixels stay squares: smoothing would invent structure in a projection of a few pixels.
    axes.imshow(shown, interpolation="nearest")
    axes.set_xticks([])
    axes.set_yticks([])
    heading_of(axes, heading, small=True)
    for box in boxes:
        size = (box.right - box.left, box.bottom - box.top)
        axes.add_patch(Rectangle((box.left - 0.5, box.top - 0.5), *size, fill=False, linewidth=1.6, edgecolor=color))


def color_bar(
    figure: Figure,
    drawn: ScalarMappable | Scale,
    axes: Sequence[Axes],
    *,
    label: str,
    pad: float = 0.02,
) -> None:
    """The color bar of what was drawn, with points at its ends where the scale was clipped.

    Args:
        figure: that has the axes.
        drawn: in colors; or the scale that colored it.
        axes: from which the bar takes room.
        label: what the colors are, with the unit.
        pad: the distance to `axes`, a share of their width.
    """
    extend = "both" if isinstance(drawn, Scale) and drawn.clipped else "neither"
    drawn = _mappable(drawn) if isinstance(drawn, Scale) else drawn
    bar = figure.colorbar(drawn, ax=axes, fraction=0.04, pad=pad, extend=extend)
    _bar(bar).set_label(label, fontsize=_LABEL)


def scale_bar(figure: Figure, scale: Scale, axes: Axes, *, mark: float | None = None) -> None:
    """The color bar of a scale in axes of its own, so that pictures beside it keep their size; a line at `mark`."""
    bar = _bar(figure.colorbar(_mappable(scale), cax=axes))
    bar.ax.locator_params(nbins=5)
    if mark is not None:
        bar.ax.axhline(mark, color="k", linewidth=1.6)


def _mappable(scale: Scale) -> ScalarMappable:
    return ScalarMappable(Normalize(scale.low, scale.high), matplotlib.colormaps[scale.colormap])


def _bar(bar: Any) -> Any:
    bar.ax.tick_params(labelsize=_SMALL)
    bar.formatter.set_powerlimits((-3, 4))
    bar.ax.yaxis.get_offset_text().set_fontsize(_SMALL)
    bar.outline.set_visible(False)
    return bar


def matrix(
    axes: Axes,
    values: Num[np.ndarray, "rows columns"],
    words: Sequence[Sequence[str]],
    *,
    colormap: Any = "cividis",
    limits: tuple[float, float] = (0.0, 1.0),
    bold: Bool[np.ndarray, "rows columns"] | None = None,
) -> AxesImage:
    """Values as colors, with words on them in black or white, whichever can be read.

    Args:
        axes: to draw in.
        values: NaN has no color.
        words: for each value.
        colormap: a name or a colormap.
        limits: the values of the first and the last color.
        bold: which words stand out.

    Returns:
        What a `color_bar` is of.
    """
    drawn = axes.imshow(values, vmin=limits[0], vmax=limits[1], cmap=colormap, aspect="auto")
    for place, value in np.ndenumerate(values):
        row, column = map(int, place)
        color = PAPER if np.isnan(value) else to_hex(tuple(drawn.cmap(drawn.norm(value))))
        options: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": _SMALL, "color": ink_on(color)}
        options["fontweight"] = "bold" if bold is not None and bold[row, column] else "normal"
        axes.text(column, row, words[row][column], **options)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return drawn


def ink_on(color: str) -> str:
    """Black or white, whichever has more contrast on a color (`#rrggbb`), by the definition of WCAG 2."""
    channels = [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    luminance = sum(weight * value for weight, value in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
    return "#000000" if (luminance + 0.05) / 0.05 > 1.05 / (luminance + 0.05) else "#ffffff"


def shades(num: int, colormap: str = "viridis") -> list[Any]:
    """Colors of things in an order, from the last to the first of a colormap without its lightest tenth."""
    return [matplotlib.colormaps[colormap](0.9 * (1 - place / max(num - 1, 1))) for place in range(num)]

"""Contact sheets of many small pictures, each with its words: exact pixels, in no time also for hundreds."""

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw

from jaxviz.render import _check, plot
from jaxviz.render._stamp import fitting, font

Picture = UInt8[np.ndarray, "_h _w 3"]

_GAP = 8
_LABEL, _TITLE = 12, 15


def contact_sheet(
    pictures: Sequence[Picture], labels: Sequence[str], *, title: str = "", cols: int | None = None, tile: int = 128
) -> UInt8[np.ndarray, "h w 3"]:
    """Pictures in reading order, each with a line below it.

    Example:
        >>> pictures = [np.full((16, 16, 3), shade, np.uint8) for shade in (0, 90, 180)]
        >>> contact_sheet(pictures, ["0", "1", "2"], cols=3, tile=32).shape
        (66, 128, 3)

    Args:
        pictures: of any sizes; each is made as large as fits into its tile.
        labels: one line per picture, of several lines where it holds line breaks; cut short where it does not fit.
        title: a line above.
        cols: how many pictures to a row; by default as many as make the sheet a little wider than high.
        tile: height and width of a tile, in pixels. Pictures of that size are kept pixel by pixel.

    Returns:
        The sheet.

    Raises:
        ValueError: where labels and pictures differ in number, or there are none.
    """
    _check_labels(pictures, labels, "pictures")
    return _lay_out([[fit(picture, tile)] for picture in pictures], labels, title, cols, tile)


def paired_sheet(
    pictures: Sequence[Picture],
    photos: Sequence[Sequence[Picture]],
    labels: Sequence[str],
    *,
    title: str = "",
    cols: int | None = None,
    tile: int = 128,
) -> UInt8[np.ndarray, "h w 3"]:
    """Each picture beside the photos that belong to it in a square: what a channel asks for, and what it got.

    Example:
        >>> picture = np.zeros((16, 16, 3), np.uint8)
        >>> paired_sheet([picture, picture], [[picture] * 4, [picture] * 9], ["3", "7"], cols=2, tile=32).shape[2]
        3

    Args:
        pictures: of any sizes, one per channel.
        photos: for each picture its photos or patches of them, the strongest first: up to 4 fill a square of 2 by 2, up
            to 9 one of 3 by 3.
        labels: as for `contact_sheet`.
        title: a line above.
        cols: how many pairs to a row; by default as many as make the sheet a little wider than high.
        tile: height and width of a picture, and of the square of its photos, in pixels.

    Returns:
        The sheet.

    Raises:
        ValueError: where labels, pictures and lists of photos differ in number, or there are none.
    """
    _check_labels(pictures, labels, "pictures")
    _check_labels(photos, labels, "photos")
    pairs = [[fit(picture, tile), mosaic(some, tile)] for picture, some in zip(pictures, photos, strict=True)]
    return _lay_out(pairs, labels, title, cols, tile)


def fit(picture: Picture, tile: int) -> UInt8[np.ndarray, "h w 3"]:
    """The picture as large as fits into a square of `tile` pixels.

    Pixels stay squares where it grows: smoothing would invent structure in a patch of a few pixels.

    Example:
        >>> fit(np.zeros((8, 4, 3), np.uint8), 32).shape
        (32, 16, 3)
    """
    height, width = _check.photo(picture, "pictures").shape[:2]
    ratio = tile / max(height, width)
    if ratio == 1:
        return np.asarray(picture)
    method = Image.Resampling.BOX if ratio > 1 else Image.Resampling.LANCZOS
    size = (max(1, round(width * ratio)), max(1, round(height * ratio)))
    return np.array(Image.fromarray(np.asarray(picture)).resize(size, method))


def mosaic(photos: Sequence[Picture], tile: int) -> UInt8[np.ndarray, "h w 3"]:
    """Pictures in a square, row by row: up to 4 of them 2 by 2, up to 9 of them 3 by 3.

    Example:
        >>> picture = np.zeros((8, 8, 3), np.uint8)
        >>> mosaic([picture] * 9, 96).shape, mosaic([picture] * 5, 96).shape
        ((96, 96, 3), (64, 96, 3))

    Args:
        photos: of any sizes; each is made as large as fits.
        tile: width of the square, in pixels.

    Returns:
        The square, without the rows that would be empty.
    """
    side = max(1, math.ceil(math.sqrt(len(photos))))
    rows = max(1, math.ceil(len(photos) / side))
    square = Image.new("RGB", (tile, round(tile * rows / side)), plot.PAPER)
    edges = np.rint(np.linspace(0, tile, side + 1)).astype(int)
    for number, photo in enumerate(photos):
        row, col = divmod(number, side)
        # A pixel of white between them.
        size = int(min(edges[row + 1] - edges[row], edges[col + 1] - edges[col])) - (side > 1)
        square.paste(Image.fromarray(fit(photo, size)), (int(edges[col]), int(edges[row])))
    return np.array(square)


def _lay_out(
    entries: Sequence[Sequence[np.ndarray]], labels: Sequence[str], title: str, cols: int | None, tile: int
) -> UInt8[np.ndarray, "h w 3"]:
    """Entries of some tiles each, side by side, in reading order."""
    small, large = font(_LABEL), font(_TITLE, bold=True)
    wide = max(map(len, entries)) * (tile + 2) - 2
    lines = [label.split("\n") for label in labels]
    line_height = sum(small.getmetrics()) + 1
    words = max(map(len, lines)) * line_height + 2
    if cols is None:
        cols = math.ceil(math.sqrt(1.2 * len(entries) * (tile + words + _GAP) / (wide + _GAP)))
    cols = min(cols, len(entries))
    # A row is as high as the highest picture in it, so that its words stand right below.
    heights = [
        max(picture.shape[0] for entry in entries[first : first + cols] for picture in entry)
        for first in range(0, len(entries), cols)
    ]
    tops = _GAP + (_TITLE + 10 if title else 0) + np.cumsum([0, *(own + words + _GAP for own in heights)])
    width, height = _GAP + cols * (wide + _GAP), int(tops[-1])
    sheet = Image.new("RGB", (width, height), plot.PAPER)
    drawing = ImageDraw.Draw(sheet)
    drawing.text((_GAP, _GAP), fitting(title, width - 2 * _GAP, large), font=large, fill=plot.INK)
    for number, (entry, text) in enumerate(zip(entries, lines, strict=True)):
        row, col = divmod(number, cols)
        left, upper = _GAP + col * (wide + _GAP), int(tops[row])
        for place, picture in enumerate(entry):
            free = tile - picture.shape[1], heights[row] - picture.shape[0]
            corner = left + place * (tile + 2) + free[0] // 2, upper + free[1] // 2
            sheet.paste(Image.fromarray(picture), corner)
        for place, line in enumerate(text):
            below = upper + heights[row] + 2 + place * line_height
            drawing.text((left, below), fitting(line, wide, small), font=small, fill=plot.INK)
    return np.array(sheet)


def _check_labels(pictures: Sequence, labels: Sequence[str], argument: str) -> None:
    if len(labels) != len(pictures) or not len(pictures):
        raise ValueError(
            f"`labels` must hold one line per picture, got {len(labels)} for {len(pictures)} `{argument}`. There must "
            "be one at least."
        )

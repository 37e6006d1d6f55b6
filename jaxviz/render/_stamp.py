"""Words drawn into a picture."""

import functools
from pathlib import Path

import matplotlib
import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw, ImageFont

from jaxviz.render import _check, plot


@functools.cache
def font(size: int, bold: bool = False) -> ImageFont.FreeTypeFont:
    """Of that many pixels, with the letters of most languages: it comes with matplotlib."""
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return ImageFont.truetype(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / name, size)


def fitting(text: str, width: int, face: ImageFont.FreeTypeFont) -> str:
    """The text, its end replaced by `…` where it is wider than that many pixels."""
    if face.getlength(text) <= width:
        return text
    while text and face.getlength(text + "…") > width:
        text = text[:-1]
    return text.rstrip() + "…"


def stamp(picture: UInt8[np.ndarray, "h w 3"], text: str) -> UInt8[np.ndarray, "h w 3"]:
    """The picture with a line in its lower left corner, white on black, so that it reads on any picture.

    Example:
        >>> picture = np.full((48, 96, 3), 128, np.uint8)
        >>> np.argwhere((stamp(picture, "step 50") != picture).any(-1)).min(0).tolist()[1]
        0

    Args:
        picture: any picture.
        text: one line, cut short where it does not fit; nothing is drawn where it is empty.

    Returns:
        A new picture of the same size.
    """
    image = Image.fromarray(_check.photo(picture, "picture"))
    if text:
        height, width = picture.shape[:2]
        # Large enough to read in a small frame, and not to hide a large one.
        face = font(int(np.clip(min(height, width) / 14, 10, 20)))
        margin = face.size // 3
        text = fitting(text, width - 2 * int(margin), face)
        left, bottom = int(margin), height - int(margin)
        drawing = ImageDraw.Draw(image)
        *_, right, _ = drawing.textbbox((left, bottom), text, font=face, anchor="ls")
        ascent, descent = face.getmetrics()
        drawing.rectangle((0, height - ascent - descent - margin, right + margin, height), fill=plot.INK)
        drawing.text((left, height - descent - margin // 2), text, font=face, anchor="ls", fill=plot.PAPER)
    return np.array(image)

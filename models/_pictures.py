"""A picture of a file, whatever the mode that it is stored in, as bytes."""

import numpy as np
from PIL import Image

# Files of these formats that Pillow opens as 32-bit integers hold 16-bit ones.
_SIXTEEN_BITS = ("PNG", "PPM")


def eight_bits(picture: Image.Image, stored_as: str | None) -> Image.Image:
    """The picture with 8 bits a channel and without transparency: gray (`L`) where it has 16 bits, else RGB.

    16 bits are scaled from 0..65535. What is transparent is shown on white, as a viewer would show it.

    Args:
        picture: of any mode.
        stored_as: the format of its file: a turned copy of a picture no longer knows it.

    Raises:
        ValueError: 32-bit integers or floats, of which the file does not say what is black and what is white.
    """
    mode = picture.mode
    if mode.startswith("I;16") or (mode == "I" and stored_as in _SIXTEEN_BITS):
        # Pillow's own conversion cuts off at 255.
        wide = np.asarray(picture).astype(np.int64)
        return Image.fromarray(((wide + 128) // 257).astype(np.uint8))
    if mode in ("I", "F"):
        kind = "32-bit integers" if mode == "I" else "floating-point numbers"
        raise ValueError(f"it holds {kind}, and does not say which of them is white. Scale it to 0..255 and save bytes")
    if picture.has_transparency_data:
        layer = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer)
    return picture.convert("RGB")

"""Photos in whatever form and mode they come, as bytes."""

import os
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

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


def read(path: str | os.PathLike[str], argument: str = "photo") -> np.ndarray:
    """The picture of a file, turned upright, uint8 `(h, w, 3)`.

    Args:
        path: of a file that Pillow reads.
        argument: what the caller calls it, for the error.

    Raises:
        ValueError: no such file, or no picture that can be read to its end.
    """
    try:
        with Image.open(Path(path)) as picture:
            return _rgb(picture)
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, SyntaxError, ValueError) as error:
        raise ValueError(
            f"`{argument}` must be a picture that can be read, got {str(path)!r}: {error}. Convert it to PNG or JPEG."
        ) from error


def arrays(photos: Any) -> list[np.ndarray]:
    """Each photo of what a caller has: one or a list of them, as arrays, Pillow's images or paths; or a batch.

    Raises:
        ValueError: none, or a picture that cannot be read.
    """
    if isinstance(photos, list | tuple):
        found = [_array(photo) for photo in photos]
    else:
        photo = _array(photos)
        found = list(photo) if photo.ndim == 4 else [photo]
    if not found:
        raise ValueError(f"`photo` must hold at least one photo, got {type(photos).__name__} of none. Give a photo.")
    return found


def _array(photo: Any) -> np.ndarray:
    if isinstance(photo, str | os.PathLike):
        return read(photo)
    if isinstance(photo, Image.Image):
        try:
            return _rgb(photo)
        except ValueError as error:
            raise ValueError(f"`photo` must be a picture that can be read, got {photo!r}: {error}.") from error
    return np.asarray(photo)


def _rgb(picture: Image.Image) -> np.ndarray:
    return np.asarray(eight_bits(ImageOps.exif_transpose(picture), picture.format).convert("RGB"))

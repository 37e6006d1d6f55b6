"""Pictures as bytes: files, and addresses that need no file."""

import base64
import collections
import hashlib
import io

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from jaxviz.render import _check

# A page that is written anew after each step of a long run has the same pictures; a large one takes half a second.
_MOST_KEPT = 256
_kept: collections.OrderedDict[bytes, str] = collections.OrderedDict()


def png(picture: UInt8[np.ndarray, "h w 3"]) -> bytes:
    """The picture as a PNG file, without loss.

    Example:
        >>> png(np.zeros((2, 2, 3), np.uint8))[1:4]
        b'PNG'

    Args:
        picture: any picture.

    Returns:
        What to write to the file.
    """
    return _encode(picture, format="PNG")


def still_webp(picture: UInt8[np.ndarray, "h w 3"], *, quality: int | None = None) -> bytes:
    """The picture as a WebP file.

    Example:
        >>> still_webp(np.zeros((2, 2, 3), np.uint8))[8:12]
        b'WEBP'

    Args:
        picture: any picture.
        quality: of the lossy form, 0 to 100: a tenth of the bytes of a photo, which halves the resolution of colors.
            Without loss by default.

    Returns:
        What to write to the file.
    """
    if quality is None:
        return _encode(picture, format="WEBP", lossless=True, quality=50, method=2)
    return _encode(picture, format="WEBP", quality=quality, method=4)


def data_uri(picture: UInt8[np.ndarray, "h w 3"]) -> str:
    """The picture as an address that holds all of it, for a page in one file.

    It is a lossless WebP, smaller than the PNG: lossy formats halve the resolution of colors, which turns the red and
    blue pixels of a gradient into dark spots.

    Example:
        >>> data_uri(np.zeros((2, 2, 3), np.uint8))[:23]
        'data:image/webp;base64,'
    """
    picture = _check.photo(picture, "picture")
    key = hashlib.sha256(str(picture.shape).encode() + picture.tobytes()).digest()
    address = _kept.pop(key, None) or f"data:image/webp;base64,{base64.b64encode(still_webp(picture)).decode()}"
    _kept[key] = address  # the last one that goes
    while len(_kept) > _MOST_KEPT:
        _kept.popitem(last=False)
    return address


def _encode(picture: np.ndarray, **options: object) -> bytes:
    file = io.BytesIO()
    Image.fromarray(_check.photo(picture, "picture")).save(file, **options)  # pyright: ignore[reportArgumentType]
    return file.getvalue()

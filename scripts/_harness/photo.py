"""A photo from a path, or one of the samples that come with scikit-image."""

import hashlib
from pathlib import Path
from typing import NamedTuple

import numpy as np

from models._pictures import read

# Those that lie in scikit-image's wheel: others would be downloaded.
SAMPLES = ("astronaut", "chelsea", "coffee", "rocket")


class Photo(NamedTuple):
    """A photo: a short name, its pixels (uint8, `(height, width, 3)`), and a hash that tells it from others."""

    name: str
    pixels: np.ndarray
    sha256: str


def load(photo: str) -> Photo:
    """The photo at a path, turned upright, in RGB; or a sample, where there is no such file.

    Raises:
        ValueError: where there is neither, or the file is no picture that can be read to its end.
    """
    path = Path(photo)
    if path.is_file():
        name, pixels = path.stem, read(path, "PHOTO")
    elif photo in SAMPLES:
        import skimage.data

        name, pixels = photo, np.asarray(getattr(skimage.data, photo)())
    else:
        what = "a folder" if path.is_dir() else "no such file"
        raise ValueError(
            f"`PHOTO` must be the path of a picture or one of {', '.join(SAMPLES)}, got {photo!r}: {what}."
        )
    return Photo(name, pixels, hashlib.sha256(str(pixels.shape).encode() + pixels.tobytes()).hexdigest())

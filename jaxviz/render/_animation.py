"""Frames one after another: GIF and WebP by Pillow, MP4 where ffmpeg is installed."""

import io
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from jaxviz.render import _check
from jaxviz.render._stamp import stamp

Frames = Sequence[UInt8[np.ndarray, "h w 3"]] | UInt8[np.ndarray, "n h w 3"]

# Of a video, in frames a second: every player takes it, and frames that repeat cost next to nothing.
_RATE = 30


def gif(frames: Frames, *, labels: Sequence[str] = (), seconds: float = 0.5, hold: float = 1.5) -> bytes:
    """The frames as an animated GIF that starts over at its end: shown everywhere, in 256 colors a frame.

    Each frame has its own 256 colors, with dithering between them. `webp` keeps all colors in a smaller file.

    Example:
        >>> frames = [np.full((32, 64, 3), value, np.uint8) for value in (0, 128, 255)]
        >>> gif(frames, labels=["step 0", "step 8", "step 16"])[:6]
        b'GIF89a'

    Args:
        frames: pictures of one size, such as the snapshots of an ascent.
        labels: one line per frame, drawn into it: `"step 50"`; none by default.
        seconds: how long a frame stands, in hundredths of a second.
        hold: how much longer the last one stands.

    Returns:
        What to write to the file.

    Raises:
        ValueError: no frames, frames of several sizes, not one label per frame, or a time that is not positive.
    """
    images = [Image.fromarray(frame) for frame in _labeled(frames, labels, seconds, hold)]
    palettes = [image.quantize(256, Image.Quantize.MEDIANCUT) for image in images]
    images = [
        image.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG)
        for image, palette in zip(images, palettes, strict=True)
    ]
    return _save(images, seconds, hold, format="GIF", disposal=1, optimize=False)


def webp(
    frames: Frames,
    *,
    labels: Sequence[str] = (),
    seconds: float = 0.5,
    hold: float = 1.5,
    quality: int | None = 90,
) -> bytes:
    """The frames as an animated WebP that starts over at its end: all colors, shown by every browser.

    Example:
        >>> frames = [np.full((32, 64, 3), value, np.uint8) for value in (0, 128, 255)]
        >>> webp(frames, labels=["step 0", "step 8", "step 16"])[8:12]
        b'WEBP'

    Args:
        frames: as for `gif`.
        labels: as for `gif`.
        seconds: how long a frame stands.
        hold: how much longer the last one stands.
        quality: 0 to 100; `None` loses nothing, in a file five to ten times as large.

    Returns:
        What to write to the file.

    Raises:
        ValueError: as for `gif`, or a quality out of range.
    """
    if quality is not None and not 0 <= quality <= 100:
        raise ValueError(f"`quality` must be in 0..100, or None to lose nothing, got {quality}.")
    images = [Image.fromarray(frame) for frame in _labeled(frames, labels, seconds, hold)]
    lossy = {"lossless": True} if quality is None else {"quality": quality}
    return _save(images, seconds, hold, format="WEBP", method=4, minimize_size=True, **lossy)


def mp4(frames: Frames, *, labels: Sequence[str] = (), seconds: float = 0.5, hold: float = 1.5) -> bytes:
    """The frames as an MP4 (H.264), for slides and for players; made by the program `ffmpeg`.

    Example:
        >>> frames = [np.full((32, 64, 3), value, np.uint8) for value in (0, 128, 255)]
        >>> mp4(frames)[4:8] if shutil.which("ffmpeg") else b"ftyp"
        b'ftyp'

    Args:
        frames: as for `gif`. An odd height or width grows by a copy of its last row or column: the format wants even
            ones.
        labels: as for `gif`.
        seconds: how long a frame stands, in thirtieths of a second.
        hold: how much longer the last one stands.

    Returns:
        What to write to the file.

    Raises:
        FileNotFoundError: there is no `ffmpeg` on the PATH.
        RuntimeError: `ffmpeg` failed; with its last words.
        ValueError: as for `gif`.
    """
    pictures = _labeled(frames, labels, seconds, hold)
    program = shutil.which("ffmpeg")
    if program is None:
        raise FileNotFoundError(
            "`ffmpeg` must be on the PATH to make an MP4, got none. Install it, or use `webp` or `gif`."
        )
    height, width = pictures[0].shape[:2]
    even = [np.pad(picture, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge") for picture in pictures]
    times = [max(1, round(time * _RATE)) for time in _times(len(even), seconds, hold)]
    raw = b"".join(picture.tobytes() * count for picture, count in zip(even, times, strict=True))
    with tempfile.TemporaryDirectory() as folder:
        # A file and no pipe: the table of contents goes to the front when all is written.
        path = Path(folder) / "video.mp4"
        size = f"{even[0].shape[1]}x{even[0].shape[0]}"
        source = ["-f", "rawvideo", "-pixel_format", "rgb24", "-video_size", size, "-framerate", str(_RATE), "-i", "-"]
        target = ["-c:v", "libx264", "-crf", "18", "-pix_fmt", "yuv420p", "-movflags", "+faststart", str(path)]
        command = [program, "-loglevel", "error", "-y", *source, *target]
        done = subprocess.run(command, input=raw, capture_output=True, check=False)
        if done.returncode or not path.is_file():
            said = done.stderr.decode(errors="replace").strip().splitlines()
            raise RuntimeError(
                f"`ffmpeg` must be able to write H.264, got exit code {done.returncode} from {program}: "
                f"{said[-1] if said else 'no message'}. Install one with libx264, or use `webp` or `gif`."
            )
        return path.read_bytes()


def _labeled(frames: Frames, labels: Sequence[str], seconds: float, hold: float) -> list[np.ndarray]:
    pictures = [_check.photo(frame, "frames") for frame in frames]
    sizes = sorted({picture.shape[:2] for picture in pictures})
    if len(sizes) != 1 or 0 in sizes[0]:
        raise ValueError(f"`frames` must be one or more pictures of one size, got sizes {sizes}.")
    if labels and len(labels) != len(pictures):
        raise ValueError(
            f"`labels` must hold one line per frame, got {len(labels)} for {len(pictures)} frames. "
            "Leave them out for none."
        )
    if not seconds > 0 or not hold >= 0:
        raise ValueError(f"`seconds` must be above 0 and `hold` at least 0, got {seconds} and {hold}.")
    if not labels:
        return pictures
    return [stamp(picture, label) for picture, label in zip(pictures, labels, strict=True)]


def _times(count: int, seconds: float, hold: float) -> list[float]:
    return [seconds] * (count - 1) + [seconds + hold]


def _save(images: list[Image.Image], seconds: float, hold: float, **options: object) -> bytes:
    file = io.BytesIO()
    durations = [max(10, round(1000 * time)) for time in _times(len(images), seconds, hold)]
    images[0].save(file, save_all=True, append_images=images[1:], duration=durations, loop=0, **options)  # pyright: ignore[reportArgumentType]
    return file.getvalue()

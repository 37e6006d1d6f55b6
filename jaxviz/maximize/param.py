"""What is varied: numbers that become a picture.

A `Param` is a pair of pure functions, from a key to numbers (`init`) and from numbers to pixels in [0, 1] (`pixels`),
with the way back (`invert`). The same picture can be reached by each; what gradient ascent reaches in a few hundred
steps differs a lot: pixels give noise, a spectrum scaled like that of photos gives shapes.
"""

import dataclasses
import math
from collections.abc import Iterable
from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from jaxviz.maximize._color import COLORS as COLORS
from jaxviz.maximize._color import from_pixels, to_pixels

Shape = tuple[int, int, int]
_MARGIN = 1e-6


@runtime_checkable
class Param(Protocol):
    """A picture as a function of numbers: hashable, so that equal ones share a compiled program."""

    @property
    def shape(self) -> Shape:
        """Height, width and channels."""
        ...

    def init(self, key: PRNGKeyArray) -> Any:
        """Numbers to start from."""
        ...

    def pixels(self, numbers: Any) -> Float[Array, "h w c"]:
        """The picture that they stand for."""
        ...

    def invert(self, pixels: Float[Array, "h w c"]) -> Any:
        """The numbers that stand for a picture."""
        ...


def pixels(shape: Shape, sd: float = 0.01, decorrelated: bool = True) -> Param:
    """One number per channel and pixel, a sigmoid over it.

    Args:
        shape: height, width and channels.
        sd: standard deviation of the start, before the sigmoid.
        decorrelated: whether three channels vary along the axes along which the colors of photos vary. Other numbers of
            channels have no colors.
    """
    return _Pixels(_checked(shape), sd, decorrelated)


def fourier(shape: Shape, decay: float = 1.0, sd: float = 0.01, decorrelated: bool = True) -> Param:
    """The real Fourier spectrum of each channel, scaled by a power of the frequency as that of photos is.

    A step along the gradient changes low frequencies more than high ones, where pixels would do the opposite.

    Args:
        shape: height, width and channels.
        decay: amplitudes fall as `frequency ** -decay`; 0 for white noise, larger for smoother pictures.
        sd: standard deviation of the start, before scaling.
        decorrelated: as for `pixels`.

    References:
        Olah et al., [Feature Visualization](https://distill.pub/2017/feature-visualization/), 2017, section
        "Preconditioning and Parameterization".
    """
    return _Fourier(_checked(shape), decay, sd, decorrelated)


def pyramid(shape: Shape, levels: int = 5, decay: float = 1.0, sd: float = 0.01, decorrelated: bool = True) -> Param:
    """A sum of pictures of falling resolution, each half as fine as the one before, stretched to one size.

    Args:
        shape: height, width and channels.
        levels: how many pictures; the last has `2 ** (levels - 1)` pixels to one.
        decay: a level counts `2 ** (decay * level)` relative to the finest: coarse ones move more.
        sd: standard deviation of the start of each.
        decorrelated: as for `pixels`.
    """
    shape = _checked(shape)
    if not 1 <= levels <= int(math.log2(min(shape[:2]))) + 1:
        raise ValueError(
            f"`levels` must be in 1..{int(math.log2(min(shape[:2]))) + 1} for {shape[0]}x{shape[1]}, got {levels}."
        )
    return _Pyramid(shape, levels, decay, sd, decorrelated)


def natural_spectrum(pictures: Iterable[np.ndarray], shape: Shape) -> Float[np.ndarray, "_c _h2 _w2"]:
    """The mean magnitude of each frequency over pictures, along the axes of color of `pixels`: what `maco` holds fixed.

    Of the user's own data in one pass, where others download that of ImageNet.

    Args:
        pictures: pixels in [0, 1] of any sizes at least as large as a pixel; each is cut square and brought to the
            shape.
        shape: height, width and channels of the picture to be made.

    Returns:
        Magnitudes of `numpy.fft.rfft2` of the values before the sigmoid, by channel; the mean color is left out.

    Raises:
        ValueError: no pictures, or of other channels.
    """
    height, width, channels = _checked(shape)
    total, count = np.zeros((channels, height, width // 2 + 1)), 0
    for picture in pictures:
        picture = np.asarray(picture, np.float32)
        if picture.ndim != 3 or picture.shape[2] != channels:
            raise ValueError(f"`pictures` must have {channels} channels as `shape`, got {picture.shape}.")
        side = min(picture.shape[:2])
        top, left = (picture.shape[0] - side) // 2, (picture.shape[1] - side) // 2
        square = jax.image.resize(picture[top : top + side, left : left + side], shape, "linear")
        values = np.asarray(from_pixels(square, channels == 3))
        total += np.abs(np.fft.rfft2(np.moveaxis(values, -1, 0)))
        count += 1
    if not count:
        raise ValueError("`pictures` must hold at least one picture, got none.")
    found = (total / count).astype(np.float32)
    found[:, 0, 0] = 0
    return found


def maco(shape: Shape, spectrum: Float[np.ndarray, "_c _h2 _w2"] | None = None, contrast: float = 1.0) -> Param:
    """The phase of each frequency alone: how much there is of each stays as in photos.

    What varies is where things are, not how strong their colors and contrasts are, so that none is overdriven.

    Args:
        shape: height, width and channels.
        spectrum: the magnitude of each frequency, from `natural_spectrum`; by default one that falls with the
            frequency, alike in all channels.
        contrast: the standard deviation of the values before the sigmoid.

    Raises:
        ValueError: a spectrum of another shape, or that is nothing.

    References:
        Fel et al., [Unlocking Feature Visualization for Deeper Networks with MAgnitude Constrained
        Optimization](https://arxiv.org/abs/2306.06805), 2023, section 3. Differs from it in: the spectrum is that of
        the user's data, the phases are not scaled to unit variance, the values are, for all channels together.
    """
    height, width, channels = _checked(shape)
    if spectrum is None:
        frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None])
        falling = 1 / np.maximum(frequency, 1 / max(height, width))
        falling[0, 0] = 0
        spectrum = np.broadcast_to(falling, (channels, height, width // 2 + 1))
    array = np.array(spectrum, np.float32)
    wanted = channels, height, width // 2 + 1
    if array.shape != wanted or not np.isfinite(array).all() or not array.any():
        raise ValueError(f"`spectrum` must be finite magnitudes {wanted}, not all zero, got {array.shape}.")
    return _Maco((height, width, channels), _Magnitudes(array.tobytes(), array.shape), float(contrast))


def unbounded(shape: Shape, levels: float = 255.0) -> Param:
    """The pixels themselves, in units of `1 / levels`, with nothing that keeps them in [0, 1]; starts uniform there.

    Args:
        shape: height, width and channels.
        levels: what stands for a pixel of 1: the scale on which the optimizer's learning rate counts.
    """
    return _Unbounded(_checked(shape), levels)


@dataclasses.dataclass(frozen=True)
class _Pixels:
    shape: Shape
    sd: float
    decorrelated: bool

    def init(self, key: PRNGKeyArray) -> Array:
        return self.sd * _noise(key, self.shape)

    def pixels(self, numbers: Array) -> Float[Array, "h w c"]:
        return to_pixels(numbers, self.decorrelated)

    def invert(self, pixels: Float[Array, "h w c"]) -> Array:
        return from_pixels(pixels, self.decorrelated)


@dataclasses.dataclass(frozen=True)
class _Fourier:
    shape: Shape
    decay: float
    sd: float
    decorrelated: bool

    def size(self) -> tuple[int, int]:
        """Height and width of what is transformed, of which the picture is a part."""
        return _fast(self.shape[0]), _fast(self.shape[1])

    def scale(self) -> np.ndarray:
        """What each entry of the spectrum is multiplied by: a quarter, for colors that are not saturated at once."""
        height, width = self.size()
        frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None])
        lowest = 1 / max(height, width)
        return (np.sqrt(height * width) / np.maximum(frequency, lowest) ** self.decay / 4).astype(np.float32)

    def init(self, key: PRNGKeyArray) -> Array:
        (height, width), channels = self.size(), self.shape[2]
        return self.sd * _noise(key, (2, channels, height, width // 2 + 1))

    def pixels(self, numbers: Array) -> Float[Array, "h w c"]:
        spectrum = jax.lax.complex(numbers[0], numbers[1]) * self.scale()
        values = jnp.fft.irfft2(spectrum, s=self.size())[:, : self.shape[0], : self.shape[1]]
        return to_pixels(jnp.moveaxis(values, 0, -1), self.decorrelated)

    def invert(self, pixels: Float[Array, "h w c"]) -> Array:
        margins = [(0, whole - part) for whole, part in zip(self.size(), self.shape[:2], strict=True)]
        values = jnp.moveaxis(from_pixels(pixels, self.decorrelated), -1, 0)
        values = jnp.pad(values, [(0, 0), *margins], mode="edge")
        spectrum = jnp.fft.rfft2(values) / self.scale()
        return jnp.stack([spectrum.real, spectrum.imag])


class _Magnitudes(NamedTuple):
    """An array that can be hashed."""

    content: bytes
    shape: tuple[int, ...]

    def array(self) -> np.ndarray:
        return np.frombuffer(self.content, np.float32).reshape(self.shape)


@dataclasses.dataclass(frozen=True)
class _Maco:
    shape: Shape
    spectrum: _Magnitudes
    contrast: float

    def init(self, key: PRNGKeyArray) -> Array:
        return math.pi * _noise(key, self.spectrum.shape)

    def pixels(self, numbers: Array) -> Float[Array, "h w c"]:
        spectrum = jax.lax.complex(jnp.cos(numbers), jnp.sin(numbers)) * self.spectrum.array()
        values = jnp.fft.irfft2(spectrum, s=self.shape[:2])
        values = self.contrast * values / (values.std() + _MARGIN)
        return to_pixels(jnp.moveaxis(values, 0, -1), self.shape[2] == 3)

    def invert(self, pixels: Float[Array, "h w c"]) -> Array:
        values = jnp.moveaxis(from_pixels(pixels, self.shape[2] == 3), -1, 0)
        return jnp.angle(jnp.fft.rfft2(values))


@dataclasses.dataclass(frozen=True)
class _Pyramid:
    shape: Shape
    levels: int
    decay: float
    sd: float
    decorrelated: bool

    def sizes(self) -> list[Shape]:
        height, width, channels = self.shape
        return [(math.ceil(height / 2**level), math.ceil(width / 2**level), channels) for level in range(self.levels)]

    def init(self, key: PRNGKeyArray) -> list[Array]:
        keys = jax.random.split(key, self.levels)
        return [self.sd * _noise(key, size) for key, size in zip(keys, self.sizes(), strict=True)]

    def pixels(self, numbers: list[Array]) -> Float[Array, "h w c"]:
        values = sum(
            (
                2 ** (self.decay * level) * jax.image.resize(picture, self.shape, "linear")
                for level, picture in enumerate(numbers)
            ),
            start=jnp.zeros(self.shape, jnp.float32),
        )
        return to_pixels(values, self.decorrelated)

    def invert(self, pixels: Float[Array, "h w c"]) -> list[Array]:
        # The finest level can hold any picture.
        return [from_pixels(pixels, self.decorrelated), *(jnp.zeros(size, jnp.float32) for size in self.sizes()[1:])]


@dataclasses.dataclass(frozen=True)
class _Unbounded:
    shape: Shape
    levels: float

    def init(self, key: PRNGKeyArray) -> Array:
        return jax.random.uniform(key, self.shape, jnp.float32, maxval=self.levels)

    def pixels(self, numbers: Array) -> Float[Array, "h w c"]:
        return numbers / self.levels

    def invert(self, pixels: Float[Array, "h w c"]) -> Array:
        return pixels * self.levels


def _noise(key: PRNGKeyArray, shape: tuple[int, ...]) -> Array:
    # Drawn flat: XLA takes up to 20 s to compile the same numbers drawn in an odd shape (jax 0.10.2, CPU).
    return jax.random.normal(key, (math.prod(shape),), jnp.float32).reshape(shape)


def _fast(size: int) -> int:
    """The next size of small prime factors: a transform of 240 takes less than half of the time of one of 227."""
    rest = size
    for factor in (2, 3, 5, 7):
        while rest % factor == 0:
            rest //= factor
    return size if rest == 1 else _fast(size + 1)


def _checked(shape: Shape) -> Shape:
    if len(shape) != 3 or min(shape) < 1:
        raise ValueError(f"`shape` must be height, width and channels, each at least 1, got {tuple(shape)}.")
    return (int(shape[0]), int(shape[1]), int(shape[2]))

"""What is varied: numbers that become a picture.

A `Param` is a pair of pure functions, from a key to numbers (`init`) and from numbers to pixels in [0, 1] (`pixels`),
with the way back (`invert`). The same picture can be reached by each; what gradient ascent reaches in a few hundred
steps differs a lot: pixels give noise, a spectrum scaled like that of photos gives shapes.
"""

import dataclasses
import math
from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from jaxviz.maximize._color import COLORS as COLORS
from jaxviz.maximize._color import from_pixels, to_pixels

Shape = tuple[int, int, int]


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

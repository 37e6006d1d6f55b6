"""What the picture has to survive: small random shifts, turns and zooms, drawn anew in each step.

An augmentation is a function `(key, images) -> images` of pixels in [0, 1], part of the differentiated program. Each
draws once for all images of a call. They may change the size; what is larger than the picture in the end is cut out
about its center, so that a `pad` in front gives the others something to shift and turn into the picture.
"""

import dataclasses
import math
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from jaxviz._core.warp import reach_of, warp

Augment = Callable[[PRNGKeyArray, Float[Array, "n h w c"]], Float[Array, "n h2 w2 c"]]


def pad(width: int, value: float = 0.5) -> Augment:
    """A margin of one color around the images: gray, the middle of [0, 1].

    Args:
        width: of the margin, in pixels.
        value: of its pixels.
    """
    return _Pad(_whole(width, "width"), float(value))


def jitter(distance: int) -> Augment:
    """A shift by cutting out: the images get smaller by `distance` pixels in height and width.

    Args:
        distance: the shift lies in 0..distance, in whole pixels, in both directions.
    """
    return _Jitter(_whole(distance, "distance"))


def roll(distance: int) -> Augment:
    """A shift around the edges: what leaves on one side comes back on the other. The size stays.

    Args:
        distance: the shift lies in -distance..distance-1, in whole pixels, in both directions.
    """
    return _Roll(_whole(distance, "distance"))


def scale(factors: Sequence[float], fill: float = 0.5) -> Augment:
    """A zoom about the center, bilinear. The size stays.

    Args:
        factors: one of them is drawn, each as likely; above 1 enlarges.
        fill: what is seen beyond the edges.
    """
    factors = tuple(map(float, factors))
    if not factors or min(factors) <= 0:
        raise ValueError(f"`factors` must be one or more numbers above 0, got {factors}.")
    return _Affine(factors, (0.0,), float(fill))


def rotate(degrees: Sequence[float], fill: float = 0.5) -> Augment:
    """A turn about the center, bilinear. The size stays.

    Args:
        degrees: one of them is drawn, each as likely; positive turns counterclockwise.
        fill: what is seen beyond the edges.
    """
    degrees = tuple(map(float, degrees))
    if not degrees:
        raise ValueError("`degrees` must be one or more numbers, got none.")
    return _Affine((1.0,), degrees, float(fill))


def crop(shares: tuple[float, float] = (0.4, 1.0), spread: float = 0.15) -> Augment:
    """A square part at some place, brought to the size of the whole with antialiasing: the picture at mixed scales.

    Args:
        shares: the least and the most of the side that is seen, each between as likely.
        spread: standard deviation of the place of its middle about that of the picture, as a share of the side.
    """
    least, most = map(float, shares)
    if not 0 < least <= most <= 1:
        raise ValueError(f"`shares` must be two rising numbers in (0, 1], got {shares}.")
    return _Crop(least, most, float(spread))


def compose(*augments: Augment) -> Augment:
    """One augmentation after another. A `scale` and a `rotate` next to each other are one warp: half the cost and blur.

    Args:
        augments: in the order in which they act; none leaves the images as they are.
    """
    merged: list[Augment] = []
    for augment in augments:
        for part in augment.augments if isinstance(augment, _Compose) else (augment,):
            last = merged[-1] if merged else None
            if isinstance(part, _Affine) and isinstance(last, _Affine) and (both := last.then(part)):
                merged[-1] = both
            else:
                merged.append(part)
    return _Compose(tuple(merged))


def standard(size: int) -> Augment:
    """Shifts by up to a fourteenth of the image to each side, zooms by up to a tenth, turns by up to ten degrees.

    Without it an ascent finds pictures that please the network in one exact place. What `render` does by default.

    Args:
        size: of the image, its smaller side, in pixels.
    """
    shift = max(1, size // 14)
    return compose(pad(shift), jitter(shift), scale([0.9, 0.95, 1.0, 1.05, 1.1]), rotate(range(-10, 11)), jitter(shift))


def view(augment: Augment, key: PRNGKeyArray, images: Float[Array, "n h w c"]) -> Float[Array, "n h w c"]:
    """Images as the network sees them in one step: augmented, and cut to their old size about the center.

    With a key that the ascent has not used, it says what the picture is worth to the network in a view not seen before.

    Args:
        augment: one augmentation; `compose` makes one of several.
        key: of the view, the same for all images.
        images: pixels in [0, 1].

    Raises:
        ValueError: the augmentation makes them smaller.
    """
    height, width = images.shape[1:3]
    found = augment(key, images)
    top, left = (found.shape[1] - height) // 2, (found.shape[2] - width) // 2
    if top < 0 or left < 0:
        raise ValueError(
            f"`augment` must not make images smaller, got {found.shape[1]}x{found.shape[2]} from {height}x{width}. "
            "Put a pad in front that is as wide as half of what the jitters take."
        )
    return found[:, top : top + height, left : left + width]


@dataclasses.dataclass(frozen=True)
class _Pad:
    width: int
    value: float

    def __call__(self, key: PRNGKeyArray, images: Float[Array, "n h w c"]) -> Float[Array, "n h2 w2 c"]:
        del key
        margin = (self.width, self.width)
        return jnp.pad(images, ((0, 0), margin, margin, (0, 0)), constant_values=self.value)


@dataclasses.dataclass(frozen=True)
class _Jitter:
    distance: int

    def __call__(self, key: PRNGKeyArray, images: Float[Array, "n h w c"]) -> Float[Array, "n h2 w2 c"]:
        count, height, width, channels = images.shape
        if min(height, width) <= self.distance:
            raise ValueError(
                f"`distance` must be less than height and width, got {self.distance} for images of {height}x{width}."
            )
        corner = jax.random.randint(key, (2,), 0, self.distance + 1)
        size = (count, height - self.distance, width - self.distance, channels)
        return jax.lax.dynamic_slice(images, (0, corner[0], corner[1], 0), size)


@dataclasses.dataclass(frozen=True)
class _Roll:
    distance: int

    def __call__(self, key: PRNGKeyArray, images: Float[Array, "n h w c"]) -> Float[Array, "n h w c"]:
        if self.distance == 0:
            return images
        return jnp.roll(images, jax.random.randint(key, (2,), -self.distance, self.distance), (1, 2))


@dataclasses.dataclass(frozen=True)
class _Affine:
    factors: tuple[float, ...]
    degrees: tuple[float, ...]
    fill: float

    def then(self, other: "_Affine") -> "_Affine | None":
        """Both as one warp, where one of them zooms and the other turns."""
        if self.fill != other.fill:
            return None
        if self.factors == (1.0,) and other.degrees == (0.0,):
            return _Affine(other.factors, self.degrees, self.fill)
        if self.degrees == (0.0,) and other.factors == (1.0,):
            return _Affine(self.factors, other.degrees, self.fill)
        return None

    def __call__(self, key: PRNGKeyArray, images: Float[Array, "n h w c"]) -> Float[Array, "n h w c"]:
        first, second = jax.random.split(key)
        factor = jax.random.choice(first, jnp.array(self.factors, jnp.float32))
        angle = jnp.deg2rad(jax.random.choice(second, jnp.array(self.degrees, jnp.float32)))
        reach = max(reach_of(factor, math.radians(turn)) for factor in self.factors for turn in self.degrees)
        return warp(images, factor, angle, reach=reach, fill=self.fill)


@dataclasses.dataclass(frozen=True)
class _Crop:
    least: float
    most: float
    spread: float

    def __call__(self, key: PRNGKeyArray, images: Float[Array, "n h w c"]) -> Float[Array, "n h2 w2 c"]:
        first, second = jax.random.split(key)
        share = jax.random.uniform(first, (), minval=self.least, maxval=self.most)
        middle = 0.5 + self.spread * jax.random.normal(second, (2,))
        start = jnp.clip(middle - share / 2, 0, 1 - share) * np.array(images.shape[1:3], np.float32)
        shape = (len(images), *images.shape[1:3], images.shape[3])
        scale = jnp.broadcast_to(1 / share, (2,))
        return jax.image.scale_and_translate(images, shape, (1, 2), scale, -start / share, "linear", antialias=True)


@dataclasses.dataclass(frozen=True)
class _Compose:
    augments: tuple[Augment, ...]

    def __call__(self, key: PRNGKeyArray, images: Float[Array, "n h w c"]) -> Float[Array, "n h2 w2 c"]:
        for number, augment in enumerate(self.augments):
            images = augment(jax.random.fold_in(key, number), images)
        return images


def _whole(number: int, name: str) -> int:
    if isinstance(number, bool) or not isinstance(number, int | np.integer):
        raise TypeError(f"`{name}` must be an int, got {type(number).__name__}. It counts pixels.")
    if number < 0:
        raise ValueError(f"`{name}` must be at least 0, got {number}.")
    return int(number)

"""What the picture has to survive: small random shifts, turns and zooms, drawn anew in each step.

An augmentation is a function `(key, images) -> images` of pixels in [0, 1], part of the differentiated program. Each
draws once for all images of a call. They may change the size; what is larger than the picture in the end is cut out
about its centre, so that a `pad` in front gives the others something to shift and turn into the picture.
"""

import dataclasses
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from jaxviz.maximize._warp import warp

Augment = Callable[[PRNGKeyArray, Float[Array, "n h w c"]], Float[Array, "n h2 w2 c"]]


def pad(width: int, value: float = 0.5) -> Augment:
    """A margin of one color around the images: grey, as in the mean of photos.

    Args:
        width: of the margin, in pixels.
        value: of its pixels.
    """
    return _Pad(width, value)


def jitter(distance: int) -> Augment:
    """A shift by cutting out: the images get smaller by `distance` pixels in height and width.

    Args:
        distance: the shift lies in 0..distance, in whole pixels, in both directions.
    """
    return _Jitter(distance)


def scale(factors: Sequence[float]) -> Augment:
    """A zoom about the centre, the size stays.

    Args:
        factors: one of them is drawn, each as likely; above 1 enlarges.
    """
    return _Affine(tuple(map(float, factors)), (0.0,))


def rotate(degrees: Sequence[float]) -> Augment:
    """A turn about the centre, the size stays.

    Args:
        degrees: one of them is drawn, each as likely; positive turns counterclockwise.
    """
    return _Affine((1.0,), tuple(map(float, degrees)))


def compose(*augments: Augment) -> Augment:
    """One augmentation after another. A `scale` and a `rotate` next to each other are one warp: half the cost and blur.

    Args:
        augments: in the order in which they act; none leaves the images as they are.
    """
    merged: list[Augment] = []
    for augment in augments:
        parts = augment.augments if isinstance(augment, _Compose) else (augment,)
        for part in parts:
            last = merged[-1] if merged else None
            if isinstance(part, _Affine) and isinstance(last, _Affine) and (both := last.then(part)):
                merged[-1] = both
            else:
                merged.append(part)
    return _Compose(tuple(merged))


def view(augment: Augment, key: PRNGKeyArray, images: Float[Array, "n h w c"]) -> Float[Array, "n h w c"]:
    """Images as the network sees them in one step: augmented, cut to their old size about the centre.

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
        corner = jax.random.randint(key, (2,), 0, self.distance + 1)
        size = (count, height - self.distance, width - self.distance, channels)
        return jax.lax.dynamic_slice(images, (0, corner[0], corner[1], 0), size)


@dataclasses.dataclass(frozen=True)
class _Affine:
    factors: tuple[float, ...]
    degrees: tuple[float, ...]

    def then(self, other: "_Affine") -> "_Affine | None":
        if (len(self.factors) > 1 and len(other.factors) > 1) or (len(self.degrees) > 1 and len(other.degrees) > 1):
            return None
        factors = tuple(first * second for first in self.factors for second in other.factors)
        return _Affine(factors, tuple(first + second for first in self.degrees for second in other.degrees))

    def __call__(self, key: PRNGKeyArray, images: Float[Array, "n h w c"]) -> Float[Array, "n h w c"]:
        first, second = jax.random.split(key)
        factor = jax.random.choice(first, jnp.array(self.factors))
        return warp(images, factor, jnp.deg2rad(jax.random.choice(second, jnp.array(self.degrees))))


@dataclasses.dataclass(frozen=True)
class _Compose:
    augments: tuple[Augment, ...]

    def __call__(self, key: PRNGKeyArray, images: Float[Array, "n h w c"]) -> Float[Array, "n h2 w2 c"]:
        for number, augment in enumerate(self.augments):
            images = augment(jax.random.fold_in(key, number), images)
        return images

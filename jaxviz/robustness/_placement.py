"""Pasting a patch into images, each time at another place, in another size and turned."""

import dataclasses
import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from jaxviz._core.check import check_float, check_images
from jaxviz._core.program import one_program
from jaxviz._core.warp import reach_of, warp


class Pasted(NamedTuple):
    """Images with a patch, and where it is.

    Attributes:
        images: in the range of the images that they were made of.
        masks: how much of a pixel the patch covers, from 0 to 1.
    """

    images: Float[Array, "n h w c"]
    masks: Float[Array, "n h w"]


def paste_patch(
    images: Float[Array, "n h w c"],
    patch: Float[Array, "size size c"],
    *,
    key: PRNGKeyArray,
    scales: tuple[float, float] = (1.0, 1.0),
    degrees: tuple[float, float] = (0.0, 0.0),
    circular: bool = False,
) -> Pasted:
    """Images with a patch at a place of its own in each, drawn evenly from those where all of the patch is seen.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> pasted = paste_patch(jnp.zeros((1, 8, 8, 1)), jnp.ones((3, 3, 1)), key=jax.random.key(0))
        >>> float(pasted.images.sum()), float(pasted.masks.sum())
        (9.0, 9.0)

    Args:
        images: of any range.
        patch: of the same range.
        key: for place, size and turn. Image `i` of a batch gets the same from the same key.
        scales: the smallest and the largest factor of the patch's size, drawn evenly. It is read bilinearly, without
            smoothing: below a half it would be rough.
        degrees: the smallest and the largest turn, counterclockwise, drawn evenly.
        circular: whether only the circle inside the patch is pasted.

    Returns:
        The images, and masks of the patch.

    Raises:
        ValueError: a patch that is not square, of another number of channels, or larger than the images in its largest
            form.
        TypeError: the images or the patch are not floating point.
    """
    images, patch = check_images(images), check_float(patch, "patch")
    if patch.ndim != 3 or patch.shape[0] != patch.shape[1] or patch.shape[2] != images.shape[3]:
        raise ValueError(
            f"`patch` must have shape (size, size, {images.shape[3]}) for these images, got {patch.shape}. Cut a "
            "square out of it."
        )
    placement = Placement.of(patch.shape[0], images.shape, scales, degrees, circular)
    return _paste(images, patch, key, placement=placement)


@dataclasses.dataclass(frozen=True)
class Placement:
    """How a patch of `size` pixels may lie in an image."""

    size: int
    scales: tuple[float, float]
    degrees: tuple[float, float]
    circular: bool

    @classmethod
    def of(
        cls,
        size: int,
        shape: tuple[int, ...],
        scales: tuple[float, float],
        degrees: tuple[float, float],
        circular: bool,
    ) -> "Placement":
        """One that has been checked for images of a shape.

        Raises:
            ValueError: a range that is none, or a patch that does not fit into the images.
        """
        scales, degrees = _span(scales, "scales"), _span(degrees, "degrees")
        if scales[0] <= 0:
            raise ValueError(f"`scales` must be above 0, got {scales[0]}. They are factors of the patch's size.")
        placement = cls(size, scales, degrees, bool(circular))
        if placement.extent > min(shape[1:3]):
            raise ValueError(
                f"`size` must be such that the patch fits into images of {shape[1]}x{shape[2]}, got {size}, up to "
                f"{placement.extent:.0f} pixels with its scales and degrees. Use a smaller one, or smaller scales."
            )
        return placement

    @property
    def extent(self) -> float:
        """Rows and columns that the patch can take up, in its largest form."""
        return self.size * (self.scales[1] if self.circular else self._reach)

    @property
    def _reach(self) -> float:
        low, high = self.degrees
        # The widest turn of a square is that by half of a right angle, if it can be drawn.
        halves = [45 + 90 * number for number in range(math.ceil((low - 45) / 90), math.floor((high - 45) / 90) + 1)]
        return max(reach_of(self.scales[1], math.radians(turn)) for turn in (low, high, *halves[:1]))

    def paste(self, images: Float[Array, "n h w c"], patch: Float[Array, "size size c"], key: PRNGKeyArray) -> Pasted:
        """The patch in each image, differentiable in both."""
        count, height, width = images.shape[:3]
        keys = jax.vmap(jax.random.fold_in, (None, 0))(key, jnp.arange(count))
        # What is read between the patch and its surroundings is a share of the patch's color.
        mask = jnp.asarray(self._mask(), images.dtype)[..., None]
        layer = jnp.concatenate([patch.astype(images.dtype) * mask, mask], -1)
        placed = jax.vmap(lambda key: self._place(layer, (height, width), key))(keys)
        masks = placed[..., -1:]
        return Pasted(images * (1 - masks) + placed[..., :-1], masks[..., 0])

    def _mask(self) -> np.ndarray:
        if not self.circular:
            return np.ones((self.size, self.size), np.float32)
        away = np.arange(self.size) - (self.size - 1) / 2
        # A soft edge of one pixel.
        return np.clip(self.size / 2 + 0.5 - np.hypot(away[:, None], away), 0, 1).astype(np.float32)

    def _place(
        self, layer: Float[Array, "size size k"], shape: tuple[int, int], key: PRNGKeyArray
    ) -> Float[Array, "h w k"]:
        draws = jax.random.uniform(key, (4,), jnp.float32)
        factor = self.scales[0] + draws[0] * (self.scales[1] - self.scales[0])
        angle = jnp.deg2rad(self.degrees[0] + draws[1] * (self.degrees[1] - self.degrees[0]))
        margin = max(0, math.ceil((self.size * self._reach - self.size) / 2) + 1)
        box = self.size + 2 * margin
        padded = jnp.pad(layer, ((margin, margin), (margin, margin), (0, 0)))
        turned = warp(padded[None], factor, angle, reach=self._reach, fill=0.0)[0]
        wide = 1.0 if self.circular else jnp.abs(jnp.cos(angle)) + jnp.abs(jnp.sin(angle))
        half = self.size * factor * wide / 2
        # Around the image there is room for the box, of which only the patch in it has to lie inside.
        around = box // 2 + 1
        low = jnp.ceil(half - box / 2)
        room = jnp.maximum(jnp.floor(jnp.array(shape) - half - box / 2) - low + 1, 1)
        corner = (low + jnp.floor(draws[2:] * room)).astype(jnp.int32) + around
        canvas = jnp.zeros((shape[0] + 2 * around, shape[1] + 2 * around, layer.shape[-1]), layer.dtype)
        canvas = jax.lax.dynamic_update_slice(canvas, turned, (corner[0], corner[1], jnp.int32(0)))
        return canvas[around : around + shape[0], around : around + shape[1]]


@one_program
def _paste(
    images: Float[Array, "n h w c"], patch: Float[Array, "size size c"], key: PRNGKeyArray, *, placement: Placement
) -> Pasted:
    return placement.paste(images, patch, key)


def _span(values: tuple[float, float], name: str) -> tuple[float, float]:
    low, high = map(float, values)
    if not low <= high or not math.isfinite(low + high):
        raise ValueError(f"`{name}` must be a smallest and a largest number, got {tuple(values)}.")
    return low, high

"""What the picture must not become: penalties on its pixels in [0, 1], before any augmentation.

A prior is a weighted penalty that is subtracted from the objective. Its weight is a leaf of a pytree: another weight is
no other program, and an array of weights is a batch.
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float


@functools.partial(jax.tree_util.register_dataclass, data_fields=["weight"], meta_fields=["penalty"])
@dataclasses.dataclass(frozen=True, eq=False)
class Prior:
    """A penalty with its weight.

    Attributes:
        weight: a number, or `(b,)` for a batch.
        penalty: from one picture to a number; hashable, so that equal ones share a compiled program.
    """

    weight: Any
    penalty: Callable[[Float[Array, "h w c"]], Float[Array, ""]]

    def __call__(self, pixels: Float[Array, "n h w c"]) -> Float[Array, ""]:
        """What is subtracted from the objective, the mean over the pictures."""
        return self.weight * jax.vmap(self.penalty)(pixels).mean()

    @property
    def size(self) -> int | None:
        """How many weights a batch holds; None for a single one."""
        if jnp.ndim(self.weight) > 1 or jnp.shape(self.weight) == (0,):
            raise ValueError(f"`weight` must be a number or one per objective, got shape {jnp.shape(self.weight)}.")
        return jnp.shape(self.weight)[0] if jnp.ndim(self.weight) else None

    def at(self, index: Any) -> "Prior":
        """One prior of a batch, or a smaller batch."""
        return self if self.size is None else Prior(self.weight[index], self.penalty)

    def axes(self) -> "Prior":
        """What `jax.vmap` takes as `in_axes`."""
        return Prior(None if self.size is None else 0, self.penalty)


def total_variation(weight: Any, kind: Literal["anisotropic", "isotropic"] = "anisotropic") -> Prior:
    """Differences of neighbors, over the number of entries `h * w * c`.

    | kind | sums over all entries |
    | --- | --- |
    | `"anisotropic"` | the absolute differences to the neighbor below and to the one on the right |
    | `"isotropic"` | the length of the vector of these two, so that slanted edges cost no more than straight ones |

    At the last row and column the missing difference is 0.

    Args:
        weight: what a mean difference of 1 costs.
        kind: see above.

    References:
        Rudin, Osher and Fatemi, [Nonlinear total variation based noise removal
        algorithms](https://doi.org/10.1016/0167-2789(92)90242-F), 1992 (isotropic).
    """
    penalties = {"anisotropic": _anisotropic, "isotropic": _isotropic}
    if kind not in penalties:
        raise ValueError(f"`kind` must be one of {', '.join(map(repr, penalties))}, got {kind!r}.")
    return Prior(weight, penalties[kind])


def lp_norm(weight: Any, p: float = 2.0, center: float = 0.5) -> Prior:
    """The distance of the pixels from a value: the p-th root of their mean p-th power.

    Args:
        weight: what a distance of 1 costs.
        p: at least 1.
        center: the value, gray by default.
    """
    if not p >= 1:
        raise ValueError(f"`p` must be at least 1, got {p}.")
    return Prior(weight, _LpNorm(float(p), float(center)))


def near(weight: Any, picture: Float[np.ndarray, "h w c"]) -> Prior:
    """The mean squared distance of the pixels from a picture: what is kept of the photo that an ascent starts from.

    With `start=photo` and `param.fourier(shape, decay=1.5)` it is feature accentuation: what of a photo a unit asks
    for more of.

    Args:
        weight: what a mean squared distance of 1 costs.
        picture: pixels in [0, 1].

    References:
        Hamblin et al., [Feature Accentuation: Revealing 'What' Features Respond to in Natural
        Images](https://arxiv.org/abs/2402.10039), 2024, section 3.
    """
    array = np.asarray(picture, np.float32)
    if array.ndim != 3 or not np.isfinite(array).all():
        raise ValueError(f"`picture` must be finite pixels (h, w, c), got {array.shape}.")
    return Prior(weight, _Near(array.tobytes(), array.shape))


def blur(weight: Any) -> Prior:
    """The mean square of what a small blur would take away: each step goes towards the blurred picture."""
    return Prior(weight, _blur)


def bounds(weight: Any, low: float = 0.0, high: float = 1.0) -> Prior:
    """The mean square of how far the pixels lie outside of a range, for a `param` that has no bounds of its own.

    Args:
        weight: what a mean square of 1 costs.
        low: the darkest pixel that costs nothing.
        high: the brightest.
    """
    return Prior(weight, _Bounds(float(low), float(high)))


def _anisotropic(pixels: Float[Array, "h w c"]) -> Float[Array, ""]:
    down, right = _differences(pixels)
    return (jnp.abs(down) + jnp.abs(right)).mean()


def _isotropic(pixels: Float[Array, "h w c"]) -> Float[Array, ""]:
    down, right = _differences(pixels)
    return _root(jnp.square(down) + jnp.square(right)).mean()


def _differences(pixels: Float[Array, "h w c"]) -> tuple[Float[Array, "h w c"], Float[Array, "h w c"]]:
    return jnp.diff(pixels, axis=0, append=pixels[-1:]), jnp.diff(pixels, axis=1, append=pixels[:, -1:])


def _root(squares: Float[Array, "..."]) -> Float[Array, "..."]:
    """The square root, with the gradient 0 at 0."""
    positive = squares > 0
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, squares, 1.0)), 0.0)


def _blur(pixels: Float[Array, "h w c"]) -> Float[Array, ""]:
    blurred = pixels
    for axis in (0, 1):
        padded = jnp.pad(blurred, [(int(axis == other), int(axis == other)) for other in range(3)], mode="edge")
        low, middle, high = (
            jax.lax.slice_in_dim(padded, start, start + pixels.shape[axis], axis=axis) for start in range(3)
        )
        blurred = (low + 2 * middle + high) / 4
    return jnp.square(pixels - jax.lax.stop_gradient(blurred)).mean()


@dataclasses.dataclass(frozen=True)
class _LpNorm:
    p: float
    center: float

    def __call__(self, pixels: Float[Array, "h w c"]) -> Float[Array, ""]:
        mean = (jnp.abs(pixels - self.center) ** self.p).mean()
        # The root has no gradient at zero.
        return jnp.where(mean > 0, jnp.where(mean > 0, mean, 1.0) ** (1 / self.p), 0.0)


@dataclasses.dataclass(frozen=True)
class _Near:
    content: bytes
    shape: tuple[int, ...]

    def __call__(self, pixels: Float[Array, "h w c"]) -> Float[Array, ""]:
        if pixels.shape != self.shape:
            raise ValueError(f"`picture` must have the shape of the images, {pixels.shape}, got {self.shape}.")
        return jnp.square(pixels - np.frombuffer(self.content, np.float32).reshape(self.shape)).mean()


@dataclasses.dataclass(frozen=True)
class _Bounds:
    low: float
    high: float

    def __call__(self, pixels: Float[Array, "h w c"]) -> Float[Array, ""]:
        above, below = jnp.maximum(pixels - self.high, 0), jnp.maximum(self.low - pixels, 0)
        return (jnp.square(above) + jnp.square(below)).mean()

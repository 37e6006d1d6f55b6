"""Images as they could have been taken as well."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Key, UInt8


def flip(images: UInt8[Array, "n h w c"], *, key: Key[Array, ""]) -> UInt8[Array, "n h w c"]:
    """About half of the images mirrored, left to right."""
    mirrored = jax.random.bernoulli(key, shape=(len(images), 1, 1, 1))
    return jnp.where(mirrored, images[:, :, ::-1], images)


def shift(images: UInt8[Array, "n h w c"], most: int, *, key: Key[Array, ""]) -> UInt8[Array, "n h w c"]:
    """Every image moved by up to `most` pixels down and across, its rim repeated where nothing is known."""
    padded = jnp.pad(images, ((0, 0), (most, most), (most, most), (0, 0)), mode="edge")
    corners = jax.random.randint(key, (len(images), 2), 0, 2 * most + 1)

    def cut(image: Array, corner: Array) -> Array:
        return jax.lax.dynamic_slice(image, (corner[0], corner[1], 0), images.shape[1:])

    return jax.vmap(cut)(padded, corners)

"""Features of photos by a frozen trunk: what each map of some layers shows on average, and at most."""

import dataclasses
import functools
import sys
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt8
from tqdm import tqdm

import jaxviz as jv
from models.network import Network


def sized(network: Network, size: int) -> Network:
    """The same network for square images of `size` pixels, cut from photos whose shorter side is resized to that.

    A trunk of convolutions has no size of its own: larger images give larger maps, and pooled features as before.

    Args:
        network: whose layers up to those of interest are local; a dense layer has one size only.
        size: height and width, in pixels.

    Returns:
        The network with another `input_shape`; its weights are shared.

    Raises:
        ValueError: no positive size, or another one than that of a network with dense layers.
    """
    height, width, channels = network.input_shape
    if size < 1 or ((size, size) != (height, width) and not network.spec.any_size):
        own = "at least 1" if network.spec.any_size else f"{height} for {network.name}, which has dense layers"
        raise ValueError(f"`size` must be {own}, got {size}.")
    spec = dataclasses.replace(network.spec, input_shape=(size, size, channels), resize=size)
    return dataclasses.replace(network, spec=spec)


def features(
    network: Network,
    photos: UInt8[np.ndarray, "n h w 3"],
    layers: Sequence[str],
    *,
    batch_size: int = 16,
    progress: bool = True,
) -> dict[str, Float[np.ndarray, "n 2 c"]]:
    """Means and maxima of every map of some layers, one forward pass a photo, computed no further than is needed.

    Example:
        >>> import models, skimage
        >>> network = models.load("squeezenet")
        >>> photos = network.crop(skimage.data.chelsea())[None]
        >>> features(network, photos, ["fire3", "fire9"], progress=False)["fire9"].shape
        (1, 2, 512)

    Args:
        network: the trunk.
        photos: bytes of the network's size, as `Network.crop` cuts them.
        layers: names from `jaxviz.layers`.
        batch_size: photos at a time. More need more memory and save little on a CPU.
        progress: whether to draw a bar on stderr.

    Returns:
        From layer to features: entry `[i, 0, j]` is the mean of map `j` over photo `i`, `[i, 1, j]` its maximum.

    Raises:
        ValueError: no photos, no layers, or an unknown one.
    """
    known = list(jv.layers(network, jax.ShapeDtypeStruct((1, *network.input_shape), jnp.float32)))
    unknown = [layer for layer in layers if layer not in known]
    if unknown or not layers:
        raise ValueError(f"`layers` must be some of {', '.join(known)}, got {', '.join(unknown) or 'none'}.")
    if not len(photos):
        raise ValueError("`photos` must hold a photo, got none.")
    ordered = tuple(sorted(set(layers), key=known.index))
    size = min(batch_size, len(photos))
    pooled: dict[str, list[np.ndarray]] = {layer: [] for layer in layers}
    with tqdm(total=len(photos), unit="photo", desc="features", disable=not progress, file=sys.stderr) as bar:
        for start in range(0, len(photos), size):
            # The last batch reaches back into the one before it, so that it needs no program of its own.
            first = min(start, len(photos) - size)
            batch = _pool(network, photos[first : first + size], ordered)
            for layer in pooled:
                pooled[layer].append(np.asarray(batch[layer])[start - first :])
            bar.update(first + size - start)
    return {layer: np.concatenate(parts) for layer, parts in pooled.items()}


def pooled(f: Any, images: Float[Array, "n h w c"], layers: tuple[str, ...]) -> dict[str, Float[Array, "n 2 c"]]:
    """Mean and maximum of every map of layers in order of computation; what lies above the last is not computed."""
    top, activations = jv.tap(jv.upto(f, layers[-1]), *layers[:-1])(images)
    activations = {**activations, layers[-1]: top}
    maps = {name: activations[name].reshape(len(images), -1, activations[name].shape[-1]) for name in layers}
    return {name: jnp.stack([value.mean(1), value.max(1)], axis=1) for name, value in maps.items()}


def flat(features: dict[str, Any]) -> Any:
    """One row a photo: layer by layer, all means of a layer before its maxima."""
    parts = [value.reshape(len(value), -1) for value in features.values()]
    return (np if isinstance(parts[0], np.ndarray) else jnp).concatenate(parts, axis=1)


def standardization(features: Float[np.ndarray, "n d"]) -> tuple[Float[np.ndarray, " d"], Float[np.ndarray, " d"]]:
    """Mean and standard deviation of each feature; 1 in place of the deviation of one that never changes."""
    center, spread = features.mean(0), features.std(0)
    return center, np.where(spread > 1e-6 * np.abs(center), spread, 1).astype(np.float32)


@functools.partial(jax.jit, static_argnames="layers")
def _pool(
    network: Network, photos: UInt8[Array, "n h w 3"], layers: tuple[str, ...]
) -> dict[str, Float[Array, "n 2 c"]]:
    fast = jv.fast_on_cpu(lambda network, images: pooled(network, images, layers))
    return fast(network, network.normalize(photos / jnp.float32(255)))

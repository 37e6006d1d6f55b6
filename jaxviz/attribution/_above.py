"""Scores of changed activations of a layer: what lies above it runs many times, what lies below it once."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxviz._core.batch import default_batch
from jaxviz._core.chunks import map_chunks
from jaxviz._core.grown import grown
from jaxviz._core.map_layout import MapLayout
from jaxviz._core.target import Indices, scores
from jaxviz.transforms import after, upto


def scores_above(
    f: Callable,
    images: Float[Array, "n h w c"],
    indices: Indices,
    layer: str,
    layout: MapLayout,
    changes: Callable[[Float[Array, "n h2 w2 c2"], Any], Float[Array, "n h2 w2 c2"]],
    over: Callable[[tuple[int, ...]], Any],
    batch_size: int | None,
) -> tuple[Float[Array, "n h2 w2 c2"], Float[Array, " n"], Float[Array, "n m"]]:
    """A layer's maps, the score of each image, and its score for each change of the maps.

    Args:
        f: the network.
        images: what is explained.
        indices: the outputs that are explained.
        layer: whose maps are changed.
        layout: how its value holds the maps.
        changes: the maps of all images after one change, which is an entry of `over`.
        over: from the shape of the maps to an array (or tree) with one entry for each change.
        batch_size: how many activations go through what lies above the layer at a time; by default a number that suits.
    """
    num_images = images.shape[0]
    value = upto(f, layer)(images)
    maps = layout.maps(value)
    above = after(f, layer)

    def rest(activations: Array) -> Array:
        # Branches around the layer read the images, as many times.
        size = activations.shape[0] // num_images
        return above(activations, jnp.repeat(images, size, axis=0))

    most = batch_size or default_batch(lambda activations: above(activations, images), value)
    plain = scores(above(value, images), indices)

    def see(chunk: Any) -> Float[Array, "s n"]:
        size = jax.tree.leaves(chunk)[0].shape[0]
        changed = jax.vmap(lambda one: layout.put(changes(maps, one), value), out_axes=1)(chunk)
        outputs = grown(rest, num_images)(changed.reshape(-1, *value.shape[1:]))
        return scores(outputs, jnp.repeat(jnp.asarray(indices), size)).reshape(num_images, size).T

    found = map_chunks(see, over(maps.shape), max(1, most // num_images)).T
    return maps, plain, found

"""How strongly the channels of layers respond: the whole distribution, where `strongest` shows its end."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from jaxviz._core.callables import as_pytree
from jaxviz._core.check import check_count
from jaxviz._core.layers import check_names, check_placed
from jaxviz._core.map_layout import MapLayout, map_layout
from jaxviz.dataset._dataset import Batch, Dataset, Examples
from jaxviz.dataset._forest import Partial
from jaxviz.dataset._layers import activations, placed
from jaxviz.dataset._scan import DEFAULT, FINITE, Scan, run_scan


class ActivationSample(NamedTuple):
    """The responses of `c` channels to `m` images of a data set, and what is true of all its images.

    Attributes:
        indices: numbers of the images of the sample in the data set, rising.
        values: the strongest activation of each channel in each of them.
        positions: its row and column in the map of the layer; of equal ones the first.
        zeros: the share of zeros among all activations of the channel, over all images and places.
        lowest: the smallest activation of the channel in all images.
        highest: the largest.
        skipped: numbers of the examples that could not be read.
    """

    indices: Int[np.ndarray, " m"]
    values: Float[np.ndarray, "m c"]
    positions: Int[np.ndarray, "m c 2"]
    zeros: Float[np.ndarray, " c"]
    lowest: Float[np.ndarray, " c"]
    highest: Float[np.ndarray, " c"]
    skipped: tuple[int, ...]


def activation_sample(
    f: Callable,
    dataset: Dataset,
    layers: Sequence[str],
    *,
    num: int = 4096,
    channel_axis: int | None = None,
    grid: tuple[int, int] | None = None,
    scan: Scan = DEFAULT,
) -> dict[str, ActivationSample]:
    """How strongly each channel of some layers responds to images spread over a data set.

    The strongest images of a channel say what it likes most, and nothing of how often it likes anything: the sample
    has its whole distribution. Memory does not grow with the data set.

    Example:
        >>> import jax.numpy as jnp
        >>> from jax.ad_checkpoint import checkpoint_name
        >>> f = lambda images: checkpoint_name(images, "maps").mean((1, 2))
        >>> images = jnp.array([[0.0, 1.0], [5.0, 0.0], [2.0, 3.0]]).reshape(3, 1, 2, 1)
        >>> found = activation_sample(f, (images, None), ["maps"], num=2)["maps"]
        >>> found.indices.tolist(), found.values.ravel().tolist(), found.zeros.round(2).tolist()
        ([0, 2], [1.0, 3.0], [0.33])

    Args:
        f: any function or callable pytree that has the layers; what lies above them is not computed.
        dataset: see `Scan`. It needs no labels.
        layers: names from `layers(f, images)`; all are read in one pass.
        num: the most images in the sample: every image of a small data set, every second, third, ... of a larger one.
        channel_axis: as for `grad_cam`, for the layers of maps.
        grid: as for `grad_cam`, for the layers of tokens.
        scan: batch size, devices, preprocessing, and what to do on failures.

    Returns:
        From the name of each layer to its sample. Cost: one forward pass up to the layers over the data set.

    Raises:
        ValueError: an unknown layer, one that is not of maps (as for `grad_cam`) or vectors, or an example that cannot
            be read.
        FloatingPointError: an activation that is not finite.
    """
    layout = map_layout(f, channel_axis, grid)
    f, names = as_pytree(f), check_names(layers)
    examples = Examples(dataset)
    check_placed(f, names, scan.images(examples), layout)
    every = -(-len(examples) // check_count(num, "num"))
    found = run_scan(f, _Study(names, layout, every), examples, scan)
    samples = {}
    for place, name in enumerate(names):
        field = {one: found.value[f"{place}.{one}"] for one in (*_ROWS, "zeros", "lowest", "highest")}
        places = found.value["images"] * found.value[f"{place}.places"]
        samples[name] = ActivationSample(
            found.value["indices"],
            field["values"],
            field["positions"],
            field["zeros"] / places,
            field["lowest"],
            field["highest"],
            found.skipped,
        )
    return samples


_ROWS = ("values", "positions")


@dataclasses.dataclass(frozen=True)
class _Study:
    layers: tuple[str, ...]
    layout: MapLayout
    every: int

    def batch(self, f: Any, images: Any, labels: jax.Array, valid: jax.Array) -> dict[str, jax.Array]:
        del labels
        acts = activations(f, self.layers, images)
        outs: dict[str, jax.Array] = {FINITE: jnp.ones(len(valid), bool), "valid": valid}
        for place, name in enumerate(self.layers):
            maps = placed(acts[name], self.layout)
            flat = maps.reshape(len(maps), -1, maps.shape[-1]).astype(jnp.float32)
            outs[FINITE] &= jnp.isfinite(flat).all((1, 2))
            position = flat.argmax(1)
            here = valid[:, None, None]
            outs[f"{place}.values"] = flat.max(1)
            outs[f"{place}.positions"] = jnp.stack([position // maps.shape[2], position % maps.shape[2]], -1)
            outs[f"{place}.zeros"] = ((flat == 0) & here).sum((0, 1))
            outs[f"{place}.lowest"] = jnp.where(here, flat, jnp.inf).min((0, 1))
            outs[f"{place}.highest"] = jnp.where(here, flat, -jnp.inf).max((0, 1))
            outs[f"{place}.places"] = jnp.array(flat.shape[1])
        return outs

    def partial(self, outs: Partial, batch: Batch) -> Partial:
        outs = dict(outs)
        valid = outs.pop("valid").astype(bool)
        indices = batch.first + np.arange(len(valid))
        chosen = valid & (indices % self.every == 0)
        for place in range(len(self.layers)):
            for field in _ROWS:
                outs[f"{place}.{field}"] = outs[f"{place}.{field}"][chosen]
            outs[f"{place}.zeros"] = outs[f"{place}.zeros"].astype(np.int64)
        return outs | {"indices": indices[chosen].astype(np.int64), "images": np.int64(valid.sum())}

    def merge(self, left: Partial, right: Partial) -> Partial:
        merged: Partial = {"indices": np.concatenate([left["indices"], right["indices"]])}
        merged["images"] = left["images"] + right["images"]
        for place in range(len(self.layers)):
            for field in _ROWS:
                name = f"{place}.{field}"
                merged[name] = np.concatenate([left[name], right[name]])
            merged[f"{place}.zeros"] = left[f"{place}.zeros"] + right[f"{place}.zeros"]
            merged[f"{place}.lowest"] = np.minimum(left[f"{place}.lowest"], right[f"{place}.lowest"])
            merged[f"{place}.highest"] = np.maximum(left[f"{place}.highest"], right[f"{place}.highest"])
            merged[f"{place}.places"] = left[f"{place}.places"]
        return merged

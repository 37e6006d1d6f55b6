"""Which images of a data set excite a channel most, and where in them."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple, get_args

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from jaxviz._core.callables import as_pytree
from jaxviz._core.check import check_count
from jaxviz._core.layers import check_channels, check_names, check_placed
from jaxviz._core.map_layout import MapLayout, map_layout
from jaxviz.dataset._dataset import Batch, Dataset, Examples
from jaxviz.dataset._forest import Partial
from jaxviz.dataset._layers import activations, placed
from jaxviz.dataset._scan import DEFAULT, FINITE, Scan, run_scan

Score = Literal["max", "mean", "norm"]

_FIELDS = ("indices", "scores", "activations", "positions")
_SHOWN = 8  # channels in a notebook


class Strongest(NamedTuple):
    """The images that excite each of `c` channels most, the strongest first.

    Attributes:
        channels: which channels of the layer.
        indices: numbers of the images in the data set; -1 where no more could be read.
        scores: what they were ranked by.
        activations: the strongest response of the channel in the image.
        positions: its row and column in the map of the layer; of equal ones the first. Zero in a layer without rows and
            columns.
        skipped: numbers of the examples that could not be read.
    """

    channels: Int[np.ndarray, " c"]
    indices: Int[np.ndarray, "c num"]
    scores: Float[np.ndarray, "c num"]
    activations: Float[np.ndarray, "c num"]
    positions: Int[np.ndarray, "c num 2"]
    skipped: tuple[int, ...]

    def _repr_html_(self) -> str:
        """A table for a notebook: of each channel the numbers of its images, with their scores."""
        count, num = self.indices.shape
        shown = min(count, _SHOWN)
        heads = "".join(f"<th>{place + 1}</th>" for place in range(num))
        rows = "".join(
            f"<tr><td>{self.channels[row]}</td>"
            + "".join(
                f"<td>image {index}<br>{score:.3g}</td>"
                for index, score in zip(self.indices[row], self.scores[row], strict=True)
            )
            + "</tr>"
            for row in range(shown)
        )
        more = f"<p>and {count - shown} channels more</p>" if count > shown else ""
        return f"<table><tr><th>channel</th>{heads}</tr>{rows}</table>{more}"


def strongest(
    f: Callable,
    dataset: Dataset,
    layers: Sequence[str],
    *,
    num: int = 9,
    channels: Sequence[int] | None = None,
    score: Score = "max",
    channel_axis: int | None = None,
    grid: tuple[int, int] | None = None,
    scan: Scan = DEFAULT,
) -> dict[str, Strongest]:
    """The images of a data set that excite each channel of a layer most, and where in them the response lies.

    An image counts once for a channel, by its strongest place. Of equal scores the image that comes first in the data
    set comes first, so nothing depends on how the images were spread over batches and devices. A channel that no image
    excites has scores of zero.

    Example:
        >>> import jax.numpy as jnp
        >>> from jax.ad_checkpoint import checkpoint_name
        >>> f = lambda images: checkpoint_name(images, "maps").mean((1, 2))
        >>> images = jnp.array([[0.0, 1.0], [5.0, 0.0], [2.0, 3.0]]).reshape(3, 1, 2, 1)
        >>> found = strongest(f, (images, None), ["maps"], num=2)["maps"]
        >>> found.indices.tolist(), found.scores.tolist(), found.positions.tolist()
        ([[1, 2]], [[5.0, 3.0]], [[[0, 0], [0, 1]]])

    Args:
        f: any function or callable pytree that has the layer; what lies above it is not computed.
        dataset: see `Scan`. It needs no labels.
        layers: names from `layers(f, images)`; all are read in one pass.
        num: images of each channel.
        channels: which ones. All by default.
        score: what images are ranked by: the channel's `"max"`, `"mean"`, or Euclidean `"norm"` over its map.
        channel_axis: as for `grad_cam`, for the layers of maps.
        grid: as for `grad_cam`, for the layers of tokens.
        scan: batch size, devices, preprocessing, and what to do on failures.

    Returns:
        From the name of each layer to the images of its channels. Cost: one forward pass up to the layer over the
        data set.

    Raises:
        ValueError: an unknown layer, channel or score, a layer that is not of maps (as for `grad_cam`) or vectors, more
            images asked for than there are, or one that cannot be read.
        FloatingPointError: an activation that is not finite.

    References:
        Zeiler and Fergus, [Visualizing and Understanding Convolutional Networks](https://arxiv.org/abs/1311.2901),
        2014, section 4 and figure 2: the nine strongest of each of some channels.
    """
    layout = map_layout(f, channel_axis, grid)
    f, names = as_pytree(f), check_names(layers)
    examples = Examples(dataset)
    shapes = check_placed(f, names, scan.images(examples), layout)
    if score not in get_args(Score):
        raise ValueError(f"`score` must be one of {', '.join(get_args(Score))}, got {score!r}.")
    if check_count(num, "num") > len(examples):
        raise ValueError(f"`num` must be at most {len(examples)}, the number of images, got {num}.")
    chosen = tuple(check_channels(channels, shapes[name][-1], name) for name in names)
    found = run_scan(f, _Study(names, layout, chosen, num, score), examples, scan)
    return {
        name: Strongest(
            np.array(channels),
            skipped=found.skipped,
            **{field: found.value[f"{place}.{field}"] for field in _FIELDS},
        )
        for place, (name, channels) in enumerate(zip(names, chosen, strict=True))
    }


@dataclasses.dataclass(frozen=True)
class _Study:
    layers: tuple[str, ...]
    layout: MapLayout
    channels: tuple[tuple[int, ...], ...]
    num: int
    score: Score

    def batch(self, f: Any, images: Any, labels: jax.Array, valid: jax.Array) -> dict[str, jax.Array]:
        del labels
        acts = activations(f, self.layers, images)
        outs = {FINITE: jnp.ones(len(valid), bool)}
        for place, (name, channels) in enumerate(zip(self.layers, self.channels, strict=True)):
            maps = placed(acts[name], self.layout)
            if len(channels) < maps.shape[-1]:
                maps = maps[..., np.array(channels)]
            flat = maps.reshape(len(maps), -1, maps.shape[-1]).astype(jnp.float32)
            highest = jnp.max(flat, 1)
            scores = _scored(flat, highest, self.score)
            outs[FINITE] &= jnp.isfinite(scores).all(1)
            # A negative zero would be told from a positive one.
            ranked = jnp.where(valid[:, None], jnp.where(scores == 0, 0, scores), -jnp.inf)
            best, images_of = jax.lax.top_k(ranked.T, min(self.num, len(valid)))
            outs[f"{place}.scores"], outs[f"{place}.indices"] = best, images_of
            outs[f"{place}.activations"] = jnp.take_along_axis(highest.T, images_of, 1)
            # To look for the place in these images alone takes a tenth of the time of looking in all of the batch.
            position = jnp.argmax(flat[images_of, :, jnp.arange(flat.shape[-1])[:, None]], -1)
            outs[f"{place}.positions"] = jnp.stack([position // maps.shape[2], position % maps.shape[2]], -1)
        return outs

    def partial(self, outs: Partial, batch: Batch) -> Partial:
        outs = dict(outs)
        for place in range(len(self.layers)):
            exists = np.isfinite(outs[f"{place}.scores"])
            outs[f"{place}.indices"] = np.where(exists, outs[f"{place}.indices"].astype(np.int64) + batch.first, -1)
        return outs

    def merge(self, left: Partial, right: Partial) -> Partial:
        merged = {}
        for place in range(len(self.layers)):
            both = {
                field: np.concatenate([left[f"{place}.{field}"], right[f"{place}.{field}"]], 1) for field in _FIELDS
            }
            order = np.lexsort((both["indices"], -both["scores"]), axis=1)[:, : self.num]
            for field, array in both.items():
                index = order[..., None] if array.ndim == 3 else order
                merged[f"{place}.{field}"] = np.take_along_axis(array, index, 1)
        return merged


def _scored(flat: jax.Array, highest: jax.Array, score: Score) -> jax.Array:
    if score == "max":
        return highest
    return flat.mean(1) if score == "mean" else jnp.sqrt(jnp.square(flat).sum(1))

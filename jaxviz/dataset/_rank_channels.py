"""Which channels of a layer a network's answers hang on."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from jaxviz._core.callables import as_pytree
from jaxviz._core.layers import check_channeled, check_channels
from jaxviz._core.map_layout import map_layout
from jaxviz.dataset._ablate_each import ablate_each
from jaxviz.dataset._classification import labeled
from jaxviz.dataset._dataset import Dataset
from jaxviz.dataset._scan import DEFAULT, Scan


class ChannelRanking(NamedTuple):
    """How well a network does without each of `c` channels of a layer, one at a time, for images of `k` classes.

    Attributes:
        channels: which ones.
        ranking: the channels, those that are missed most first: by the accuracy without them, then by the loss.
        accuracy: with all channels.
        loss: with all channels: the mean of minus the logarithm of the probability of the right class.
        accuracies: without each channel.
        losses: without each channel.
        class_accuracies: without each channel, for each class; NaN for one without images.
        skipped: numbers of the examples that could not be read.
    """

    channels: Int[np.ndarray, " c"]
    ranking: Int[np.ndarray, " c"]
    accuracy: float
    loss: float
    accuracies: Float[np.ndarray, " c"]
    losses: Float[np.ndarray, " c"]
    class_accuracies: Float[np.ndarray, "c k"]
    skipped: tuple[int, ...]


def rank_channels(
    f: Callable,
    dataset: Dataset,
    layer: str,
    *,
    channels: Sequence[int] | None = None,
    channel_axis: int | None = None,
    grid: tuple[int, int] | None = None,
    scan: Scan = DEFAULT,
) -> ChannelRanking:
    """The channels of a layer in the order in which they are missed when they are set to zero, one at a time.

    Example:
        >>> import jax.numpy as jnp
        >>> from jax.ad_checkpoint import checkpoint_name
        >>> f = lambda images: checkpoint_name(images, "maps").mean((1, 2)) @ jnp.array([[0, 0], [1, 0], [0, 2.0]])
        >>> images = jnp.array([[1.0, 2, 0], [1, 0, 2], [1, 1, 2]]).reshape(3, 1, 1, 3)
        >>> found = rank_channels(f, (images, jnp.array([0, 1, 1])), "maps")
        >>> found.ranking.tolist(), found.accuracies.round(2).tolist()
        ([2, 1, 0], [1.0, 1.0, 0.33])

    Args:
        f: from images to logits `(n, k)`.
        dataset: see `Scan`, with labels in `0..k-1`.
        layer: a name from `layers(f, images)`.
        channels: which ones. All by default.
        channel_axis: as for `ablate_each`.
        grid: as for `ablate_each`.
        scan: batch size, devices, preprocessing, and what to do on failures.

    Returns:
        The ranking and what it follows from. Cost: one forward pass over the data set, and for each channel one of the
        part above the layer: what lies below, or beside it, is not run again.

    Raises:
        ValueError: an unknown layer or channel, a layer that is not of maps (as for `grad_cam`) or vectors, `f` does
            not return one row per image, the data set has no labels, or one that cannot be read.
        NotImplementedError: the layer lies where `f` cannot be cut, as for `upto`.
        FloatingPointError: a logit that is not finite.
    """
    layout = map_layout(f, channel_axis, grid)
    f = as_pytree(f)
    _, images, _ = labeled(f, dataset, scan)
    total = check_channeled(f, (layer,), images, layout)[layer][-1]
    chosen = np.array(check_channels(channels, total, layer))
    sets = [[int(channel)] for channel in chosen]
    found = ablate_each(f, dataset, layer, sets, channel_axis=layout.channel_axis, grid=layout.grid, scan=scan)
    # Of equal accuracy the one with the larger loss is missed more, of equal loss the first.
    ranking = chosen[np.lexsort((chosen, -found.losses, found.accuracies))]
    return ChannelRanking(chosen, ranking, *found)

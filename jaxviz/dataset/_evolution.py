"""How what a network responds to came about while it was trained."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from jaxviz._core.callables import as_pytree
from jaxviz._core.layers import check_layers, check_names
from jaxviz._core.map_layout import map_layout
from jaxviz._core.ranks import correlation
from jaxviz.attribution import project
from jaxviz.dataset._dataset import Batch, Dataset, Examples
from jaxviz.dataset._forest import Partial
from jaxviz.dataset._layers import activations
from jaxviz.dataset._scan import DEFAULT, FINITE, Scan, run_scan
from jaxviz.dataset._strongest import strongest
from jaxviz.transforms import Rule

_RANKED = 512  # units of a layer that are ranked in each image: a sort costs more than the network


class Evolution(NamedTuple):
    """What excites `c` channels of a layer most, at `e` moments of the training.

    Attributes:
        epochs: the moments.
        channels: which channels of the layer.
        indices: the number of the image that excites the channel most.
        scores: how much.
        positions: row and column of the strongest response.
        images: these images, in the network's own range.
        projections: the strongest response alone, projected down to the pixels.
        correlation: of the layer's activations with those of the trained network, see `settling`.
    """

    epochs: tuple[int, ...]
    channels: tuple[int, ...]
    indices: Int[np.ndarray, "e c"]
    scores: Float[np.ndarray, "e c"]
    positions: Int[np.ndarray, "e c 2"]
    images: Float[np.ndarray, "e c h w k"]
    projections: Float[np.ndarray, "e c h w k"]
    correlation: Float[np.ndarray, " e"]


def evolution(
    f: Callable,
    dataset: Dataset,
    layer: str,
    channels: Sequence[int],
    checkpoints: Mapping[int, Callable],
    *,
    rule: Rule = "deconvnet",
    channel_axis: int | None = None,
    grid: tuple[int, int] | None = None,
    scan: Scan = DEFAULT,
) -> Evolution:
    """The image that excites each channel most, and what of it does, over the checkpoints of a training.

    A sudden change of the picture is a change of the image that is strongest.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from jax.ad_checkpoint import checkpoint_name
        >>> net = lambda weight, images: checkpoint_name(jax.nn.relu(weight * images), "maps").mean((1, 2))
        >>> early, late = jax.tree_util.Partial(net, jnp.array(-1.0)), jax.tree_util.Partial(net, jnp.array(2.0))
        >>> images = jnp.array([[1.0, -3.0], [2.0, 0.0]]).reshape(2, 1, 2, 1)
        >>> found = evolution(late, (images, None), "maps", [0], {1: early, 2: late})
        >>> found.indices.tolist(), found.projections[1, 0].ravel().tolist()
        ([[0], [1]], [8.0, 0.0])

    Args:
        f: the trained network.
        dataset: see `Scan`. It needs no labels.
        layer: a name from `layers(f, images)`, of maps with rows and columns.
        channels: of the layer.
        checkpoints: from the epoch to the network as it was then: the same function with other weights. Where that is a
            pytree, as `f`, nothing is compiled again.
        rule: of the projection, as in `project`.
        channel_axis: as for `grad_cam`; by default what `f` and the checkpoints say themselves.
        grid: as for `grad_cam`.
        scan: batch size, devices, preprocessing, and what to do on failures. Every checkpoint has a folder of its own
            in `resume`.

    Returns:
        Images, projections and how close the layer has come. Cost: for each checkpoint two forward passes over the data
        set up to the layer, and one of the trained network.

    Raises:
        ValueError: no checkpoints, an unknown layer or channel, or an example that cannot be read.
        FloatingPointError: an activation that is not finite.

    References:
        Zeiler and Fergus, [Visualizing and Understanding Convolutional Networks](https://arxiv.org/abs/1311.2901),
        2014, section 4 and figure 4, "Feature Evolution during Training".
    """
    layout = map_layout(f, channel_axis, grid)
    laid_out: dict[str, Any] = {"channel_axis": layout.channel_axis, "grid": layout.grid}
    networks = {epoch: as_pytree(network) for epoch, network in _sorted(checkpoints).items()}
    examples, found, shown = Examples(dataset), [], []
    if examples.into_range(None) is not None:
        raise ValueError(
            "`dataset` must hold one array for each image, whose projections are drawn, got several. Use `strongest` "
            "and `settling` of each checkpoint."
        )
    for epoch, network in networks.items():
        own = _in_folder(scan, f"strongest-{epoch}")
        best = strongest(network, dataset, [layer], num=1, channels=channels, scan=own, **laid_out)[layer]
        raw = np.stack([examples.image(int(index)) for index in best.indices[:, 0]])
        images = jnp.asarray(raw if scan.preprocess is None else scan.preprocess(raw))
        units = np.concatenate([best.positions[:, 0], best.channels[:, None]], 1)
        found.append(best)
        projections = project(network, images, layer, units[:, None], rule=rule, **laid_out)[:, 0]
        shown.append((np.asarray(images), np.asarray(projections)))
    correlation = settling(f, dataset, [layer], networks, scan=scan)[layer]
    return Evolution(
        tuple(networks),
        tuple(found[0].channels.tolist()),
        np.stack([best.indices[:, 0] for best in found]),
        np.stack([best.scores[:, 0] for best in found]),
        np.stack([best.positions[:, 0] for best in found]),
        np.stack([images for images, _ in shown]),
        np.stack([projections for _, projections in shown]),
        correlation,
    )


def settling(
    f: Callable, dataset: Dataset, layers: Sequence[str], checkpoints: Mapping[int, Callable], *, scan: Scan = DEFAULT
) -> dict[str, Float[np.ndarray, " e"]]:
    """How close the layers of a network had come to what they are, over the checkpoints of its training.

    The activations of a layer in an image are ranked, in the checkpoint and in the trained network, and the ranks
    correlated (Spearman's coefficient; of a larger layer 512 units, always the same random ones). 1 means that the
    layer orders its units as it will in the end, 0 that it has nothing to do with that.

    Example:
        >>> import jax.numpy as jnp
        >>> from jax.ad_checkpoint import checkpoint_name
        >>> net = lambda weight: lambda images: checkpoint_name(weight * images, "maps").mean((1, 2))
        >>> images = jnp.arange(24.0).reshape(2, 2, 6, 1)
        >>> found = settling(net(3.0), (images, None), ["maps"], {1: net(-1.0), 2: net(2.0)})
        >>> found["maps"].round(6).tolist()
        [-1.0, 1.0]

    Args:
        f: the trained network.
        dataset: see `Scan`. It needs no labels.
        layers: names from `layers(f, images)`.
        checkpoints: from the epoch to the network as it was then.
        scan: batch size, devices, preprocessing, and what to do on failures. Every checkpoint has a folder of its own
            in `resume`.

    Returns:
        For each layer and checkpoint, in the order of the epochs, the mean over the images. An image in which a layer
        has the same activation everywhere counts as 0. Cost: two forward passes for each checkpoint.

    Raises:
        ValueError: no checkpoints, an unknown layer, or an example that cannot be read.
        FloatingPointError: an activation that is not finite.
    """
    f, examples, names = as_pytree(f), Examples(dataset), check_names(layers)
    networks = {epoch: as_pytree(network) for epoch, network in _sorted(checkpoints).items()}
    check_layers(f, names, scan.images(examples))
    means = []
    for epoch, network in networks.items():
        whole = run_scan((f, network), _Study(names), examples, _in_folder(scan, f"settling-{epoch}")).value
        means.append(whole["total"] / whole["count"])
    return dict(zip(names, np.stack(means, 1), strict=True))


def _sorted(checkpoints: Mapping[int, Callable]) -> dict[int, Callable]:
    if not checkpoints:
        raise ValueError("`checkpoints` must hold at least one network, got none. Give {epoch: network}.")
    return {epoch: checkpoints[epoch] for epoch in sorted(checkpoints)}


def _in_folder(scan: Scan, name: str) -> Scan:
    return scan if scan.resume is None else dataclasses.replace(scan, resume=f"{scan.resume}/{name}")


@dataclasses.dataclass(frozen=True)
class _Study:
    layers: tuple[str, ...]

    def batch(self, f: Any, images: Any, labels: jax.Array, valid: jax.Array) -> dict[str, jax.Array]:
        del labels
        both = [activations(network, self.layers, images) for network in f]
        correlations, finite = [], jnp.ones(len(valid), bool)
        for name in self.layers:
            flat = [acts[name].reshape(len(valid), -1).astype(jnp.float32) for acts in both]
            finite &= jnp.isfinite(flat[0]).all(1) & jnp.isfinite(flat[1]).all(1)
            # Drawn at random: every n-th unit would be of one channel where n is a multiple of their number.
            chosen = np.sort(np.random.default_rng(0).permutation(flat[0].shape[1])[:_RANKED])
            # The same everywhere in a layer is no order, and counts as none.
            correlations.append(jnp.nan_to_num(correlation(*(values[:, chosen] for values in flat))))
        total = jnp.where(valid, jnp.stack(correlations), 0).sum(1)
        return {"total": total, "count": valid.sum(), FINITE: finite}

    def partial(self, outs: Partial, batch: Batch) -> Partial:
        del batch
        return {"total": outs["total"].astype(np.float64), "count": outs["count"].astype(np.int64)}

    def merge(self, left: Partial, right: Partial) -> Partial:
        return {name: left[name] + right[name] for name in left}

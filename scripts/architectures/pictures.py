"""What one looks at to choose between networks: filters, feature maps, and what the strongest digits project down."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

import jaxviz as jv
from jaxviz.render import plot
from models.network import Network
from scripts.architectures.aliasing import strongest_projections

_COLS, _NUM, _GAP = 8, 16, 2
_LAYERS = ("conv1", "conv2")


def draw(networks: tuple[Network, ...], photos: np.ndarray, entries: list[dict[str, Any]]) -> bytes:
    """A PNG: a column a network, a row a kind of picture, each of sixteen tiles."""
    columns = [_column(network, photos) for network in networks]
    rows = list(columns[0])
    figure = plot.figure(6.2 * len(networks), 1.6 * len(rows) + 0.5, dpi=110)
    table = figure.subplots(len(rows), len(networks), squeeze=False)
    for place, (column, entry) in enumerate(zip(columns, entries, strict=True)):
        for axes, row in zip(table[:, place], rows, strict=True):
            axes.imshow(column[row], cmap="gray", vmin=0, vmax=1, interpolation="nearest")
            plot.bare(axes)
            if place == 0:
                plot.row_name(axes, row, upright=False)
        plot.heading_of(table[0, place], f"{entry['network']}: accuracy {entry['accuracy']:.2%}\n{folds(entry)}")
    return plot.png(figure)


def folds(entry: dict[str, Any]) -> str:
    """What the first layer's stride does to its maps, in words."""
    first = entry["layers"][0]
    return f"the stride of {first['layer']} folds {first['folded']:.0%} of the energy of its maps"


def _column(network: Network, photos: np.ndarray) -> dict[str, np.ndarray]:
    module: Any = nnx.merge(network.graphdef, network.state)
    images = network.normalize(photos / np.float32(255))
    rows = {}
    for layer in _LAYERS:
        kernel = np.asarray(getattr(module, layer).kernel[...])
        rows[f"{layer}\nfilters"] = mosaic([_signed(_plane(kernel[..., k])) for k in range(kernel.shape[-1])][:_NUM])
        maps = np.asarray(jv.upto(network, layer)(images[:1]))[0]
        # The liveliest maps, each as bright as it gets.
        order = np.argsort(-maps.reshape(-1, maps.shape[-1]).max(0), kind="stable")[:_NUM]
        rows[f"{layer}\nmaps of a digit"] = mosaic([maps[..., k] / max(float(maps[..., k].max()), 1e-9) for k in order])
        digits, projections, _ = strongest_projections(network, layer, photos, _NUM)
        rows[f"{layer}\nstrongest digits"] = mosaic([digit.mean(-1) / 255 for digit in digits])
        rows[f"{layer}\nprojected down"] = mosaic([_signed(projection.sum(-1)) for projection in projections])
    return rows


def _plane(kernel: np.ndarray) -> np.ndarray:
    """A filter as one picture: the slice for that of its inputs which has the largest weights."""
    return kernel[..., np.abs(kernel).sum((0, 1)).argmax()]


def _signed(values: np.ndarray) -> np.ndarray:
    """Zero is the middle gray."""
    return 0.5 + 0.5 * values / max(float(np.abs(values).max()), 1e-9)


def mosaic(tiles: list[np.ndarray], side: int = 40) -> np.ndarray:
    """Tiles in rows of eight, two rows or what they need, every pixel a square."""
    rows = max(2, -(-len(tiles) // _COLS))
    sheet = 0.85 * np.ones((rows * (side + _GAP) - _GAP, _COLS * (side + _GAP) - _GAP))
    for number, tile in enumerate(tiles):
        row, col = divmod(number, _COLS)
        large = np.asarray(jax.image.resize(jnp.asarray(tile), (side, side), "nearest"))
        top, left = row * (side + _GAP), col * (side + _GAP)
        sheet[top : top + side, left : left + side] = large
    return sheet

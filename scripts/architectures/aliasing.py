"""How much a network's steps over the image leave of what its maps show: aliasing, and contrast of the projections."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

import jaxviz as jv
from models.network import Network

_STROKE, _BACKGROUND = 0.5, 0.05  # brightness of a pixel that is surely one or the other


def convolutions(network: Network) -> dict[str, nnx.Conv]:
    """`conv1`, `conv2`, .. as far as the network has them."""
    module: Any = nnx.merge(network.graphdef, network.state)
    numbers = range(1, 1 + sum(hasattr(module, f"conv{number}") for number in range(1, 10)))
    return {f"conv{number}": getattr(module, f"conv{number}") for number in numbers}


def steps(network: Network) -> dict[str, int]:
    """Pixels from a unit of each convolution to its neighbor, every convolution followed by a pool of 2x2."""
    step, found = 1, {}
    for layer, conv in convolutions(network).items():
        step *= stride(conv)
        found[layer] = step
        step *= 2
    return found


def stride(conv: nnx.Conv) -> int:
    """Of rows, which is that of columns."""
    strides = conv.strides or 1
    return strides if isinstance(strides, int) else strides[0]


def above(maps: np.ndarray, step: int) -> float:
    """The share of the maps' spectral energy above the Nyquist frequency of a grid with a point every `step` pixels.

    The mean of each map, (n, h, w), is no part of it. A frequency counts as above where either of its components is.
    """
    frequencies, energy = spectrum(maps)
    total = energy.sum()
    return float(energy[frequencies > 0.5 / step + 1e-9].sum() / total) if total else 0.0


def spectrum(maps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The larger component of each frequency, in cycles a pixel, and the energy there, summed over the maps."""
    maps = np.asarray(maps, np.float64)
    energy = (np.abs(np.fft.fft2(maps - maps.mean((1, 2), keepdims=True))) ** 2).sum(0)
    rows, cols = np.abs(np.fft.fftfreq(maps.shape[1])), np.abs(np.fft.fftfreq(maps.shape[2]))
    return np.maximum(rows[:, None], cols), energy


def folded(network: Network, layer: str, images: Any) -> float:
    """The share of energy that the stride of a convolution folds onto lower frequencies.

    The layer is computed once more at every place, as if its stride were 1. What its maps, after the ReLU, then have
    above the Nyquist frequency of the stride is what a step over the places cannot tell from something else.
    """
    layers = list(convolutions(network))
    conv = convolutions(network)[layer]
    place = layers.index(layer)
    inputs = images if place == 0 else jv.upto(network, f"pool{place}")(images)
    conv.strides = 1
    maps = np.asarray(jax.nn.relu(conv(inputs)))
    stepped = stride(convolutions(network)[layer])
    return above(np.moveaxis(maps, 3, 1).reshape(-1, *maps.shape[1:3]), stepped)


def reconstruct(network: Network, layer: str, images: Any) -> np.ndarray:
    """All maps of a layer together, projected down to the pixels by the deconvnet, their channels summed: (n, h, w)."""
    maps, pull = jax.vjp(jv.with_rule(jv.upto(network, layer), "deconvnet"), images)
    return np.asarray(pull(maps)[0]).sum(-1)


def contrast(reconstruction: np.ndarray, brightness: np.ndarray) -> float:
    """(s - b) / (s + b), with the mean size of the reconstruction on strokes and on background; mean over images."""
    size = np.abs(np.asarray(reconstruction, np.float64))
    strokes, background = brightness > _STROKE, brightness < _BACKGROUND
    found = []
    for one, on, off in zip(size, strokes, background, strict=True):
        if on.any() and off.any() and one[on].mean() + one[off].mean() > 0:
            found.append((one[on].mean() - one[off].mean()) / (one[on].mean() + one[off].mean()))
    return float(np.mean(found)) if found else 0.0


def measure(network: Network, photos: np.ndarray) -> list[dict[str, Any]]:
    """An entry a convolution.

    It has the step, what its own stride folds, and of the reconstruction what is above the Nyquist frequency of the
    step, the contrast, and the shares of the energy in fourteen equal bands of frequency.
    """
    images = network.normalize(photos / np.float32(255))
    brightness = photos.mean(-1) / 255
    entries = []
    for layer, step in steps(network).items():
        reconstruction = reconstruct(network, layer, images)
        frequencies, energy = spectrum(reconstruction)
        edges = np.linspace(0, 0.5, 15)
        bands = np.digitize(frequencies, edges[1:-1], right=True)
        shares = np.bincount(bands.ravel(), energy.ravel(), len(edges) - 1) / max(energy.sum(), 1e-30)
        entries.append(
            {
                "layer": layer,
                "step": step,
                "folded": round(folded(network, layer, images), 5),
                "above": round(above(reconstruction, step), 5),
                "contrast": round(contrast(reconstruction, brightness), 5),
                "spectrum": [round(float(share), 6) for share in shares],
            }
        )
    return entries


def rank_correlation(x: Any, y: Any) -> float | None:
    """Spearman's, with means for equal ranks; None where one of them does not vary."""
    found = float(jv.metrics.rank_correlation(*(jnp.asarray(values, jnp.float32)[None] for values in (x, y)))[0])
    return None if np.isnan(found) else round(found, 4)


def strongest_projections(
    network: Network, layer: str, photos: np.ndarray, num: int
) -> tuple[np.ndarray, np.ndarray, list[int]]:
    """For the first `num` channels that some photo excites: the photo that does most, and its projection."""
    images = network.normalize(photos / np.float32(255))
    found = jv.dataset.strongest(network, (images, None), [layer], num=1)[layer]
    channels = [int(channel) for channel in found.channels if found.scores[channel, 0] > 0][:num]
    places = found.indices[channels, 0]
    units = np.concatenate([found.positions[channels, 0], np.array(channels)[:, None]], axis=1)[:, None]
    projections = jv.project(network, images[jnp.asarray(places)], layer, units)[:, 0]
    return photos[places], np.asarray(projections), channels

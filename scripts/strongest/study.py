"""The strongest images of all channels in one pass, and projections of some."""

import functools
from typing import TYPE_CHECKING, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import jaxviz as jv
import models
from jaxviz import render
from scripts._harness.networks import network_of
from scripts._harness.run_folder import Step
from scripts._harness.scan.boxes import fields_of
from scripts._harness.scan.data import Data, find
from scripts._harness.scan.filters import parsed
from scripts._harness.scan.run import Run, settings
from scripts._harness.words import color, unknown

if TYPE_CHECKING:
    from scripts.strongest.config import Config

_AT_A_TIME = 16
_LARGEST = 72  # pixels of a patch in the picture, about
_CLIPPED = 98.0  # percentile of its absolute values that becomes full color: few pixels hold most of a deep projection
FOUND = "strongest"
"""The name of the step that goes over the data."""


class Study(NamedTuple):
    """Everything that the steps share; `chosen` are the filters that were named, by layer."""

    config: "Config"
    network: models.Network
    data: Data
    layers: tuple[str, ...]
    chosen: dict[str, list[int]]
    folder: Run


def prepare(config: "Config") -> Study:
    """Look at every argument before anything is computed.

    Raises:
        ValueError: the first one that does not fit.
        FileNotFoundError: the data are not there.
    """
    network = network_of(config.network, config.scan.weights, "NETWORK")
    shapes = jv.layers(network, jax.ShapeDtypeStruct((1, *network.input_shape), np.float32))
    # Pools have the channels of the layer before.
    maps = {name: found.shape[-1] for name, found in shapes.items() if len(found.shape) == 4}
    chosen = parsed(config.filters, maps)
    for layer in config.layers:
        if layer not in maps:
            raise ValueError(unknown("--layers", layer, list(maps)))
    layers = tuple(chosen) or config.layers or tuple(name for name in maps if not name.startswith("pool"))
    if not chosen and config.channels > (most := max(maps[layer] for layer in layers)):
        raise ValueError(f"`--channels` must be at most {most}, which the largest layer has, got {config.channels}.")
    data = find(network, config.scan)
    if not 1 <= config.num <= data.size:
        raise ValueError(f"`--num` must be in 1..{data.size}, the images there are, got {config.num}.")
    run = Run(
        f"strongest-{network.name}-{data.name}" + ("-filters" if chosen else ""),
        settings("strongest", config, network, data, layers=layers),
        config.scan,
        images=data.size + sum(_shown(config, chosen, maps, layer) for layer in layers) * config.num,
    )
    return Study(config, network, data, layers, chosen, run)


def measure(study: Study) -> dict[str, Step]:
    """All steps by name: the pass over the data, and the projections of each layer."""
    found = study.folder.step(FOUND, study.data.size, lambda: _strongest(study))
    steps = {FOUND: found}
    for layer in study.layers:
        images = len(found.arrays[f"{layer}.channels"]) * study.config.num
        name = f"projections-{layer}"
        steps[layer] = study.folder.step(name, images, lambda layer=layer: _projections(study, found, layer))
    return steps


def headline(steps: dict[str, Step]) -> str:
    """How many channels anything excites."""
    layers = steps[FOUND].numbers["layers"]
    silent = ", ".join(f"{layer} {found['silent']} of {found['channels']}" for layer, found in layers.items())
    return f"Channels that no image excites: {silent}."


def _shown(config: "Config", chosen: dict[str, list[int]], maps: dict[str, int], layer: str) -> int:
    return len(chosen[layer]) if chosen else min(config.channels, maps[layer])


def _strongest(study: Study) -> Step:
    config = study.config
    options = study.folder.scan("all", study.network.spec)
    found = jv.dataset.strongest(
        study.network, study.data.dataset, study.layers, num=config.num, score=config.score, scan=options
    )
    random, numbers, arrays = np.random.default_rng(config.seed), {}, {}
    for layer, one in found.items():
        excited = np.flatnonzero(one.scores[:, 0] > 0)
        drawn = random.permutation(excited)[: config.channels]
        channels = np.array(study.chosen[layer]) if study.chosen else np.sort(drawn)
        for field in ("indices", "scores", "activations", "positions"):
            arrays[f"{layer}.{field}"] = getattr(one, field)
        arrays[f"{layer}.channels"] = channels
        numbers[layer] = {
            "channels": len(one.channels),
            "silent": int(len(one.channels) - len(excited)),
            "shown": {
                int(channel): {
                    "images": one.indices[channel].tolist(),
                    "scores": np.round(one.scores[channel].astype(float), 4).tolist(),
                    "positions": one.positions[channel].tolist(),
                }
                for channel in channels
            },
        }
    return Step({"layers": numbers, "skipped": list(next(iter(found.values())).skipped)}, arrays)


def _projections(study: Study, found: Step, layer: str) -> Step:
    """Pictures of the chosen channels of a layer: what excited them, and the patch or the image that it lies in."""
    channels = found.arrays[f"{layer}.channels"]
    # -1 stands for no more images that could be read; another one keeps the shapes, and is not shown.
    indices = np.maximum(found.arrays[f"{layer}.indices"][channels].ravel(), 0)
    places = found.arrays[f"{layer}.positions"][channels].reshape(-1, 2)
    units = np.concatenate([places, np.repeat(channels, study.config.num)[:, None]], 1)
    fields, boxes = boxes_of(study, layer, units), []
    patches, projections = [], []
    for first in range(0, len(indices), _AT_A_TIME):
        # Filled up with the last one, so that one program does for all.
        some = np.minimum(np.arange(first, first + _AT_A_TIME), len(indices) - 1)
        photos = np.stack([study.data.picture(int(index)) for index in indices[some]])
        images = study.network.normalize(photos / np.float32(255))
        if study.config.score == "max":
            down = jv.project(study.network, images, layer, units[some][:, None], rule=study.config.rule)[:, 0]
        else:
            down = _whole_map(study.network, images, jnp.asarray(units[some, 2]), layer=layer, rule=study.config.rule)
        for place, photo, projection in zip(some[: len(indices) - first], photos, np.asarray(down), strict=False):
            boxes.append(box := render.responding_box(projection, fields[place]))
            times = max(1, round((box.bottom - box.top) / _LARGEST))
            patch, signed = box(photo), box(color(study.network, projection))
            patches.append(np.rint(_smaller(patch, times)).astype(np.uint8))
            # Made smaller while it is signed: of the colors, most would average out.
            projections.append(render.gray_centered(_smaller(signed, times), percentile=_CLIPPED))
        study.folder.tick(len(some[: len(indices) - first]))
    numbers = {
        "layer": layer,
        "channels": channels.tolist(),
        "field": fields[0].bottom - fields[0].top,
        "boxes": [list(box) for box in boxes],
    }
    return Step(numbers, {"patches": stacked(patches), "projections": stacked(projections)})


def stacked(pictures: list[np.ndarray]) -> np.ndarray:
    """Square pictures of several sizes in one array, enlarged to the largest: pixels stay squares."""
    most = max(len(picture) for picture in pictures)
    index = [np.arange(most) * len(picture) // most for picture in pictures]
    return np.stack([picture[np.ix_(rows, rows)] for picture, rows in zip(pictures, index, strict=True)])


def boxes_of(study: Study, layer: str, units: np.ndarray) -> list[render.Box]:
    """The part of an image that each unit sees; the whole image where the whole map counts."""
    if study.config.score == "max":
        return fields_of(study.network, layer, units)
    height, width, _ = study.network.input_shape
    return [render.Box(0, 0, height, width)] * len(units)


def _smaller(picture: np.ndarray, times: int) -> np.ndarray:
    """Means of squares of pixels."""
    rows, cols = (size // times for size in picture.shape[:2])
    return picture[: rows * times, : cols * times].reshape(rows, times, cols, times, -1).mean((1, 3))


@functools.partial(jax.jit, static_argnames=("layer", "rule"))
def _whole_map(
    network: models.Network, images: jax.Array, channels: jax.Array, *, layer: str, rule: jv.transforms.Rule
) -> jax.Array:
    """All responses of a channel at once, projected down to the pixels; one channel for each image."""
    below = jv.upto(jv.with_rule(network, rule), layer)
    activation, down = jax.vjp(below, images)
    own = jnp.arange(activation.shape[-1]) == channels[:, None, None, None]
    return down(jnp.where(own, activation, 0))[0]

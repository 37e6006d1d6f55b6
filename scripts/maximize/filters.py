"""What the filters of a network ask for, layer by layer, and beside it the photos that excite them most."""

import time
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import jax.numpy as jnp
import numpy as np

import jaxviz as jv
from jaxviz import maximize, render
from scripts._harness import photo_folder as _photo_folder
from scripts._harness.ascent import LOGITS, Study, picture, rounded, study
from scripts._harness.channels import channel_name
from scripts._harness.depends import of_data
from scripts._harness.plan import Plan, Task, Tick, settings
from scripts._harness.run_folder import Step
from scripts._harness.words import spread_over, unknown
from scripts.maximize import photos as _photos

if TYPE_CHECKING:
    from scripts.maximize.config import Filters

# The convolutions that are usually shown of it; elsewhere they are spread evenly.
_DEEPER = {"vgg16": ("conv2_2", "conv3_3", "conv4_3", "conv5_3")}
_PHOTOS = "photos"
_BATCH = 16


class Layer(NamedTuple):
    """A layer, the channels of it to show, and how many it has."""

    name: str
    channels: np.ndarray
    total: int


def plan(config: "Filters") -> Plan:
    """One task per layer, and one for the photos where there are some."""
    shared, whole = study(config.ascent, config.size), study(config.ascent)
    layers = _layers(config, shared)
    tasks = {layer.name: Task(partial(_ascents, shared, layer), len(layer.channels)) for layer in layers}
    photos = None
    if config.photos or _photo_folder.is_set():
        photos = _photos.at_hand(whole.network, config.photos)
        tasks[_PHOTOS] = Task(partial(_strongest, whole, photos, layers, config.num_photos), len(photos.pixels))
    source = photos.source if photos else "none: neither --photos nor JAXVIZ_PHOTOS is given"
    run = settings(config, shared, layers=[layer.name for layer in layers], source=source)
    run["photos_sha256"] = of_data(photos and photos.pixels)
    return Plan(
        f"maximize-filters-{shared.network.name}",
        run,
        tasks,
        partial(_draw, shared, photos, layers),
        _report,
        _headline,
    )


def _layers(config: "Filters", shared: Study) -> list[Layer]:
    """The first channels of two early convolutions, random ones of the other layers."""
    images = np.zeros((1, *shared.network.input_shape), np.float32)
    shapes = {name: found.shape for name, found in jv.layers(shared.f, images).items()}
    if unfit := [layer for layer in config.layers if layer not in shapes]:
        raise ValueError(unknown("--layers", unfit[0], list(shapes)))
    # Pooling has the channels of the layer before.
    maps = [name for name, shape in shapes.items() if len(shape) == 4 and min(shape[1:3]) > 1 and "pool" not in name]
    dense = [name for name, shape in shapes.items() if len(shape) == 2 and name != LOGITS] or [LOGITS]
    early, rest = maps[:2], maps[2:]
    deeper = _DEEPER.get(shared.network.name) or (spread_over(rest, shapes, len(shared.labels)) if rest else ())
    random = np.random.default_rng(config.ascent.seed)
    found = []
    for name in config.layers or (*early, *deeper, *dense):
        total = shapes[name][-1]
        if name in early:
            channels = np.arange(min(config.first, total))
        else:
            channels = np.sort(random.choice(total, min(config.random, total), replace=False))
        found.append(Layer(name, channels, total))
    return found


def _ascents(shared: Study, layer: Layer, tick: Tick) -> Step:
    start, pixels, traces = time.perf_counter(), [], []
    count = min(_BATCH, len(layer.channels))
    for first in range(0, len(layer.channels), count):
        # Filled up with the last one, so that one program does for all.
        some = layer.channels[np.minimum(np.arange(first, first + count), len(layer.channels) - 1)]
        found = shared.ascend(maximize.channel(layer.name, jnp.asarray(some)))
        left = len(layer.channels[first : first + count])
        pixels.append(picture(found.pixels[:left]))
        traces.append(np.asarray(found.trace[:left]))
        tick(left)
    trace = np.concatenate(traces)
    numbers = {
        "layer": layer.name,
        "channels": layer.channels.tolist(),
        "objective": {"first": rounded(trace[:, 0]), "last": rounded(trace[:, -1])},
        "silent": layer.channels[trace[:, -1] <= 0].tolist(),
        "seconds": round(time.perf_counter() - start, 2),
    }
    return Step(numbers, {"pictures": np.concatenate(pixels), "trace": trace})


def _strongest(whole: Study, photos: _photos.Photos, layers: list[Layer], num: int, tick: Tick) -> Step:
    start, numbers, arrays = time.perf_counter(), {}, {}
    ranked = _photos.ranked(whole, photos, [layer.name for layer in layers], min(num, len(photos.pixels)))
    tick(len(photos.pixels))
    for name, channels, _ in layers:
        index, places = ranked[name].indices[channels], ranked[name].positions[channels]
        units = np.concatenate([places, np.broadcast_to(channels[:, None, None], (*index.shape, 1))], axis=-1)
        numbers[name] = {"photos": index.tolist(), "activations": rounded(ranked[name].activations[channels])}
        arrays[f"{name}.photos"], arrays[f"{name}.boxes"] = index, _photos.sees(whole, name, units)
    numbers = {"source": photos.source, "layers": numbers, "seconds": round(time.perf_counter() - start, 2)}
    return Step(numbers, arrays)


def _draw(
    shared: Study, photos: _photos.Photos | None, layers: list[Layer], steps: dict[str, Step]
) -> dict[str, bytes]:
    files = {}
    for name, channels, total in layers:
        step = steps[name]
        pictures, words = list(step.arrays["pictures"]), _words(shared, total, step)
        title = f"{shared.network.name} {name}: what its channels ask for"
        tile = shared.network.input_shape[0]
        tile *= max(1, 96 // tile)
        cols = 8 if len(channels) > 16 else 4
        files[f"{name}.png"] = render.png(render.contact_sheet(pictures, words, title=title, cols=cols, tile=tile))
        if photos is not None:
            arrays = steps[_PHOTOS].arrays
            pairs = zip(arrays[f"{name}.photos"], arrays[f"{name}.boxes"], strict=True)
            patches = [
                [
                    picture(render.Box(*map(int, box))(photos.pixels[number]) / 255)
                    for number, box in zip(numbers, boxes, strict=True)
                ]
                for numbers, boxes in pairs
            ]
            title = f"{shared.network.name} {name}: what its channels ask for, and what excites them most in photos"
            sheet = render.paired_sheet(pictures, patches, words, title=title, cols=4, tile=tile)
            files[f"{name}-{_PHOTOS}.png"] = render.png(sheet)
    return files


def _words(shared: Study, total: int, step: Step) -> list[str]:
    silent = set(step.numbers["silent"])
    return [
        channel_name(channel, total, shared.labels) + (", silent" if channel in silent else "")
        for channel in step.numbers["channels"]
    ]


def _headline(steps: dict[str, Step]) -> str:
    found = [step.numbers for step in steps.values() if "layer" in step.numbers]
    drawn = ", ".join(f"{one['layer']} {len(one['channels'])} ({len(one['silent'])} silent)" for one in found)
    return f"Channels drawn: {drawn}."


def _report(steps: dict[str, Step]) -> str:
    lines = []
    for step in steps.values():
        if "layer" in step.numbers:
            count, silent = len(step.numbers["channels"]), len(step.numbers["silent"])
            lines.append(
                f"  {step.numbers['layer']:<12} {count} channels, {silent} silent, {step.numbers['seconds']} s"
            )
    return "\n".join(lines)

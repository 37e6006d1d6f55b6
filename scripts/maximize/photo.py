"""A photo's most excited units, layer by layer: what each saw in it, and what it asks for."""

import time
from functools import partial
from typing import TYPE_CHECKING

import jax
import numpy as np

import jaxviz as jv
from jaxviz import maximize, render
from scripts._harness import photo as _photo
from scripts._harness.ascent import Study, picture, rounded, study
from scripts._harness.depends import of_data
from scripts._harness.plan import Plan, Task, Tick, settings
from scripts._harness.run_folder import Step
from scripts._harness.words import color, pixels, spread_over, unknown
from scripts.maximize import photos as _photos

if TYPE_CHECKING:
    from scripts.maximize.config import Photo

_SEES = ("top", "left", "bottom", "right")
_ROWS = ("photo", "projection", "asks for")


def plan(config: "Photo") -> Plan:
    """One task per layer."""
    photo, shared = _photo.load(config.photo), study(config.ascent)
    images = shared.network.preprocess(photo.pixels)
    shapes = {name: found.shape for name, found in jv.layers(shared.f, images).items()}
    maps = [name for name, shape in shapes.items() if len(shape) == 4 and min(shape[1:3]) > 1]
    if unfit := [layer for layer in config.layers if layer not in maps]:
        raise ValueError(unknown("--layers", unfit[0], maps))
    layers = tuple(sorted(set(config.layers), key=maps.index)) or spread_over(maps, shapes, len(shared.labels))
    if config.units > (most := max(shapes[layer][-1] for layer in layers)):
        raise ValueError(f"`--units` must be at most {most}, the channels of the largest layer, got {config.units}.")
    crop = shared.network.crop(photo.pixels)
    others = _photos.at_hand(shared.network, config.photos)
    others = others._replace(pixels=others.pixels[(others.pixels != crop).any((1, 2, 3))])
    tasks = {
        layer: Task(partial(_measure, shared, images, others, layer, config.units), config.units) for layer in layers
    }
    run = settings(config, shared, photo=photo.name, sha256=photo.sha256, layers=list(layers), typical=others.source)
    run["typical_sha256"] = of_data(others.pixels)
    draw = partial(_draw, shared, pixels(shared.network, images), photo.name, layers)
    return Plan(f"maximize-photo-{photo.name}-{shared.network.name}", run, tasks, draw, _report, _headline)


def _measure(shared: Study, images: jax.Array, others: _photos.Photos, layer: str, num: int, tick: Tick) -> Step:
    del tick
    start = time.perf_counter()
    below = jax.jit(jv.fast_on_cpu(lambda f, images: jv.upto(f, layer)(images)[0]))
    activation = np.asarray(below(shared.f, images))
    # Of each channel the strongest response in every other photo, on average.
    typical = _photos.ranked(shared, others, [layer], len(others.pixels))[layer].scores.mean(axis=-1)
    units, relative = excited(activation, typical, min(num, activation.shape[-1]))
    projections = np.asarray(jv.project(shared.f, images, layer, units)[0])
    found = shared.ascend(maximize.unit(layer, *units.T))
    boxes = [render.bounding_box(projection, share=0.95).square(projection.shape[:2]) for projection in projections]
    numbers = {
        "layer": layer,
        "typical": {"photos": others.source, "used": len(others.pixels)},
        "units": [
            {
                "row": int(row),
                "col": int(col),
                "channel": int(channel),
                "activation": rounded(activation[row, col, channel]),
                "typical": rounded(typical[channel]),
                "relative": rounded(relative[channel]),
                "reached": rounded(reached),
                "sees": dict(zip(_SEES, box, strict=True)),
            }
            for (row, col, channel), reached, box in zip(units, found.trace[:, -1], boxes, strict=True)
        ],
        "seconds": round(time.perf_counter() - start, 2),
    }
    arrays = {"units": units, "projections": projections, "pictures": picture(found.pixels)}
    return Step(numbers, arrays)


def excited(activation: np.ndarray, typical: np.ndarray, num: int) -> tuple[np.ndarray, np.ndarray]:
    """The strongest unit of those channels that a photo excites most, relative to what is typical of them.

    A tenth of what is typical of the layer is added to what is typical of a channel: one that hardly any photo excites
    would win by a trace of activation.

    Args:
        activation: of the photo, `(h, w, c)`.
        typical: the strongest response of each channel in a photo, on average, `(c,)`.
        num: how many units.

    Returns:
        `(row, col, channel)` of each unit, and how many times the typical response each channel gives.
    """
    flat = activation.reshape(-1, activation.shape[-1])
    relative = flat.max(axis=0) / np.maximum(typical + 0.1 * typical.mean(), 1e-12)
    channels = np.argsort(-relative, kind="stable")[:num]
    rows, cols = np.unravel_index(flat.argmax(axis=0)[channels], activation.shape[:2])
    return np.stack([rows, cols, channels], axis=1), relative


def _draw(
    shared: Study, photo: np.ndarray, name: str, layers: tuple[str, ...], steps: dict[str, Step]
) -> dict[str, bytes]:
    files = {"photo.png": render.png(photo)}
    for layer in layers:
        step = steps[layer]
        columns = []
        for index, unit in enumerate(step.numbers["units"]):
            box = render.Box(**unit["sees"])
            projection = render.gray_centered(color(shared.network, step.arrays["projections"][index]))
            columns.append([box(photo), box(projection), box(step.arrays["pictures"][index])])
        sheet = render.grid(
            [[column[row] for column in columns] for row in range(len(_ROWS))],
            rows=_ROWS,
            cols=[f"channel {unit['channel']}\n{unit['relative']:.1f} times typical" for unit in step.numbers["units"]],
            title=f"{shared.network.name} {layer}: what its units saw in {name}, and what they ask for",
            cell=1.5,
        )
        files[f"{layer}.png"] = render.png(sheet)
    return files


def _headline(steps: dict[str, Step]) -> str:
    said = [
        f"{step.numbers['layer']} {units[0]['channel']} ({units[0]['relative']:.1f} times typical)"
        for step in steps.values()
        if (units := step.numbers["units"])
    ]
    return f"The channels that the photo excites most: {', '.join(said)}."


def _report(steps: dict[str, Step]) -> str:
    lines = []
    for step in steps.values():
        units = step.numbers["units"]
        words = ", ".join(f"{unit['channel']} ({unit['relative']:.1f}x)" for unit in units)
        lines.append(f"  {step.numbers['layer']:<10} channels {words}")
    return "\n".join(lines)

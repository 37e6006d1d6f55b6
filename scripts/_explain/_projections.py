"""One step per layer: its strongest units, and what of the photo each responds to."""

from typing import Any

import jax.numpy as jnp
import numpy as np

import jaxviz as jv
from jaxviz import render
from scripts._explain._study import Study, timed
from scripts._run_folder import Step

Strips = list[tuple[dict[str, Any], list[render.Figure]]]

_RULES = ("deconvnet", "guided")
# Of a projection, to show: the rim that is left out is hardly darker or brighter than zero.
_SHARE = 0.95


def measure(study: Study, layer: str) -> Step:
    """The strongest unit of each of the strongest channels, projected to pixels by both rules."""
    activation, seconds = timed(lambda network, images: jv.upto(network, layer)(images)[0], study.network, study.images)
    num = min(study.config.units, activation.shape[-1])
    units = np.array(jv.strongest_units(jnp.asarray(activation), num, per_channel=1))
    arrays = {"units": units}
    for rule in _RULES:
        projections, more = timed(
            lambda network, images, units, rule=rule: jv.project(network, images, layer, units, rule=rule)[0],
            study.network,
            study.images,
            units,
        )
        arrays[rule] = projections
        seconds = {what: round(seconds[what] + more[what], 3) for what in seconds}
    boxes = [
        square(render.support(projection, share=_SHARE), study.photo.shape[:2]) for projection in arrays["deconvnet"]
    ]
    numbers = {
        "layer": layer,
        "shape": list(activation.shape),
        "units": [
            {
                "row": int(row),
                "col": int(col),
                "channel": int(channel),
                "activation": round(float(activation[row, col, channel]), 4),
                "sees": dict(zip(("top", "left", "bottom", "right"), box, strict=True)),
            }
            for (row, col, channel), box in zip(units, boxes, strict=True)
        ],
        "passes": {"forward": 1 + len(_RULES), "backward": len(_RULES) * len(units)},
        "seconds": seconds,
    }
    return Step(numbers, arrays)


def square(box: render.Box, shape: tuple[int, int]) -> render.Box:
    """The box made square within the image, so that crops of one row look alike."""
    side = min(max(box.bottom - box.top, box.right - box.left), *shape)
    top = min(max((box.top + box.bottom - side) // 2, 0), shape[0] - side)
    left = min(max((box.left + box.right - side) // 2, 0), shape[1] - side)
    return render.Box(top, left, top + side, left + side)


def strips(study: Study, step: Step) -> Strips:
    """Per unit: the patch of the photo that it sees, and what it responds to in there."""
    out = []
    for index, unit in enumerate(step.numbers["units"]):
        box = render.Box(**unit["sees"])
        where = f"channel {unit['channel']} of {step.numbers['layer']}"
        figures = [render.Figure(box(study.photo), "photo", f"The part of the photo that {where} sees.")]
        for rule in _RULES:
            picture = render.gray_centered(study.color(step.arrays[rule][index]))
            figures.append(render.Figure(box(picture), rule, f"The {rule} projection of {where}."))
        out.append((unit, figures))
    return out


def block(study: Study, step: Step) -> render.Strips:
    """What the page shows of a layer."""
    height, width, channels = step.numbers["shape"]
    return render.Strips(
        [
            (
                f"channel {unit['channel']} at ({unit['row']}, {unit['col']}), activation {unit['activation']:.3g}",
                figures,
            )
            for unit, figures in strips(study, step)
        ],
        step.numbers["layer"],
        f"{channels} channels of {height}×{width} units. Each at (row, column) of its map.",
    )


def sheet(layer: str, strips: Strips) -> np.ndarray:
    """The strips of a layer as one picture."""
    return render.grid(
        [[figures[index].picture for _, figures in strips] for index in range(1 + len(_RULES))],
        rows=["photo", *_RULES],
        cols=[f"channel {unit['channel']}" for unit, _ in strips],
        title=f"Strongest units of {layer}",
    )

"""One step per layer: its strongest units, and what of the photo each responds to."""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from jaxviz import render
from jaxviz.attribution import project, strongest_units
from jaxviz.explanation._layers import rules_below
from jaxviz.explanation._results import Programs, Result, together
from jaxviz.explanation._subject import Subject
from jaxviz.transforms import RuleName, upto

Strips = list[tuple[dict[str, Any], list[render.Figure]]]

# Of a projection, to show: the rim that is left out is hardly darker or brighter than zero.
_SHARE = 0.95


def measure(subject: Subject, layer: str, programs: Programs) -> Result:
    """The strongest unit of each of the strongest channels, projected to pixels."""
    activation, seconds = programs.timed(
        ("activation", layer), lambda f, images: upto(f, layer)(images)[0], subject.f, subject.images
    )
    num = min(subject.units, activation.shape[-1])
    units = np.array(strongest_units(jnp.asarray(activation), num, per_channel=1))
    arrays = {"units": units}
    rules = rules_below(subject.f, subject.images, layer)
    for rule in rules:

        def projected(f: Callable, images: Array, units: Array, rule: RuleName = rule) -> Array:
            return project(f, images, layer, units, rule=rule)[0]

        arrays[rule], more = programs.timed(("projection", layer, rule), projected, subject.f, subject.images, units)
        seconds = together(seconds, more)
    boxes = [
        render.bounding_box(projection, share=_SHARE).square(subject.photo.shape[:2]) for projection in arrays[rules[0]]
    ]
    numbers = {
        "layer": layer,
        "shape": list(activation.shape),
        "rules": list(rules),
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
        "passes": {"forward": 1 + len(rules), "backward": len(rules) * len(units)},
        "seconds": seconds,
    }
    return Result(numbers, arrays)


def strips(subject: Subject, result: Result) -> Strips:
    """Per unit: the patch of the photo that it sees, and what it responds to in there."""
    out = []
    for index, unit in enumerate(result.numbers["units"]):
        box = render.Box(**unit["sees"])
        where = f"channel {unit['channel']} of {result.numbers['layer']}"
        figures = [render.Figure(box(subject.photo), "photo", f"The part of the photo that {where} sees.")]
        for rule in result.numbers["rules"]:
            picture = render.gray_centered(subject.view.color(subject.images, result.arrays[rule][index]))
            figures.append(render.Figure(box(picture), rule, f"The {rule} projection of {where}."))
        out.append((unit, figures))
    return out


def block(result: Result, strips: Strips, title: str) -> render.Strips:
    """What the page shows of a layer."""
    height, width, channels = result.numbers["shape"]
    return render.Strips(
        [
            (
                f"channel {unit['channel']} at ({unit['row']}, {unit['col']}), activation "
                f"{render.number(unit['activation'])}",
                figures,
            )
            for unit, figures in strips
        ],
        title,
        f"{channels} channels of {height}×{width} units. Each at (row, column) of its map; each projection has its own "
        "scale, at whose ends 0.5% of the values that are not zero are cut off.",
    )


def sheet(layer: str, strips: Strips) -> render.Drawing:
    """The strips of a layer as one picture."""
    rows = [figure.title for figure in strips[0][1]]
    return render.draw_grid(
        [[figures[index].picture for _, figures in strips] for index in range(len(rows))],
        rows=rows,
        cols=[f"channel {unit['channel']}" for unit, _ in strips],
        title=f"Strongest units of {layer}",
    )

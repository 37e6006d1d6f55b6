"""The run on one picture, for a README or a slide."""

import numpy as np

from jaxviz import render
from scripts._explain._projections import Strips
from scripts._explain._study import Study
from scripts._run_folder import Step

_COLS = 5
# The ones to show first, where there is not room for all.
_PREFERRED = ("smoothgrad", "guided", "grad_cam")


def summary(
    study: Study,
    prediction: Step,
    attributions: dict[str, render.Figure],
    projections: dict[str, Strips],
    occlusion: render.Figure,
) -> np.ndarray:
    """The photo, three attributions and the occlusion map above single units of all layers."""
    names = sorted(attributions, key=lambda name: name not in _PREFERRED)[: _COLS - 2]
    above = [
        (prediction.numbers["photo"], study.photo),
        *((attributions[name].title, attributions[name].picture) for name in attributions if name in names),
        ("Occlusion", occlusion.picture),
    ]
    label, probability = prediction.numbers["label"], prediction.numbers["probability"]
    # As many of each layer as fit, more of the deep ones.
    share = [len(part) for part in np.array_split(range(_COLS), len(projections))][::-1]
    units = [
        (f"{layer}, channel {unit['channel']}", figures)
        for (layer, strips), count in zip(projections.items(), share, strict=True)
        for unit, figures in strips[:count]
    ]
    sheets = [
        _sheet([above], [""], f"{study.config.network}: {label}, {probability:.0%}"),
        _sheet(
            [[(title, figures[index].picture) for title, figures in units] for index in range(2)],
            ["photo", "deconvnet"],
            "What the strongest units respond to",
        ),
    ]
    return np.concatenate(sheets)


def _sheet(cells: list[list[tuple[str, np.ndarray]]], rows: list[str], title: str) -> np.ndarray:
    pictures = [[picture for _, picture in row] + [None] * (_COLS - len(row)) for row in cells]
    cols = [name for name, _ in cells[0]] + [""] * (_COLS - len(cells[0]))
    return render.grid(pictures, rows=rows, cols=cols, title=title, cell=1.1)

"""The pages of the classes."""

from typing import TYPE_CHECKING, Any

import numpy as np

from jaxviz.microscope._measure import labeled
from jaxviz.microscope._site import short

if TYPE_CHECKING:
    from jaxviz.microscope._build import Builder

_UNITS, _PHOTOS, _CONFUSED = 24, 8, 6


def write_classes(builder: "Builder") -> None:
    """A file for each class that has images."""
    site, files = builder.plan, builder.files
    if builder.counts is None or builder.confusion is None:
        return
    samples = builder.found[site.output]
    outputs = samples["sample.values"]
    predicted = outputs.argmax(1) if outputs.shape[1] > 1 else (outputs[:, 0] > 0).astype(int)
    examples = labeled(site)
    classes = np.array([examples.example(int(index))[1] for index in samples["sample.indices"]])
    for k in np.flatnonzero(builder.counts):
        right = np.flatnonzero((classes == k) & (predicted == k))
        wrong = np.flatnonzero((classes == k) & (predicted != k))
        certain = outputs[:, min(int(k), outputs.shape[1] - 1)]
        right = right[np.argsort(-certain[right], kind="stable")][:_PHOTOS]
        wrong = wrong[np.argsort(certain[wrong], kind="stable")][:_PHOTOS]
        page: dict[str, Any] = {
            "count": int(builder.counts[k]),
            "accuracy": short(float(builder.confusion[k, k] / builder.counts[k])),
            "right": [builder.image(int(samples["sample.indices"][row])) for row in right],
            "wrong": [[builder.image(int(samples["sample.indices"][row])), int(predicted[row])] for row in wrong],
            "taken_for": _confused(builder.confusion[k], int(k)),
            "taken": _confused(builder.confusion[:, k], int(k)),
            "units": _units(builder, int(k)),
        }
        files.data(f"classes/{int(k)}.js", page)


def _confused(counts: np.ndarray, k: int) -> list[list[int]]:
    counts = counts.copy()
    counts[k] = 0
    order = np.argsort(-counts, kind="stable")[:_CONFUSED]
    return [[int(other), int(counts[other])] for other in order if counts[other]]


def _units(builder: "Builder", k: int) -> list[list[Any]]:
    """The units of all layers but the output that tell the class best."""
    rows = []
    for layer, effect in builder.effects.items():
        if layer == builder.plan.output:
            continue
        values = np.nan_to_num(effect[k], nan=0.0)
        order = np.argsort(-np.abs(values), kind="stable")[: _UNITS // 3]
        place = builder.plan.layers.index(layer)
        rows += [
            [place, builder.plan.channels[layer][unit], short(float(values[unit]), 3), int(unit)]
            for unit in order
            if values[unit]
        ]
    return sorted(rows, key=lambda row: -abs(row[2]))[:_UNITS]

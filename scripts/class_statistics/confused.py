"""Images of the classes that are confused most."""

from typing import Any

import numpy as np

from jaxviz.render import plot
from scripts._harness.run_folder import Step

_PAIRS = 8


def pairs(study: Any, step: Step) -> np.ndarray:
    """A row per pair of classes: the images of which the network was most certain that they are the other."""
    found = step.numbers["most_confused"][:_PAIRS]
    width = max(len(pair["images"]) for pair in found)
    title = f"{study.network.name}: most confused,\nand how certain it was of the wrong class"
    # As wide as the title at least.
    figure = plot.figure(max(4.2, 2.1 + 1.05 * width), 0.7 + 1.2 * len(found), title=title)
    table = figure.subplots(len(found), width, squeeze=False)
    for axes in table.flat:
        plot.bare(axes)
    for row, pair in zip(table, found, strict=True):
        times = "once" if pair["count"] == 1 else f"{pair['count']} times"
        words = f"{pair['is']}\ntaken for\n{pair['taken_for']}\n{times}"
        plot.row_name(row[0], words)
        for axes, index, certain in zip(row, pair["images"], pair["confidences"], strict=False):
            plot.picture(axes, study.data.picture(index), f"{certain:.0%}")
    return plot.pixels(figure)

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
    figure = plot.figure(2.1 + 1.05 * width, 0.5 + 1.2 * len(found))
    table = figure.subplots(len(found), width, squeeze=False)
    for axes in table.flat:
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines[:].set_visible(False)
    for row, pair in zip(table, found, strict=True):
        words = f"{pair['is']}\ntaken for\n{pair['taken_for']}\n{pair['count']} times"
        row[0].set_ylabel(words, rotation=0, ha="right", va="center", fontsize=9, labelpad=8)
        for axes, index, certain in zip(row, pair["images"], pair["confidences"], strict=False):
            axes.imshow(study.data.picture(index), interpolation="nearest")
            axes.set_title(f"{certain:.0%}", fontsize=8, pad=2)
    title = f"{study.network.name}: most confused, and how certain it was of the wrong class"
    figure.suptitle(title, fontsize=10)
    return plot.pixels(figure)

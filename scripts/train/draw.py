"""Curves of a training."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from jaxviz.render import plot

_TRAIN, _TEST = "#9aa7b8", "#225588"


def curves(epochs: Sequence[dict[str, Any]], title: str) -> np.ndarray:
    """Loss and accuracy by epoch: of the batches as they were trained on, and of the test images."""
    figure = plot.figure(9, 3.6, dpi=120, title=title)
    loss, accuracy = figure.subplots(1, 2)
    numbers = [epoch["epoch"] for epoch in epochs]
    for axes, name, scale in ((loss, "loss", 1), (accuracy, "accuracy", 100)):
        for key, color, label in ((name, _TRAIN, "training batches"), (f"test_{name}", _TEST, "test images")):
            axes.plot(numbers, [scale * epoch[key] for epoch in epochs], "o-", color=color, markersize=4, label=label)
        plot.style(axes, x="epoch", y="cross-entropy, nats" if axes is loss else "accuracy, %", grid="y")
        axes.set_xlim(0.5, len(numbers) + 0.5)
        axes.xaxis.get_major_locator().set_params(integer=True)
    loss.set_ylim(bottom=0)
    plot.legend(loss)
    plot.note(
        accuracy,
        f"{100 * epochs[-1]['test_accuracy']:.2f}",
        (numbers[-1], 100 * epochs[-1]["test_accuracy"]),
        textcoords="offset points",
        xytext=(0, -14),
        ha="right",
        color=_TEST,
    )
    return plot.pixels(figure)

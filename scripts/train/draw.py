"""Curves of a training."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

_TRAIN, _TEST = "#9aa7b8", "#225588"


def curves(epochs: Sequence[dict[str, Any]], title: str) -> np.ndarray:
    """Loss and accuracy by epoch: of the batches as they were trained on, and of the test images."""
    figure = Figure(figsize=(9, 3.6), dpi=120, layout="constrained")
    loss, accuracy = figure.subplots(1, 2)
    numbers = [epoch["epoch"] for epoch in epochs]
    for axes, name, scale in ((loss, "loss", 1), (accuracy, "accuracy", 100)):
        for key, color, label in ((name, _TRAIN, "training batches"), (f"test_{name}", _TEST, "test images")):
            axes.plot(numbers, [scale * epoch[key] for epoch in epochs], "o-", color=color, markersize=4, label=label)
        axes.set_xlabel("epoch")
        axes.set_xlim(0.5, len(numbers) + 0.5)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(axis="y", alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    loss.set_ylabel("cross-entropy, nats")
    loss.set_ylim(bottom=0)
    loss.legend(frameon=False)
    accuracy.set_ylabel("accuracy, %")
    accuracy.annotate(
        f"{100 * epochs[-1]['test_accuracy']:.2f}",
        (numbers[-1], 100 * epochs[-1]["test_accuracy"]),
        textcoords="offset points",
        xytext=(0, -14),
        ha="right",
        color=_TEST,
    )
    figure.suptitle(title, fontsize=11)
    return _pixels(figure)


def _pixels(figure: Figure) -> np.ndarray:
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.array(canvas.buffer_rgba())[..., :3].copy()

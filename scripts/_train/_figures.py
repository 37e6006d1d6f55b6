"""Curves and confusion matrix of a training."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
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
    accuracy.set_ylabel("right, %")
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


def confusion(counts: np.ndarray, labels: Sequence[str], title: str) -> np.ndarray:
    """Examples of each class (rows) by the class that the network said (columns); colors are of the mistakes alone."""
    wrong = counts - np.diag(np.diag(counts))
    figure = Figure(figsize=(7.2, 6.6), dpi=120, layout="constrained")
    axes = figure.subplots()
    axes.imshow(wrong, cmap="Oranges", vmin=0, vmax=max(1.4 * wrong.max(), 1))
    for row, col in np.ndindex(*counts.shape):
        if row == col:
            axes.add_patch(_square(row))
        if counts[row, col]:
            bold = "bold" if row == col else "normal"
            axes.text(col, row, str(counts[row, col]), ha="center", va="center", fontsize=9, fontweight=bold)
    _label(axes, labels)
    axes.set_title(title, fontsize=11)
    return _pixels(figure)


def _square(place: int) -> Any:
    from matplotlib.patches import Rectangle

    return Rectangle((place - 0.5, place - 0.5), 1, 1, color="#e3eaf2")


def _label(axes: Axes, labels: Sequence[str]) -> None:
    axes.set_xticks(range(len(labels)), labels, rotation=45 if max(map(len, labels)) > 2 else 0, fontsize=9)
    axes.set_yticks(range(len(labels)), labels, fontsize=9)
    axes.set_xlabel("the network says")
    axes.set_ylabel("it is")
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _pixels(figure: Figure) -> np.ndarray:
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.array(canvas.buffer_rgba())[..., :3].copy()

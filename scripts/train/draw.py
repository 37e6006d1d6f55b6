"""The figures and numbers of a training."""

import hashlib
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from jaxviz import render
from jaxviz.render import plot
from scripts._harness import confusion as matrices
from scripts._harness.run_folder import Step, dumps
from scripts.train.run import WEIGHTS
from scripts.train.study import Study

_TRAIN, _TEST = "#9aa7b8", "#225588"


def files(study: Study, steps: list[Step]) -> dict[str, bytes]:
    """Numbers and figures."""
    epochs = [step.numbers for step in steps]
    counts = steps[-1].arrays["confusion"]
    right, total = int(np.trace(counts)), int(counts.sum())
    numbers = {
        **study.folder.run,
        "parameters": sum(leaf.size for leaf in jax.tree.leaves(study.network)),
        "device": jax.devices()[0].device_kind,
        "test_accuracy": right / total,
        "test_images": total,
        "sha256": _digest(study),
        "curves": epochs,
    }
    title = _title(study, steps)
    return {
        "training.json": dumps(numbers).encode(),
        "confusion.json": dumps(_confusion(study, counts)).encode(),
        "training.png": render.png(curves(epochs, title)),
        "confusion.png": render.png(matrices.matrix(counts, study.network.labels, title)),
    }


def table(study: Study, steps: list[Step]) -> str:
    """Accuracy and weights."""
    return f"  {_title(study, steps)}\n  {WEIGHTS} {_digest(study)}"


def _title(study: Study, steps: list[Step]) -> str:
    counts = steps[-1].arrays["confusion"]
    accuracy = f"accuracy {np.trace(counts) / counts.sum():.2%} on {counts.sum():,} test images"
    return f"{study.config.network}: {accuracy} after {steps[-1].numbers['epoch']} epochs"


def _digest(study: Study) -> str:
    return hashlib.sha256((study.folder.path / WEIGHTS).read_bytes()).hexdigest()


def _confusion(study: Study, counts: np.ndarray) -> dict[str, Any]:
    labels = study.network.labels
    wrong = counts - np.diag(np.diag(counts))
    pairs = [divmod(int(place), len(labels)) for place in np.argsort(-wrong, axis=None, kind="stable")[:5]]
    return {
        "labels": list(labels),
        "counts": counts.tolist(),
        "accuracy": {
            label: round(float(row[k] / row.sum()), 5)
            for k, (label, row) in enumerate(zip(labels, counts, strict=True))
            if row.any()
        },
        "most_confused": [{"is": labels[i], "taken_for": labels[j], "images": int(wrong[i, j])} for i, j in pairs],
    }


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

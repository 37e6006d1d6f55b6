"""The figure and the table of `scripts.compression`."""

from typing import Any

import numpy as np

from jaxviz.render import plot
from scripts._harness import text_table
from scripts._harness.photo_study.study import Study, words
from scripts._harness.run_folder import Step


def draw(study: Study, step: Step) -> bytes:
    """Above the first photo at some qualities, below the curves over the qualities, a line for each photo."""
    numbers, arrays = step.numbers, step.arrays
    layers, qualities = numbers["layers"], numbers["qualities"]
    title = f"{study.network.name} and JPEG: its answer, its features and its Grad-CAM"
    figure = plot.figure(2.6 * (len(layers) + 2), 5.2, dpi=130, title=title)
    parts: Any = figure.subfigures(2, 1, height_ratios=[1, 1.15])
    above, below = parts
    for axes, picture, quality in zip(
        above.subplots(1, len(arrays["pictures"]), squeeze=False)[0], arrays["pictures"], numbers["shown"], strict=True
    ):
        plot.picture(axes, picture, f"quality {quality}")
    table = below.subplots(1, len(layers) + 2, squeeze=False)[0]
    curves = [arrays["probabilities"], *np.moveaxis(arrays["distances"], 2, 0), arrays["cam"]]
    titles = [
        "probability of the class",
        *(f"{layer}: distance / norm" for layer in layers),
        "Grad-CAM: rank correlation",
    ]
    highest = 1.04 * float(arrays["distances"].max())
    lines = []
    for place, (axes, values, title) in enumerate(zip(table, curves, titles, strict=True)):
        lines = [
            axes.plot(qualities, row, ".-", color=plot.COLORS[number % len(plot.COLORS)], linewidth=1.2)[0]
            for number, row in enumerate(values)
        ]
        axes.set_xscale("log")
        axes.set_xticks([quality for quality in (1, 3, 10, 30, 95) if min(qualities) <= quality <= max(qualities)])
        axes.xaxis.set_major_formatter("{x:g}")
        axes.minorticks_off()
        axes.invert_xaxis()
        if place < len(curves) - 1:
            axes.set_ylim(0, highest if place else 1.02)
        plot.style(axes, title, "JPEG quality")
    labels = [f"{words(photo['photo'])} ({photo['probability']:.0%})" for photo in numbers["photos"]]
    plot.legend(figure, lines, labels, ncols=min(len(labels), 6))
    return plot.png(figure)


def files(study: Study, step: Step) -> dict[str, bytes]:
    """The figure."""
    return {"compression.png": draw(study, step)}


def table(study: Study, step: Step) -> str:
    """The means over the photos, a row for each quality."""
    del study
    mean, layers = step.numbers["mean"], step.numbers["layers"]
    rows = [
        [
            str(quality),
            f"{mean['probability'][place]:.3f}",
            *(f"{mean['distances'][layer][place]:.3f}" for layer in layers),
            f"{mean['rank_correlation_of_grad_cam'][place]:.3f}",
        ]
        for place, quality in enumerate(step.numbers["qualities"])
    ]
    return text_table.columns(rows, ["quality", "probability", *layers, "Grad-CAM"])

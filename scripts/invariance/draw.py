"""The figure and the table of `scripts.invariance`."""

import numpy as np

from jaxviz.render import plot
from scripts._harness import text_table
from scripts._harness.photo_study.study import Study, shown, words
from scripts._harness.run_folder import Step


def files(study: Study, step: Step) -> dict[str, bytes]:
    """The figure."""
    return {"invariance.png": draw(study, step)}


def table(study: Study, step: Step) -> str:
    """The areas as text."""
    del study
    layers = step.numbers["layers"]
    rows = [
        [name, *(f"{entry['areas'][layer]:.3f}" for layer in layers), f"{entry['probability_area']:.3f}"]
        for name, entry in step.numbers["transformations"].items()
    ]
    return "Area under the curve, mean over photos\n" + text_table.columns(rows, ["", *layers, "probability"])


def draw(study: Study, step: Step) -> bytes:
    """A row for each transformation: the first photo under it, the distance layer by layer, the probability."""
    numbers = step.numbers
    layers, entries = numbers["layers"], numbers["transformations"]
    title = (
        f"Invariance of {study.network.name}: how far features move, divided by their norm, on one axis for the layers "
        "of a row; and the class"
    )
    figure = plot.figure(4.4 + 2.5 * (len(layers) + 1), 1.9 * len(entries) + 0.9, dpi=130, title=title)
    table = figure.subplots(
        len(entries), len(layers) + 2, squeeze=False, width_ratios=[1.75, *[1.0] * (len(layers) + 1)]
    )
    lines = []
    for row, (name, entry) in enumerate(entries.items()):
        pictures = step.arrays[f"{name}, pictures"]
        plot.picture(table[row, 0], np.concatenate(list(pictures), 1), f"{name}: {_amounts(entry['amounts'])}")
        curves = [*step.arrays[f"{name}, distances"], step.arrays[f"{name}, probabilities"]]
        areas = [*(entry["areas"][layer] for layer in layers), entry["probability_area"]]
        # One axis for all layers of a row: what survives a change is seen by how low its curves stay.
        highest = 1.04 * float(step.arrays[f"{name}, distances"].max())
        for axes, values, title, area in zip(
            table[row, 1:], curves, [*layers, "probability of the class"], areas, strict=True
        ):
            lines = [
                axes.plot(entry["amounts"], curve, color=plot.COLORS[place % len(plot.COLORS)], linewidth=1.3)[0]
                for place, curve in enumerate(values)
            ]
            axes.set_ylim(0, 1.02 if values is curves[-1] else highest)
            heading = f"{title}, area {area:.2f}" if row else f"{title}\narea {area:.2f}"
            plot.style(axes, heading, entry["label"], "distance / norm" if axes is table[row, 1] else "")
    labels = [f"{words(photo['photo'])} ({photo['probability']:.0%})" for photo in numbers["photos"]]
    plot.legend(figure, lines, labels, ncols=min(len(labels), 6))
    return plot.png(figure)


def _amounts(amounts: list[float]) -> str:
    return ", ".join(f"{amount:g}" for amount in shown(amounts).round(2))

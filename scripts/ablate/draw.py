"""The pictures of `scripts.ablate`."""

from typing import Any

import numpy as np

from jaxviz import render
from jaxviz.render import plot
from scripts._harness.confusion import draw, mistakes
from scripts._harness.run_folder import Step
from scripts.ablate.study import Study

_SHOWN = 60
_BEFORE, _AFTER, _LEAST, _MOST, _RANDOM = "#9aa7b8", "#225588", "#009E73", "#D55E00", "#6b7280"


def files(study: Study, steps: dict[str, Step]) -> dict[str, bytes]:
    """All of them by the names of their files."""
    pictures = {"ablation.png": _ablation(study, steps["ablation"]), "curve.png": _curves(study, steps)}
    if len(steps["ablation"].arrays["changed"]):
        pictures["changed.png"] = _changed(study, steps["ablation"])
    return {name: render.png(picture) for name, picture in pictures.items()}


def _ablation(study: Study, step: Step) -> np.ndarray:
    """Confusions before and after, which predictions became which, and the accuracy of each class."""
    arrays, accuracy = step.arrays, step.numbers["accuracy"]
    named = ", ".join(f"{layer} {' '.join(map(str, some))}" for layer, some in study.off.items())
    title = f"{study.network.name} on {study.data.size:,} images without the filters {named}"
    figure = plot.figure(13.6, 11.6, title=title)
    table = figure.subplots(2, 2)
    stay = f"{int(np.trace(arrays['taken'])):,} of {int(arrays['taken'].sum()):,} predictions stay"
    # One scale for all three, so that their colors can be compared.
    most = max(int(mistakes(arrays[name]).max()) for name in ("before", "after", "taken"))
    off = f"with {_count(study)} filters off"
    before = "predicted with all filters, and the share of it that stays"
    draw(table[0, 0], arrays["before"], study.labels, f"all filters: accuracy {accuracy['before']:.2%}", limit=most)
    drawn = draw(table[0, 1], arrays["after"], study.labels, f"{off}: accuracy {accuracy['after']:.2%}", limit=most)
    draw(table[1, 0], arrays["taken"], study.labels, stay, down=before, across=f"predicted {off}", limit=most)
    plot.color_bar(figure, drawn, list(table[0]), label="images, of mistakes and of changed predictions")
    _bars(study, table[1, 1], step)
    return plot.pixels(figure)


def _bars(study: Study, axes: Any, step: Step) -> None:
    counted = [k for k, pair in enumerate(step.numbers["class_accuracy"].values()) if None not in pair]
    shares = [list(step.numbers["class_accuracy"].values())[k] for k in counted]
    if len(counted) > 40:
        axes.set_axis_off()
        return
    places = np.arange(len(counted))
    for shift, moment, color in ((-0.2, 0, _BEFORE), (0.2, 1, _AFTER)):
        label = ("all filters", f"{_count(study)} filters off")[moment]
        axes.barh(places + shift, [100 * pair[moment] for pair in shares], 0.38, color=color, label=label)
    plot.ticks(axes.yaxis, [study.labels[k] for k in counted])
    axes.invert_yaxis()
    axes.set_xlim(0, 100)
    plot.style(axes, "accuracy of each class", "accuracy, %")
    plot.legend(axes, loc="lower center", bbox_to_anchor=(0.5, -0.2), ncols=2)


def _count(study: Study) -> int:
    return sum(map(len, study.off.values()))


def _changed(study: Study, step: Step) -> np.ndarray:
    """The first images whose prediction is another one, with the class of those that were wrong before."""
    rows = step.arrays["changed"][:_SHOWN]
    pictures = [np.ascontiguousarray(study.data.picture(int(row[0]))) for row in rows]
    words = []
    for number, label, before, after in rows:
        said = f"{study.labels[before]}\n→ {study.labels[after]}"
        words.append(f"{number}: {said}" + ("" if before == label else f", is {study.labels[label]}"))
    total, last = int(step.arrays["taken"].sum() - np.trace(step.arrays["taken"])), int(rows[-1, 0])
    title = f"The first {len(rows)} images whose prediction changes, up to number {last}; {total:,} change in all"
    return render.contact_sheet(pictures, words, title=title, cols=10, tile=128)


def _curves(study: Study, steps: dict[str, Step]) -> np.ndarray:
    """Above: accuracy against the share of channels removed. Below: accuracy without each channel alone."""
    count = len(study.layers)
    ranks = f"{study.ranks.size:,} images of {study.ranks.name} {study.ranks.split}".rstrip()
    title = f"{study.network.name}: {study.data.size:,} images, channels ranked on {ranks}"
    figure = plot.figure(1.0 + 3.4 * count, 5.6, title=title)
    table = figure.subplots(2, count, squeeze=False, sharey="row", height_ratios=[1.6, 1])
    for (above, below), layer in zip(table.T, study.layers, strict=True):
        step = steps[f"curve-{layer}"]
        share = 100 * step.arrays["removed"] / step.numbers["of"]
        accuracies = 100 * step.arrays["accuracies"]
        above.plot(share, accuracies[1], "-", color=_LEAST, label="least missed first")
        above.plot(
            share, accuracies[2:].mean(0), "--", color=_RANDOM, label=f"mean of {len(accuracies) - 2} random orders"
        )
        above.fill_between(share, accuracies[2:].min(0), accuracies[2:].max(0), color=_RANDOM, alpha=0.18, linewidth=0)
        above.plot(share, accuracies[0], "-", color=_MOST, label="most missed first")
        first = layer == study.layers[0]
        up = "accuracy, %" if first else ""
        plot.style(above, f"{layer}, {step.numbers['of']} channels", "channels removed, %", up, grid="y")
        ranking = steps[f"ranking-{layer}"]
        without = 100 * ranking.arrays["accuracies"][ranking.arrays["ranking"]]
        below.bar(range(len(without)), without - 100 * ranking.numbers["accuracy"], color=_AFTER)
        below.axhline(0, color=plot.INK, linewidth=0.8)
        few = ranking.arrays["ranking"] if len(without) <= 40 else []
        up = "change, percentage points" if first else ""
        plot.style(below, x="channel removed alone", y=up, grid="y")
        plot.ticks(below.xaxis, few, rotation=90)
    plot.legend(table[0, -1], loc="lower left")
    return plot.pixels(figure)


def table(study: Study, steps: dict[str, Step]) -> str:
    """Accuracy before and after, and with half of each layer gone."""
    numbers = steps["ablation"].numbers
    accuracy = numbers["accuracy"]
    lines = [
        f"  {_count(study)} filters off: {accuracy['before']:.2%} -> {accuracy['after']:.2%}, "
        f"{numbers['lost']} lost, {numbers['won']} won",
        *(f"  {pair['was']} -> {pair['is']}: {pair['count']}" for pair in numbers["taken_for"][:5]),
    ]
    for layer in study.layers:
        step = steps[f"curve-{layer}"]
        half = int(np.argmin(np.abs(step.arrays["removed"] - step.numbers["of"] / 2)))
        most, least, *random = step.arrays["accuracies"][:, half]
        lines.append(
            f"  half of {layer} removed: {least:.1%} least missed first, {np.mean(random):.1%} at random, "
            f"{most:.1%} most missed first"
        )
    return "\n".join(lines)

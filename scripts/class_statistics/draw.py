"""The pictures of `scripts.class_statistics`."""

import numpy as np
from matplotlib.patches import Rectangle

from jaxviz import render
from jaxviz.render import plot
from scripts._harness.confusion import matrix
from scripts._harness.run_folder import Step
from scripts.class_statistics.confused import pairs
from scripts.class_statistics.study import Study

_WIDEST = 64
"""Channels of a layer that are drawn; of more, those that tell some class best."""
_MAPS = 16
_CLASSES = 24  # rows of a sheet of maps, which takes seconds for each hundred cells


def files(study: Study, steps: dict[str, Step]) -> dict[str, bytes]:
    """All of them by the names of their files."""
    pictures = {"statistics.png": _statistics(study, steps), "effects.png": _effects(study, steps)}
    for layer in study.layers:
        if max(steps["statistics"].arrays[f"{layer}.maps"].shape[1:3]) > 1:
            pictures[f"maps-{layer}.png"] = _maps(study, steps, layer)
    pictures[f"label-{study.labels[study.label]}.png"] = _example(study, steps)
    found = steps["confusion"]
    title = f"{study.network.name}: accuracy {found.numbers['accuracy']:.2%} on {study.data.size:,} images"
    pictures["confusion.png"] = matrix(found.arrays["matrix"], study.labels, title)
    if found.numbers["most_confused"]:
        pictures["confused.png"] = pairs(study, found)
    return {name: render.png(picture) for name, picture in pictures.items()}


def _present(study: Study, steps: dict[str, Step]) -> np.ndarray:
    return np.flatnonzero(steps["statistics"].arrays[f"{study.layers[0]}.counts"])


def _channels(steps: dict[str, Step], layer: str, most: int) -> np.ndarray:
    effect = np.nan_to_num(np.abs(steps["statistics"].arrays[f"{layer}.effect"])).max(0)
    return np.sort(np.argsort(-effect, kind="stable")[:most])


def _statistics(study: Study, steps: dict[str, Step]) -> np.ndarray:
    """A row per class, a column per layer: bars are means over the class, lines their standard deviation."""
    arrays, present = steps["statistics"].arrays, _present(study, steps)
    chosen = [_channels(steps, layer, _WIDEST) for layer in study.layers]
    widths = [max(1.6, 0.17 * len(own)) for own in chosen]
    title = f"{study.network.name}: activation of each channel, mean and standard deviation over the images of a class"
    figure = plot.figure(1.2 + sum(widths), 0.6 + 0.85 * len(present), title=title)
    table = figure.subplots(len(present), len(study.layers), squeeze=False, width_ratios=widths, sharey="col")
    for col, (layer, channels) in enumerate(zip(study.layers, chosen, strict=True)):
        total = arrays[f"{layer}.mean"].shape[1]
        for row, label in enumerate(present):
            axes = table[row, col]
            mean, std = (arrays[f"{layer}.{name}"][label, channels] for name in ("mean", "std"))
            axes.bar(range(len(channels)), mean, color=plot.BAR, width=0.8)
            # Activations after a ReLU are not below zero, and neither is what is drawn.
            low = np.minimum(std, mean) if mean.min() >= 0 else std
            axes.errorbar(range(len(channels)), mean, [low, std], fmt="none", ecolor=plot.INK, elinewidth=0.8)
            last = row == len(present) - 1
            plot.style(axes, x="channel" if last else "")
            plot.ticks(axes.xaxis, channels if last else [""] * len(channels), rotation=90)
            if col == 0:
                plot.row_name(axes, study.labels[label])
        some = f"{len(channels)} of {total}" if len(channels) < total else f"{total}"
        plot.heading_of(table[0, col], f"{layer}, {some} channels")
    return plot.pixels(figure)


def _effects(study: Study, steps: dict[str, Step]) -> np.ndarray:
    """How well a channel tells a class from the others; of each class the best is framed."""
    arrays, present = steps["statistics"].arrays, _present(study, steps)
    chosen = [_channels(steps, layer, _WIDEST) for layer in study.layers]
    most = max(float(np.nanmax(np.abs(arrays[f"{layer}.effect"]))) for layer in study.layers)
    title = (
        f"{study.network.name}: how a channel tells a class from the others. Red: stronger on it, blue: weaker; "
        "framed: the largest"
    )
    figure = plot.figure(1.9 + 0.24 * sum(map(len, chosen)), 1.0 + 0.26 * len(present), title=title)
    table = figure.subplots(1, len(study.layers), squeeze=False, width_ratios=[len(own) for own in chosen])[0]
    drawn = None
    for place, (axes, layer, channels) in enumerate(zip(table, study.layers, chosen, strict=True)):
        effect = arrays[f"{layer}.effect"][present][:, channels]
        drawn = axes.imshow(effect, cmap="RdBu_r", vmin=-most, vmax=most, aspect="auto")
        for row, best in enumerate(np.nanargmax(np.abs(effect), 1)):
            box = Rectangle((best - 0.5, row - 0.5), 1, 1, fill=False, edgecolor="k", linewidth=1.2)
            axes.add_patch(box)
        plot.style(axes, layer, "channel", "" if place else "class")
        plot.ticks(axes.xaxis, channels, rotation=90)
        plot.ticks(axes.yaxis, [study.labels[k] if place == 0 else "" for k in present])
        axes.tick_params(length=0)
    assert drawn is not None
    plot.color_bar(figure, drawn, list(table), label="effect, standard deviations", pad=0.01)
    return plot.pixels(figure)


def _maps(study: Study, steps: dict[str, Step], layer: str) -> np.ndarray:
    """The mean map of each class, on one scale for a channel, so that classes can be compared."""
    maps, present = steps["statistics"].arrays[f"{layer}.maps"], _present(study, steps)
    channels, shown = _channels(steps, layer, _MAPS), present[:_CLASSES]
    rows = [[_colored(maps[label, ..., k], inner(maps[present][..., k])) for k in channels] for label in shown]
    some = f" (the first {len(shown)} of {len(present)})" if len(shown) < len(present) else ""
    return render.grid(
        rows,
        rows=[study.labels[label] for label in shown],
        cols=[f"channel\n{k}" for k in channels],
        title=f"{study.network.name} {layer}: mean maps of each class{some}; a scale for each channel, from 0 to its "
        "largest value inside the border",
        cell=0.62,
    )


def inner(maps: np.ndarray) -> float:
    """The largest value of some maps (n, h, w) that is not at their border, where padding shines.

    A convolution sees an edge at the border of every image, which would dim all that images differ in.
    """
    rows, cols = (max(1, side // 10) if side > 4 else 0 for side in maps.shape[1:])
    return float(maps[:, rows : maps.shape[1] - rows, cols : maps.shape[2] - cols].max())


def _example(study: Study, steps: dict[str, Step]) -> np.ndarray:
    """One image through every layer: maps where there are some, bars where there are none."""
    step, label = steps["example"], study.labels[study.label]
    right = step.numbers["prediction"] == study.label
    said = "recognized" if right else f"taken for {study.labels[step.numbers['prediction']]}"
    title = f"{study.network.name}: image {step.numbers['image']}, {label}, {said}, in every layer"
    figure = plot.figure(9.5, 0.9 + 1.05 * len(study.every), title=title)
    parts = figure.subfigures(len(study.every) + 1, 1, squeeze=False, height_ratios=[1.3, *[1] * len(study.every)])[
        :, 0
    ]
    axes = parts[0].subplots()
    plot.picture(axes, step.arrays["picture"])
    axes.set_axis_off()
    for part, layer in zip(parts[1:], study.every, strict=True):
        activation = step.arrays[layer]
        plot.row_title(part, f"{layer}\nchannel" if activation.ndim > 1 else f"{layer}\nunit")
        if activation.ndim == 1:
            axes = part.subplots()
            axes.bar(range(len(activation)), activation, color=plot.BAR)
            plot.style(axes)
            if len(activation) == len(study.labels) <= 20:
                plot.ticks(axes.xaxis, study.labels)
            continue
        table = part.subplots(1, _MAPS, squeeze=False)[0]
        order = np.sort(np.argsort(-activation.max((0, 1)), kind="stable")[:_MAPS])
        for axes, channel in zip(table, order, strict=False):
            plot.picture(axes, _colored(activation[..., channel], float(activation.max())), f"{channel}")
        for axes in table:
            axes.set_axis_off()
    return plot.pixels(figure)


def _colored(plane: np.ndarray, limit: float) -> np.ndarray:
    plane = np.asarray(plane, np.float64)
    return render.Scale(min(0.0, float(plane.min())), limit if limit > 0 else 1.0, "viridis", "")(plane)


def telling(label: str, found: dict) -> str:
    """What a channel that tells a class says: a negative effect is one of silence."""
    effect = found["effect"] or 0.0
    more = "stronger" if effect > 0 else "weaker"
    return f"channel {found['channel']} is {abs(effect):.1f} standard deviations {more} on {label} than on the others"


def table(study: Study, steps: dict[str, Step]) -> str:
    """The channel that tells each class best, and the pairs that are confused most."""
    found = steps["confusion"].numbers
    lines = [f"  accuracy {found['accuracy']:.2%} on {study.data.size:,} images"]
    for layer, classes in steps["statistics"].numbers["most_telling"].items():
        label, (best, *_) = max(classes.items(), key=lambda item: abs(item[1][0]["effect"] or 0))
        lines.append(f"  {layer}: {telling(label, best)}")
    lines += [f"  {pair['is']} taken for {pair['taken_for']}: {pair['count']}" for pair in found["most_confused"][:5]]
    return "\n".join(lines)

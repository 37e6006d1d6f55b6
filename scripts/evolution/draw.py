"""The pictures of `scripts.evolution`."""

import numpy as np

from jaxviz import render
from jaxviz.render import fit, plot
from scripts._harness.run_folder import Step
from scripts.evolution.study import Study

_TILE = 84


def files(study: Study, steps: dict[str, Step]) -> dict[str, bytes]:
    """All of them by the names of their files."""
    frames = _frames(study, steps)
    return {
        "evolution.png": render.png(_table(study, steps)),
        "settling.png": render.png(_settling(study, steps)),
        "evolution.webp": render.webp(frames, seconds=0.9),
        "evolution.gif": render.gif(frames, seconds=0.9),
    }


def _pair(step: Step, place: int) -> list[np.ndarray]:
    """Projection and patch; both blank where nothing excites the channel."""
    parts = [fit(step.arrays[name][place], _TILE) for name in ("projections", "patches")]
    if step.arrays["scores"].ravel()[place] <= 0:
        parts = [np.full_like(part, 235) for part in parts]
    return parts


def _table(study: Study, steps: dict[str, Step]) -> np.ndarray:
    rows, labels = [], []
    for layer in study.layers:
        channels = study.channels[layer]
        for place, channel in enumerate(channels):
            rows.append([_pair(steps[layer], epoch * len(channels) + place) for epoch in range(len(study.networks))])
            labels.append(f"{layer}  {channel}")
    title = f"{study.trained.name}: strongest response of {study.data.size:,} images, its projection and its patch"
    figure = plot.figure(0.9 + 1.45 * len(study.networks), 0.5 + 0.74 * len(rows), title=title)
    table = figure.subplots(len(rows), len(study.networks), squeeze=False)
    for row, pictures, label in zip(table, rows, labels, strict=True):
        for axes, picture in zip(row, pictures, strict=True):
            between = np.full((len(picture[0]), 2, 3), 255, np.uint8)
            plot.picture(axes, np.concatenate([picture[0], between, picture[1]], 1))
            plot.bare(axes)
        plot.row_name(row[0], label)
    for axes, epoch in zip(table[0], study.networks, strict=True):
        plot.heading_of(axes, f"epoch {epoch}")
    return plot.pixels(figure)


def _frames(study: Study, steps: dict[str, Step]) -> list[np.ndarray]:
    """One sheet of all channels per epoch."""
    frames = []
    cols = max(map(len, study.channels.values()))
    for number, epoch in enumerate(study.networks):
        pairs, labels = [], []
        for layer in study.layers:
            channels = study.channels[layer]
            for place, channel in enumerate(channels):
                pairs.append(_pair(steps[layer], number * len(channels) + place))
                labels.append(f"{layer}, channel {channel}")
        pictures, patches = [pair[0] for pair in pairs], [[pair[1]] for pair in pairs]
        title = f"{study.trained.name}, epoch {epoch}"
        frames.append(render.paired_sheet(pictures, patches, labels, title=title, cols=cols, tile=_TILE))
    return frames


def _settling(study: Study, steps: dict[str, Step]) -> np.ndarray:
    figure = plot.figure(7.0, 6.2, title=f"{study.trained.name}: how soon the activations of each layer settle")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[1.5, 1])
    epochs = steps["settling"].numbers["epochs"]
    for color, (layer, values) in zip(
        plot.COLORS * 9, steps["settling"].numbers["rank_correlation"].items(), strict=False
    ):
        above.plot(epochs, values, "o-", color=color, markersize=4, label=layer)
    plot.style(above, y="rank correlation with the last epoch", grid="y")
    plot.legend(above, loc="lower right")
    losses = steps["losses"].numbers
    below.plot(epochs, losses["loss"], "o-", color=plot.INK, markersize=4)
    for epoch, loss, accuracy in zip(epochs, losses["loss"], losses["accuracy"], strict=True):
        plot.note(below, f"{accuracy:.1%}", (epoch, loss), textcoords="offset points", xytext=(4, 6))
    plot.style(below, f"loss and accuracy on the {study.data.size:,} images", "epoch", "loss, nats", grid="y")
    below.set_ylim(bottom=0, top=1.15 * max(losses["loss"]))
    below.set_xticks(epochs)
    return plot.pixels(figure)


def table(study: Study, steps: dict[str, Step]) -> str:
    """Correlation, loss and accuracy, a column per epoch."""
    lines = ["  " + " " * 14 + "".join(f"{f'epoch {epoch}':>10}" for epoch in study.networks)]
    for layer, values in steps["settling"].numbers["rank_correlation"].items():
        lines.append(f"  {layer:<14}" + "".join(f"{value:>10.3f}" for value in values))
    for name in ("loss", "accuracy"):
        lines.append(f"  {name:<14}" + "".join(f"{value:>10.3f}" for value in steps["losses"].numbers[name]))
    return "\n".join(lines)

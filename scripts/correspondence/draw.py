"""The figures and tables of `scripts.correspondence`."""

import numpy as np
from matplotlib.axes import Axes

from jaxviz import render
from jaxviz.render import plot
from scripts._harness import text_table
from scripts._harness.photo_study.study import Study, words
from scripts._harness.run_folder import Step
from scripts.correspondence.study import MEASURES

_GRAY = "#c8ccd2"


def files(study: Study, steps: dict[int, Step]) -> dict[str, bytes]:
    """For each number of photos the distances, and what was covered."""
    return {
        f"{what}-{count}.png": made(study, step)
        for count, step in steps.items()
        for what, made in (("distances", draw), ("covered", draw_covered))
    }


def table(study: Study, steps: dict[int, Step]) -> str:
    """The tables of all."""
    del study
    return "\n\n".join(map(rows, steps.values()))


def rows(step: Step) -> str:
    """Distances by layer, part and measure as text, a star where p is below 0.05."""
    lines = []
    for layer, measures in step.numbers["layers"].items():
        for part in measures["differing"]["parts"]:
            found = [measures[measure]["parts"][part] for measure in MEASURES]
            lines.append([f"{layer}, {words(part)}", *(_cell(value) for value in found)])
        randoms = [measures[measure]["random"] for measure in MEASURES]
        lines.append([f"{layer}, random", *(f"{value['mean']:.3f}         " for value in randoms)])
    head = [f"{len(step.numbers['photos'])} photos", *(name.replace("_", " ") for name in MEASURES)]
    return (
        f"{text_table.columns(lines, head)}\n* p < 0.05: as near in less than one of 20 draws of random places, "
        "a correspondence\n^ p > 0.95: random places are as near or nearer in 19 of 20, the parts differ more\n"
        f"{verdict(step)}"
    )


def verdict(step: Step) -> str:
    """What holds of each layer, by the plain measure: the mean absolute difference of signs, over all features."""
    return "\n".join(f"{layer}, {reading(found['absolute'])}" for layer, found in step.numbers["layers"].items())


def repeats(step: Step, layer: str) -> dict[str, str]:
    """The measures of a layer that only say again what an earlier one says, and which one that is.

    Where covering changes all features of a layer, those that changed are all of them; and where no sign is zero, an
    absolute difference of signs is twice the share that differs. Such a measure ranks parts and places alike.
    """
    found: dict[str, str] = {}
    for number, measure in enumerate(MEASURES):
        for earlier in list(MEASURES)[:number]:
            if earlier not in found and _proportional(step, layer, earlier, measure):
                found[measure] = earlier
                break
    return found


def _proportional(step: Step, layer: str, first: str, second: str) -> bool:
    values = [
        np.array(
            [
                *step.arrays[f"{layer}, {measure}, random"],
                *(part["distance"] for part in step.numbers["layers"][layer][measure]["parts"].values()),
            ]
        )
        for measure in (first, second)
    ]
    # Distances of the parts are rounded to five digits.
    return bool(np.allclose(values[0] / values[0].mean(), values[1] / values[1].mean(), atol=1e-4))


def reading(found: dict) -> str:
    """Which parts are nearer to each other than random places, and which are farther, in words."""
    parts = found["parts"]
    nearer = [words(part) for part, value in parts.items() if value["p"] < 0.05]
    farther = [words(part) for part, value in parts.items() if value["p"] > 0.95]
    said = [f"{kind}: {', '.join(some)}" for kind, some in (("nearer", nearer), ("farther", farther)) if some]
    return "; ".join(said) or "no part differs from random places"


def draw(study: Study, step: Step) -> bytes:
    """The distribution over random places, and where the parts are in it: a column for each layer."""
    layers = step.numbers["layers"]
    title = (
        f"Correspondence in {study.network.name}: {len(step.numbers['photos'])} photos, boxes of "
        f"{step.numbers['size']} pixels. p is the share of random draws that are as near:\nbelow 0.05 the parts "
        "correspond, above 0.95 they differ more than random places do"
    )
    figure = plot.figure(0.6 + 3.3 * len(layers), 2.3 * len(MEASURES) + 1.1, dpi=130, title=title)
    grid = figure.subplots(len(MEASURES), len(layers), squeeze=False)
    for column, (layer, found) in zip(grid.T, layers.items(), strict=True):
        again = repeats(step, layer)
        for axes, (measure, title) in zip(column, MEASURES.items(), strict=True):
            if measure in again:
                axes.set_axis_off()
                says = f'{title}:\nsays again what\n"{MEASURES[again[measure]]}" says'
                plot.note(axes, says, (0.5, 0.5), xycoords="axes fraction", ha="center", va="center")
                continue
            _distribution(axes, found[measure], step.arrays[f"{layer}, {measure}, random"])
            above = f"{layer}\n" if axes is column[0] else ""
            plot.style(axes, above + reading(found[measure]), title)
            axes.spines["left"].set_visible(False)
    handles, labels = grid[0, 0].get_legend_handles_labels()
    plot.legend(figure, handles, labels, ncols=len(labels))
    return plot.png(figure)


def draw_covered(study: Study, step: Step) -> bytes:
    """The photos with their parts, and a few of the random places."""
    boxes, anywhere = step.arrays["boxes"], step.arrays["random_boxes"]
    count = boxes.shape[1]
    cols = min(count, 5)
    rows = -(-count // cols)
    figure = plot.figure(1.9 * cols, 2.1 * rows, dpi=130)
    grid = figure.subplots(rows, cols, squeeze=False)
    for place, axes in enumerate(grid.flat):
        if place >= count:
            axes.set_axis_off()
            continue
        photo = study.photos[place]
        random = tuple(render.Box(*map(int, box)) for box in anywhere[:3, place])
        plot.picture(axes, photo.pixels, words(photo.name), random, color=_GRAY)
        for color, own in zip(plot.COLORS, boxes[:, place], strict=False):
            plot.picture(axes, photo.pixels, words(photo.name), (render.Box(*map(int, own)),), color=color)
    return plot.png(figure)


def _distribution(axes: Axes, found: dict, random: np.ndarray) -> None:
    axes.hist(random, bins=24, color=_GRAY, label="random places")
    height = axes.get_ylim()[1]
    for place, (color, (part, value)) in enumerate(zip(plot.COLORS, found["parts"].items(), strict=False)):
        axes.axvline(value["distance"], color=color, linewidth=1.6, label=words(part))
        axes.errorbar(
            value["distance"],
            height * (0.95 - 0.16 * place),
            xerr=value["standard_error"],
            color=color,
            capsize=2,
            linewidth=1,
        )
        plot.note(axes, f"p {value['p']:.3f}", (1.01, 0.88 - 0.16 * place), xycoords="axes fraction", color=color)
    axes.set_yticks([])
    axes.locator_params(axis="x", nbins=5)


def _cell(value: dict) -> str:
    star = "*" if value["p"] < 0.05 else "^" if value["p"] > 0.95 else " "
    return f"{value['distance']:.3f} ± {value['standard_error']:.3f}{star}"

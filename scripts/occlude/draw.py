"""The figures and tables of `scripts.occlude`."""

from typing import Any

import jax.numpy as jnp
import numpy as np
from matplotlib.axes import Axes

from jaxviz import render
from jaxviz.render import plot
from scripts._harness.photo_study.photos import Photo
from scripts._harness.photo_study.study import Study, words
from scripts._harness.run_folder import Step
from scripts.occlude import heatmap as _heatmap
from scripts.occlude import regions as _regions

_MAPS = {"smoothgrad": "SmoothGrad", "grad_cam": "Grad-CAM"}
_OWN, _OTHERS, _OUTLINE = "#e8894a", "#9db8d6", "#ff2bd6"


def files(study: Study, steps: dict[str, Step]) -> dict[str, bytes]:
    """All figures: for each set of boxes, for all sets beside as large boxes elsewhere, and the window's."""
    return _regions_of(study, steps["regions"]) | {"heatmap.png": _heatmap.draw(study, steps["heatmap"])}


def table(study: Study, steps: dict[str, Step]) -> str:
    """The tables of both steps."""
    del study
    return f"{_regions.table(steps['regions'])}\n\n{_heatmap.table(steps['heatmap'])}"


def _regions_of(study: Study, step: Step) -> dict[str, bytes]:
    sets = {name: _figure(study, step, name, 1 + number) for number, name in enumerate(step.numbers["sets"])}
    return {f"regions-{name}.png": figure for name, figure in sets.items()} | {"areas.png": areas(study, step)}


def _figure(study: Study, step: Step, name: str, state: int) -> bytes:
    """A row for each photo: photo and classes before and after, then both maps before and after."""
    count = len(study.photos)
    title = (
        f"{study.network.name}, {name.replace('-', ' ')} covered: classes, and maps of the photo's class, before and "
        "after on one scale"
    )
    figure = plot.figure(19.0, 2.45 * count + 0.4, dpi=110, title=title)
    # Photo, classes, twice; then two maps and their color bar, twice.
    grid = figure.subplots(count, 10, squeeze=False, width_ratios=[1, 1.15] * 2 + [1, 1, 0.05] * 2)
    for row, photo, found, place in zip(grid, study.photos, step.numbers["photos"], range(count), strict=True):
        after = found["after"][name]
        boxes = tuple(render.Box(*box) for box in after["boxes"])
        seen = {"before": photo.pixels, "after": _covered(study, photo, boxes)}
        for axes, (when, pixels), classes in zip(
            (row[0:2], row[2:4]), seen.items(), (found["before"], after), strict=True
        ):
            title = f"{when}, {after['area']:.0%} covered" if when == "after" else when
            plot.picture(axes[0], pixels, title, boxes if when == "before" else (), color=_OUTLINE)
            _bars(axes[1], classes["top"], found["target"])
        for axes, (method, title) in zip((row[4:7], row[7:10]), _MAPS.items(), strict=True):
            both = [
                render.upsample(step.arrays[method][place, number], photo.pixels.shape[:2]) for number in (0, state)
            ]
            scale = _scale(method, both)
            for one, heatmap, (when, pixels) in zip(axes, both, seen.items(), strict=False):
                signed = method == "smoothgrad"
                picture = scale(heatmap) if signed else render.overlay(pixels, heatmap, scale)
                plot.picture(one, picture, f"{title}, {when}")
            plot.scale_bar(figure, scale, axes[2])
        plot.row_name(row[0], words(found["photo"]), upright=False)
    return plot.png(figure)


def _covered(study: Study, photo: Photo, boxes: tuple[render.Box, ...]) -> np.ndarray:
    covered = photo.pixels.copy()
    gray = np.rint(255 * np.asarray(study.network.denormalize(jnp.zeros((1, 1, 1, 3)))))[0, 0, 0]
    for box in boxes:
        box(covered)[...] = gray
    return covered


def _bars(axes: Axes, top: list[dict], target: str) -> None:
    """Names at the left of the bars, percentages at their ends."""
    for place, entry in enumerate(top):
        own, value = entry["label"] == target, entry["probability"]
        axes.barh(place, value, color=_OWN if own else _OTHERS, height=0.7)
        plot.note(axes, f"{value:.1%}", (value + 0.02, place), va="center")
    plot.style(axes)
    plot.ticks(axes.yaxis, [words(entry["label"]) for entry in top], parse_math=False)
    # Room for a percentage after a bar of its full length.
    axes.set_xlim(0, 1.3)
    axes.set_ylim(len(top) - 0.4, -0.6)
    axes.set_xticks([])
    axes.tick_params(length=0)
    axes.spines["bottom"].set_visible(False)


def _scale(method: str, heatmaps: list[np.ndarray]) -> render.Scale:
    both = np.concatenate(heatmaps)
    return render.diverging(both, percentile=99.5) if method == "smoothgrad" else render.sequential(both)


def areas(study: Study, step: Step) -> bytes:
    """A row for each photo: the class with each set covered, among as large boxes at random places."""
    photos, sets = step.numbers["photos"], step.numbers["sets"]
    lines = [(place, name) for place in range(len(photos)) for name in sets]
    title = f"{study.network.name}: these places, or just so much of the picture?"
    figure = plot.figure(9.5, 1.2 + 0.46 * len(lines), dpi=130, title=title)
    axes = figure.subplots()
    for line, (place, name) in enumerate(lines):
        photo, after = photos[place], photos[place]["after"][name]
        draws = step.arrays[f"{place}, {name}, elsewhere"]
        axes.plot(draws, np.full(len(draws), line), "|", color=plot.FAINT, markersize=11, alpha=0.45)
        if len(draws):
            axes.plot(np.median(draws), line, "D", color=plot.FAINT, markersize=6)
        axes.plot(after["probability"], line, "o", color=_OWN, markersize=9, markeredgecolor="k")
        axes.plot(photo["before"]["probability"], line, "|", color="k", markersize=17, markeredgewidth=2)
    names = [_area_name(photos[place], name) for place, name in lines]
    plot.style(axes, x="probability of the photo's class", grid="x")
    plot.ticks(axes.yaxis, names, parse_math=False)
    axes.set_ylim(len(lines) - 0.5, -0.5)
    axes.set_xlim(-0.02, 1.02)
    marks = [
        axes.plot([], [], "|", color="k", markersize=12, markeredgewidth=2, label="whole photo")[0],
        axes.plot([], [], "o", color=_OWN, markeredgecolor="k", markersize=8, label="these boxes covered")[0],
        axes.plot([], [], "|", color=plot.FAINT, markersize=10, label="as large boxes elsewhere, one draw")[0],
        axes.plot([], [], "D", color=plot.FAINT, markersize=6, label="their median")[0],
    ]
    plot.legend(figure, handles=marks, ncols=len(marks))
    return plot.png(figure)


def _area_name(photo: dict[str, Any], name: str) -> str:
    after = photo["after"][name]
    room = "" if after["elsewhere"] else ", no room elsewhere"
    return f"{words(photo['photo'])}, {name.replace('-', ' ')}\n{after['area']:.0%} covered{room}"

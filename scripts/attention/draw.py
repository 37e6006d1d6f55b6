"""The figure and the table of `scripts.attention`."""

import numpy as np

from jaxviz import render
from jaxviz.render import plot
from scripts._harness import text_table
from scripts._harness.photo_study.photos import Photo
from scripts._harness.photo_study.study import Study, words
from scripts._harness.run_folder import Step
from scripts._harness.words import color
from scripts.attention.study import METHODS

_BOX = "#ff2bd6"


def files(study: Study, step: Step) -> dict[str, bytes]:
    """The figure."""
    return {"attention.png": draw(study, step)}


def table(study: Study, step: Step) -> str:
    """Predictions and shares as text."""
    del study
    rows = [
        [
            words(photo["photo"]),
            f"{words(photo['predicted'])} {photo['predicted_probability']:.0%}",
            f"{photo['probability']:.0%}",
            f"{photo['area']:.0%}",
            *(f"{photo['shares'][name]:.0%}" for name in METHODS),
        ]
        for photo in step.numbers["photos"]
    ]
    means = [f"{step.numbers['mean_shares'][name]:.0%}" for name in METHODS]
    rows.append(["mean", "", "", f"{step.numbers['mean_area']:.0%}", *means])
    return text_table.columns(rows, ["photo", "predicted", "its class", "box", *METHODS.values()])


def draw(study: Study, step: Step) -> bytes:
    """A row for each photo, the box on every map."""
    count = len(study.photos)
    title = f"Where {study.network.name} looks ({step.numbers['layer']})"
    figure = plot.figure(9.0, 2.4 * count + 0.4, dpi=130, title=title)
    grid = figure.subplots(count, 1 + len(METHODS), squeeze=False)
    for place, (photo, found) in enumerate(zip(study.photos, step.numbers["photos"], strict=True)):
        box = (render.Box(*found["box"]),)
        predicted = f"{words(found['predicted'])} {found['predicted_probability']:.0%}"
        said = f"{predicted}\nbox: {found['area']:.0%} of the picture"
        plot.picture(grid[place, 0], photo.pixels, said, box, color=_BOX)
        for axes, (name, title) in zip(grid[place, 1:], METHODS.items(), strict=True):
            picture = _picture(study, photo, name, step.arrays[name][place])
            plot.picture(axes, picture, f"{title}\n{found['shares'][name]:.0%} in the box", box, color=_BOX)
        plot.row_name(grid[place, 0], words(found["explained"]), upright=False)
    return plot.png(figure)


def _picture(study: Study, photo: Photo, name: str, attribution: np.ndarray) -> np.ndarray:
    if name == "grad_cam":
        heatmap = render.upsample(attribution, photo.pixels.shape[:2])
        return render.overlay(photo.pixels, heatmap, render.sequential(heatmap))
    if name == "guided_grad_cam":
        return render.gray_centered(color(study.network, attribution))
    total = render.channel_sum(attribution)
    return render.diverging(total, percentile=99.5)(total)

"""The first step of `scripts.occlude`: classes, SmoothGrad and Grad-CAM with regions covered."""

from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import jaxviz as jv
import models
from jaxviz import render
from scripts._paper import _drawing
from scripts._paper._photos import Photo, box_seen, marks, parsed
from scripts._paper._study import Study, targets, words
from scripts._run_folder import Step

if TYPE_CHECKING:
    from scripts.occlude import Config

_TOP = 5


def check(config: "Config", photos: list[Photo], network: models.Network) -> None:
    """Whether there is something to cover on every photo.

    Raises:
        ValueError: a box that does not lie on a photo, a grid that is too fine, or neither for a photo without marks.
    """
    if config.grid is not None:
        if config.boxes:
            raise ValueError("`--grid` must not be given with `--boxes`. Drop one.")
        least = min(network.input_shape[:2])
        if not 2 <= config.grid <= least or not 1 <= config.cover <= config.grid**2 // 2:
            raise ValueError(
                f"`--grid` must be in 2..{least}, and `--cover` at most half of its cells, got {config.grid} and "
                f"{config.cover}."
            )
        return
    for photo in photos:
        if not _given(config, photo, network):
            raise ValueError(f"`--boxes` or `--grid` must be given, as no boxes on {photo.name!r} are known.")


def measure(study: Study, layer: str) -> Step:
    """Probabilities and maps of every photo, whole and under each set of boxes."""
    config = study.config
    classes, _ = targets(study)
    whole = jnp.asarray(study.images)
    sets = [_sets(study, place, int(classes[place])) for place in range(len(study.photos))]
    names = list(sets[0])
    states = jnp.stack([whole, *(_covered(whole, [found[name] for found in sets]) for name in names)], 1)
    count = len(study.photos) * (1 + len(names))

    def maps(f: jax.tree_util.Partial, images: jax.Array, classes: jax.Array, key: jax.Array) -> dict[str, jax.Array]:
        return {
            "probabilities": jv.probabilities(f(images)),
            "smoothgrad": jv.smoothgrad(f, images, classes, key=key, num_samples=config.samples, batch_size=16),
            "grad_cam": jv.grad_cam(f, images, classes, layer),
        }

    found = jax.jit(maps)(
        study.f,
        states.reshape(count, *whole.shape[1:]),
        np.repeat(classes, 1 + len(names)),
        jax.random.key(config.seed),
    )
    arrays = {
        name: np.asarray(value).reshape(len(study.photos), 1 + len(names), *value.shape[1:])
        for name, value in found.items()
    }
    arrays["smoothgrad"] = np.abs(arrays["smoothgrad"].sum(-1))
    photos = []
    for place, photo in enumerate(study.photos):
        target = int(classes[place])
        alone = {
            name: np.asarray(
                jv.probabilities(jv.occlude_regions(study.f, whole[place], np.array(sets[place][name])))[:, target]
            )
            for name in names
        }
        photos.append(
            {
                "photo": photo.name,
                "target": study.network.labels[target],
                "before": _top(study, arrays["probabilities"][place, 0], target),
                "after": {
                    name: {
                        **_top(study, arrays["probabilities"][place, 1 + number], target),
                        "boxes": [list(box) for box in sets[place][name]],
                        "probability_with_each_alone": alone[name].round(5).tolist(),
                    }
                    for number, name in enumerate(names)
                },
            }
        )
    return Step({"layer": layer, "sets": names, "photos": photos}, arrays)


def table(step: Step) -> str:
    """The class before and after as text."""
    rows = [
        [
            words(photo["photo"]),
            f"{photo['before']['probability']:.1%}",
            *(f"{after['probability']:.1%}, first {_first(after['top'])}" for after in photo["after"].values()),
        ]
        for photo in step.numbers["photos"]
    ]
    return _drawing.table(rows, ["probability of the class", "whole", *step.numbers["sets"]])


def _first(top: list[dict]) -> str:
    return f"{words(top[0]['label'])} {top[0]['probability']:.0%}"


def draw(study: Study, step: Step) -> dict[str, bytes]:
    """For each set of boxes a row for each photo: photo, classes, SmoothGrad, Grad-CAM, and all of it once more."""
    return {name: _figure(study, step, name, 1 + number) for number, name in enumerate(step.numbers["sets"])}


def _figure(study: Study, step: Step, name: str, state: int) -> bytes:
    count = len(study.photos)
    figure = Figure(figsize=(17.0, 2.45 * count + 0.4), layout="constrained")
    grid = figure.subplots(count, 8, squeeze=False, width_ratios=[1, 1.25, 1, 1] * 2)
    for place, (photo, found) in enumerate(zip(study.photos, step.numbers["photos"], strict=True)):
        after = found["after"][name]
        boxes = [render.Box(*box) for box in after["boxes"]]
        covered = photo.pixels.copy()
        gray = np.rint(255 * np.asarray(study.network.denormalize(jnp.zeros((1, 1, 1, 3)))))[0, 0, 0]
        for box in boxes:
            box(covered)[...] = gray
        limits = {
            method: _scale(step.arrays[method][place, 0], photo.pixels.shape[:2])
            for method in ("smoothgrad", "grad_cam")
        }
        for first, number, pixels, classes, when in (
            (0, 0, photo.pixels, found["before"], "before"),
            (4, state, covered, after, "after"),
        ):
            outlines = tuple(boxes) if not first else ()
            _drawing.show(grid[place, first], pixels, when, outlines, "#ff2bd6")
            _bars(grid[place, first + 1], classes["top"], found["target"])
            for axes, method, title in zip(
                grid[place, first + 2 : first + 4], limits, ("SmoothGrad", "Grad-CAM"), strict=True
            ):
                heatmap = render.stretch(step.arrays[method][place, number], photo.pixels.shape[:2])
                scale = limits[method]
                picture = scale(heatmap) if method == "smoothgrad" else render.overlay(pixels, heatmap, scale)
                _drawing.show(axes, picture, f"{title}, {when}")
        grid[place, 0].set_ylabel(words(found["photo"]), fontsize=9, parse_math=False)
    figure.suptitle(f"{study.network.name}, {name}: maps of the photo's class, both halves on one scale", fontsize=10)
    return _drawing.png(figure, dpi=110)


def _bars(axes: Axes, top: list[dict], target: str) -> None:
    for place, entry in enumerate(top):
        own = entry["label"] == target
        axes.barh(place, entry["probability"], color="#e8894a" if own else "#9db8d6", height=0.8)
        axes.text(0.01, place, words(entry["label"]), va="center", fontsize=8, parse_math=False)
        axes.text(1.0, place, f"{entry['probability']:.1%}", va="center", ha="right", fontsize=8)
    axes.set_xlim(0, 1)
    axes.set_ylim(_TOP - 0.4, -0.6)
    axes.set_axis_off()


def _scale(array: np.ndarray, shape: tuple[int, int]) -> render.Scale:
    heatmap = render.stretch(array, shape)
    return render.sequential(heatmap, percentile=99.5 if array.shape == shape else 100)


def _top(study: Study, probabilities: np.ndarray, target: int) -> dict:
    return {
        "probability": round(float(probabilities[target]), 5),
        "top": [
            {"label": study.network.labels[k], "probability": round(float(probabilities[k]), 5)}
            for k in render.top_classes(probabilities, _TOP)
        ],
    }


def _given(config: "Config", photo: Photo, network: models.Network) -> dict[str, list[render.Box]]:
    if config.boxes:
        return {"boxes": [box_seen(network, photo.size, parsed(box)) for box in config.boxes]}
    return {
        f"{name}-parts": [box_seen(network, photo.size, box) for box in marks(photo.name)[name]]
        for name in ("telling", "other")
        if name in marks(photo.name)
    }


def _sets(study: Study, place: int, target: int) -> dict[str, list[render.Box]]:
    config, photo = study.config, study.photos[place]
    if config.grid is None:
        return _given(config, photo, study.network)
    rows, cols = (np.linspace(0, length, config.grid + 1).astype(int) for length in photo.pixels.shape[:2])
    cells = [
        render.Box(int(rows[row]), int(cols[col]), int(rows[row + 1]), int(cols[col + 1]))
        for row, col in np.ndindex(config.grid, config.grid)
    ]
    outputs = jv.occlude_regions(study.f, jnp.asarray(study.images[place]), np.array(cells))
    order = np.argsort(np.asarray(jv.log_probabilities(outputs)[:, target]), kind="stable")
    return {
        f"grid-{config.grid}-most": [cells[cell] for cell in order[: config.cover]],
        f"grid-{config.grid}-least": [cells[cell] for cell in order[::-1][: config.cover]],
    }


def _covered(images: jax.Array, boxes: list[list[render.Box]]) -> jax.Array:
    out = np.array(images)
    for image, own in zip(out, boxes, strict=True):
        for box in own:
            box(image)[...] = 0
    return jnp.asarray(out)

"""What `scripts.correspondence` reads, measures and draws."""

import json
import os
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.axes import Axes

import jaxviz as jv
import models
from jaxviz import render
from jaxviz.render import plot
from scripts._harness import photo as _photo
from scripts._harness import text_table
from scripts._harness.photo_study.photos import Photo, seen
from scripts._harness.photo_study.study import Study, words
from scripts._harness.run_folder import Step

_KNOWN = {
    "squeezenet": ("fire5", "fire9", "conv10", "logits"),
    "vgg16": ("conv3_3", "conv5_3", "fc2", "predictions"),
}
_MEASURES = {
    "differing": "share of signs that differ",
    "absolute": "mean |difference of signs|",
    "differing_changed": "share that differs, of changed",
    "absolute_changed": "mean |difference|, of changed",
}


def default_layers(network: models.Network) -> tuple[str, ...]:
    """One in the middle, a late one and the last."""
    if network.name in _KNOWN:
        return _KNOWN[network.name]
    names = list(jv.layers(network, jax.ShapeDtypeStruct((1, *network.input_shape), np.float32)))
    return tuple(dict.fromkeys((names[len(names) // 2], names[-2], "logits")))


def load(path: Path | None, network: models.Network) -> tuple[list[Photo], dict[str, np.ndarray]]:
    """The photos of a parts file, and row and column of each part in what the network sees of them.

    Raises:
        ValueError: no such file, or one of another form.
    """
    file = path or Path(os.environ.get("JAXVIZ_PHOTOS", "")) / "dogs" / "parts.json"
    if not file.is_file() or (path is None and "JAXVIZ_PHOTOS" not in os.environ):
        raise ValueError(f"`--parts` must be a JSON file of parts, got {str(file)!r}. Or set JAXVIZ_PHOTOS.")
    entries = json.loads(file.read_text("utf-8"))
    form = "a list of {file, name of a part: [column, row], ...}"
    if not isinstance(entries, list) or not all(isinstance(entry, dict) and "file" in entry for entry in entries):
        raise ValueError(f"`--parts` must hold {form}, got another JSON in {str(file)!r}.")
    names = [name for name, value in (entries[0] if entries else {}).items() if _is_place(value)]
    for entry in entries:
        if not names or not all(_is_place(entry.get(name)) for name in names):
            raise ValueError(f"`--parts` must hold {form}, the same parts for each, got {entry}.")
    photos, places = [], {name: [] for name in names}
    for entry in entries:
        photo = _photo.load(str(file.parent / entry["file"]))
        size = photo.pixels.shape[:2]
        photos.append(Photo(photo.name, network.crop(photo.pixels), size, entry.get("class"), photo.sha256))
        for name in names:
            places[name].append(seen(network, size, np.array(entry[name][::-1])))
    return photos, {name: np.array(place) for name, place in places.items()}


def check_size(size: int, parts: dict[str, np.ndarray], network: models.Network, photos: list[Photo]) -> None:
    """Whether a box fits around every part, and another one beside them.

    Raises:
        ValueError: it is too large.
    """
    shape = np.array(network.input_shape[:2])
    centers = np.rint(np.stack(list(parts.values()), 1)).astype(int)
    for photo, own in zip(photos, centers - size // 2, strict=True):
        rows, cols = (np.arange(max(0, side - size + 1)) for side in shape)
        free = np.ones((len(rows), len(cols)), bool)
        for top, left in own:
            free &= (np.abs(rows - top) >= size)[:, None] | (np.abs(cols - left) >= size)
        if (own < 0).any() or (own + size > shape).any() or not free.any():
            raise ValueError(
                f"`--size` must leave room for a box around each part of {photo.name!r} and one beside them, in "
                f"{shape[0]}x{shape[1]} pixels, got {size}. Use a smaller one, or leave the photo out."
            )


def check_counts(counts: tuple[int, ...], total: int) -> tuple[int, ...]:
    """How many photos a study takes, at least three.

    Raises:
        ValueError: more than there are, or fewer.
    """
    for count in counts or (total,):
        if not 3 <= count <= total:
            raise ValueError(f"`--counts` must be in 3..{total}, the number of photos, got {count}.")
    return counts or tuple(dict.fromkeys((min(5, total), total)))


def measure(study: Study, parts: dict[str, np.ndarray], layers: tuple[str, ...], count: int) -> Step:
    """The distances of the first `count` photos."""
    config = study.config
    found = jv.dataset.correspondence(
        study.f,
        jnp.asarray(study.images[:count]),
        layers,
        {name: places[:count] for name, places in parts.items()},
        key=jax.random.key(config.seed),
        size=config.size,
        num_draws=config.draws,
        batch_size=config.batch_size,
    )
    arrays, by_layer = {}, {}
    for layer, result in found.items():
        by_layer[layer] = {
            measure: {
                "parts": {
                    part: {
                        "distance": round(float(result.distances[measure][place]), 5),
                        "standard_error": round(float(result.standard_errors[measure][place]), 5),
                        "p": round(float(result.p_values[measure][place]), 5),
                    }
                    for place, part in enumerate(result.parts)
                },
                "random": {
                    "mean": round(float(result.random[measure].mean()), 5),
                    "standard_error": round(float(result.random[measure].std(ddof=1) / np.sqrt(config.draws)), 5)
                    if config.draws > 1
                    else None,
                    "smallest": round(float(result.random[measure].min()), 5),
                },
            }
            for measure in _MEASURES
        }
        arrays |= {f"{layer}, {measure}, random": result.random[measure] for measure in _MEASURES}
        arrays |= {"boxes": result.boxes, "random_boxes": result.random_boxes}
    numbers = {
        "photos": [photo.name for photo in study.photos[:count]],
        "size": config.size,
        "draws": config.draws,
        "measures": _MEASURES,
        "layers": by_layer,
    }
    return Step(numbers, arrays)


def headline(step: Step) -> str:
    """Parts against random places: the paper's measure in a late layer, and a later study's in the last."""
    layers = list(step.numbers["layers"].items())
    lines = []
    for (layer, measures), name in ((layers[min(1, len(layers) - 1)], "differing"), (layers[-1], "absolute")):
        parts = ", ".join(
            f"{words(part)} {of['distance']:.3f} (p {of['p']:.3f}{_against(of['p'])})"
            for part, of in measures[name]["parts"].items()
        )
        lines.append(f"{layer}, {_MEASURES[name]}: {parts}, random {measures[name]['random']['mean']:.3f}")
    return f"{len(step.numbers['photos'])} photos. {'; '.join(lines)}."


def _against(p: float) -> str:
    """What a share of random places that are as near says."""
    return ", nearer" if p < 0.05 else ", farther" if p > 0.95 else ""


def table(step: Step) -> str:
    """Distances by layer, part and measure as text, a star where p is below 0.05."""
    rows = []
    for layer, measures in step.numbers["layers"].items():
        for part in measures["differing"]["parts"]:
            found = [measures[measure]["parts"][part] for measure in _MEASURES]
            rows.append([f"{layer}, {words(part)}", *(_cell(value) for value in found)])
        randoms = [measures[measure]["random"] for measure in _MEASURES]
        rows.append([f"{layer}, random", *(f"{value['mean']:.3f}         " for value in randoms)])
    head = [f"{len(step.numbers['photos'])} photos", *(name.replace("_", " ") for name in _MEASURES)]
    return (
        f"{text_table.columns(rows, head)}\n* p < 0.05: as near in less than one of 20 draws of random places, "
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
    for number, measure in enumerate(_MEASURES):
        for earlier in list(_MEASURES)[:number]:
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
    figure = plot.figure(0.6 + 3.3 * len(layers), 2.3 * len(_MEASURES) + 1.1, dpi=130, title=title)
    grid = figure.subplots(len(_MEASURES), len(layers), squeeze=False)
    for column, (layer, found) in zip(grid.T, layers.items(), strict=True):
        again = repeats(step, layer)
        for axes, (measure, title) in zip(column, _MEASURES.items(), strict=True):
            if measure in again:
                axes.set_axis_off()
                says = f'{title}:\nsays again what\n"{_MEASURES[again[measure]]}" says'
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


_GRAY = "#c8ccd2"


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


def _is_place(value: object) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(isinstance(number, int | float) for number in value)

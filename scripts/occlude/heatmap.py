"""The second step of `scripts.occlude`: a sliding window, what the strongest channel and the classes make of it."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import Partial
from matplotlib.axes import Axes
from matplotlib.patches import Patch
from tqdm import tqdm

import jaxviz as jv
from jaxviz import render
from jaxviz.render import plot
from scripts._harness import text_table
from scripts._harness.photo_study.study import Study, targets, words
from scripts._harness.run_folder import Step
from scripts._harness.words import color

_SHOWN = 7  # classes with a color of their own
_REST = "#d5d8dd"


def measure(study: Study, layer: str) -> Step:
    """All probabilities and the total activation of the strongest channel, for every place of the window."""
    config = study.config
    classes, probabilities = targets(study)
    images = jnp.asarray(study.images)
    # One sweep gives both; a channel is chosen afterwards, so that all photos share a program.
    both = Partial(functools.partial(_outputs_and_totals, layer=layer), study.f)
    num_outputs = probabilities.shape[1]
    swept = [
        np.asarray(jv.occlusion(both, image, window=config.window, stride=config.stride, baseline=0.0))
        for image in tqdm(images, desc="window", unit="photo", leave=False)
    ]
    below = jax.jit(jv.fast_on_cpu(lambda f, images: jv.upto(f, layer)(images)))
    activations = np.asarray(below(study.f, images))
    rows, cols = jv.attribution.occlusion_grid(images.shape, config.window, config.stride)
    arrays, photos, units = {}, [], []
    for place, photo in enumerate(study.photos):
        totals = activations[place].sum((0, 1))
        channel, target = int(totals.argmax()), int(classes[place])
        one = activations[place, :, :, channel]
        units.append([(*(int(index) for index in np.unravel_index(one.argmax(), one.shape)), channel)])
        covered = np.asarray(jv.attribution.probabilities(swept[place][..., :num_outputs]))
        winners = covered.argmax(-1)
        activation = swept[place][..., num_outputs + channel]
        arrays |= {
            f"{place}, activation": activation,
            f"{place}, probability": covered[..., target],
            f"{place}, winners": winners,
        }
        low = np.unravel_index(covered[..., target].argmin(), winners.shape)
        photos.append(
            {
                "photo": photo.name,
                "target": study.network.labels[target],
                "probability": round(float(probabilities[place, target]), 5),
                "lowest_probability": round(float(covered[..., target].min()), 5),
                "lowest_at": [int(rows[low[0]]), int(cols[low[1]])],
                "channel": channel,
                "unit": list(units[-1][0]),
                "activation": round(float(totals[channel]), 3),
                "lowest_activation": round(float(activation.min()), 3),
                "windows_by_class": {study.network.labels[k]: int((winners == k).sum()) for k in _by_count(winners)},
                "correlation": round(_correlation(activation, covered[..., target]), 4),
            }
        )
    project = jax.jit(lambda f, images, units: jv.project(f, images, layer, units))
    arrays["projections"] = np.asarray(project(study.f, images, jnp.array(units)))[:, 0]
    return Step(
        {
            "layer": layer,
            "window": config.window,
            "stride": config.stride,
            "rows": rows.tolist(),
            "cols": cols.tolist(),
            "photos": photos,
        },
        arrays,
    )


def headline(step: Step) -> str:
    """How alike the two maps of each photo are."""
    related = ", ".join(f"{photo['correlation']:.2f}" for photo in step.numbers["photos"])
    return f"The map of the strongest channel's activation and that of the class probability correlate by {related}."


def table(step: Step) -> str:
    """What the worst place of the window does, as text."""
    rows = [
        [
            words(photo["photo"]),
            f"{photo['channel']}",
            f"{photo['activation']:.0f} to {photo['lowest_activation']:.0f}",
            f"{photo['probability']:.0%} to {photo['lowest_probability']:.0%}",
            f"{photo['correlation']:.2f}",
            f"{len(photo['windows_by_class'])}",
        ]
        for photo in step.numbers["photos"]
    ]
    head = ["sliding window", "channel", "its activation", "probability", "correlation", "classes that win"]
    return text_table.columns(rows, head)


def draw(study: Study, step: Step) -> bytes:
    """A row for each photo, after figure 6 of the paper."""
    numbers = step.numbers
    count, corners = len(study.photos), (np.array(numbers["rows"]), np.array(numbers["cols"]))
    window = (numbers["window"],) * 2
    title = (
        f"{study.network.name} with a window of {numbers['window']} pixels covered: the value at a place is that of "
        "the picture with the window there; on the color bars, the line is that of the whole photo"
    )
    figure = plot.figure(15.5, 2.75 * count + 0.4, dpi=110, title=title)
    grid = figure.subplots(count, 8, squeeze=False, width_ratios=[1, 1, 0.05, 1, 1, 0.05, 1, 0.75])
    for place, (photo, found) in enumerate(zip(study.photos, numbers["photos"], strict=True)):
        line, shape = grid[place], photo.pixels.shape[:2]
        gaps = render.gaps(shape, corners, window)
        plot.picture(line[0], photo.pixels, f"{words(found['target'])} {found['probability']:.0%}")
        plot.row_name(line[0], words(found["photo"]), upright=False)
        for axes, bar, name, title in (
            (line[1], line[2], "activation", f"total activation, {numbers['layer']} channel {found['channel']}"),
            (line[4], line[5], "probability", f"probability of {words(found['target'])}"),
        ):
            heatmap = render.spread(step.arrays[f"{place}, {name}"], shape, corners, window)
            # A scale for each photo, which reaches to what the whole photo has: on 0 to 1, one photo would be all of
            # the highest color and another all of the lowest.
            whole = found[name]
            low, high = min(float(heatmap.min()), whole), max(float(heatmap.max()), whole)
            scale = render.Scale(low, high if high > low else low + 1, "viridis")
            picture = render.overlay(photo.pixels, heatmap, scale, opacity=1, unknown=gaps)
            plot.picture(axes, picture, title)
            plot.scale_bar(figure, scale, bar, mark=whole)
        projection = render.gray_centered(color(study.network, step.arrays["projections"][place]))
        row, col, _ = found["unit"]
        plot.picture(line[3], projection, f"projection of its strongest unit ({row}, {col})")
        _winners(study, line[6], line[7], step.arrays[f"{place}, winners"], corners, window, photo.pixels)
    return plot.png(figure)


def _winners(
    study: Study,
    axes: Axes,
    legend: Axes,
    winners: np.ndarray,
    corners: tuple[np.ndarray, np.ndarray],
    window: tuple[int, int],
    pixels: np.ndarray,
) -> None:
    shown = _by_count(winners)[:_SHOWN]
    palette = {k: _rgb(plot.COLORS[place]) for place, k in enumerate(shown)}
    # Each pixel takes the class of the window whose middle is nearest.
    nearest = [
        np.abs(np.arange(length)[:, None] - (first + (size - 1) / 2)).argmin(1)
        for length, first, size in zip(pixels.shape[:2], corners, window, strict=True)
    ]
    spread = winners[np.ix_(*nearest)]
    colors = np.array([[palette.get(k, _rgb(_REST)) for k in row] for row in spread])
    gray = pixels.mean(-1, keepdims=True)
    picture = np.rint(0.75 * colors + 0.25 * gray).astype(np.uint8)
    gaps = render.gaps(pixels.shape[:2], corners, window)
    nothing = render.Scale(0, 1, "viridis")
    hatched = render.overlay(pixels, np.zeros(gaps.shape), nothing, unknown=np.ones_like(gaps))
    plot.picture(axes, np.where(gaps[..., None], hatched, picture), "most probable class")
    patches = [
        Patch(color=plot.COLORS[place], label=f"{_short(study, k)} ({(winners == k).mean():.0%})")
        for place, k in enumerate(shown)
    ]
    rest = 1 - sum((winners == k).mean() for k in shown)
    if rest > 0:
        patches.append(Patch(color=_REST, label=f"others ({rest:.0%})"))
    legend.set_axis_off()
    plot.legend(legend, handles=patches, loc="center left", borderaxespad=0)


def _outputs_and_totals(f: Partial, images: jax.Array, *, layer: str) -> jax.Array:
    outputs, found = jv.tap(f, layer)(images)
    return jnp.concatenate([outputs, found[layer].sum((1, 2))], 1)


def _by_count(winners: np.ndarray) -> list[int]:
    classes, counts = np.unique(winners, return_counts=True)
    return classes[np.argsort(-counts, kind="stable")].tolist()


def _correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Of two maps over the places of the window; zero where one of them is constant."""
    if first.std() == 0 or second.std() == 0:
        return 0.0
    return float(np.corrcoef(first.ravel(), second.ravel())[0, 1])


def _short(study: Study, k: int) -> str:
    label = words(study.network.labels[k])
    return label if len(label) <= 20 else f"{label[:19]}\N{HORIZONTAL ELLIPSIS}"


def _rgb(color: str) -> np.ndarray:
    return np.array([int(color[place : place + 2], 16) for place in (1, 3, 5)])

"""What was found: as tables and as figures."""

from typing import Any

import numpy as np
from jaxtyping import Float

from jaxviz.render import plot
from scripts._harness import text_table
from scripts._harness.run_folder import dumps
from scripts.architectures import pictures as _pictures
from scripts.architectures.study import Study

_COLORS = ("#cc5522", "#225588", "#669944", "#8866aa")


def files(study: Study, numbers: dict[str, Any]) -> dict[str, bytes]:
    """The figures, the tables and the numbers."""
    photos = study.test.images[: study.config.images]
    return {
        "pictures.png": _pictures.draw(study.networks, photos, numbers["found"]),
        "architectures.png": draw(numbers),
        "architectures.md": f"{table(study, numbers)}\n".encode(),
        "architectures.json": dumps(numbers).encode(),
    }


def table(study: Study, numbers: dict[str, Any]) -> str:
    """Lines of Markdown: the networks layer by layer, then the variants."""
    del study
    lines = [["network", "accuracy", "layer", "step, px", "folded by its stride", "above Nyquist", "contrast"]]
    for entry in numbers["found"]:
        for layer in entry["layers"]:
            lines.append(
                [
                    entry["network"],
                    f"{entry['accuracy']:.2%}",
                    layer["layer"],
                    str(layer["step"]),
                    f"{layer['folded']:.1%}",
                    f"{layer['above']:.1%}",
                    f"{layer['contrast']:.2f}",
                ]
            )
    words = [f"{name}: {'yes' if told else 'no'}" for name, told in numbers["told_by"].items()]
    ranks = [f"{key} {_short(value)}" for key, value in numbers["rank_correlation_with_test_error"].items()]
    others = [["variant", "parameters", "training error", "test error", "folded by conv1", "above Nyquist", "contrast"]]
    for variant in numbers["variants"]:
        spread = np.ptp(variant["test_errors"]) / 2
        others.append(
            [
                variant["variant"],
                f"{variant['parameters']:,}",
                f"{variant['train_error']:.2%}",
                f"{variant['test_error']:.2%}" + (f" ± {spread:.2%}" if len(variant["test_errors"]) > 1 else ""),
                f"{variant['folded']:.1%}",
                f"{variant['above']:.1%}",
                f"{variant['contrast']:.2f}",
            ]
        )
    found, compared = (text_table.markdown(rows, head) for head, *rows in (lines, others))
    return (
        f"{found}\n\nDoes the picture tell that {numbers['better']} is better? {', '.join(words)}.\n\n{compared}\n\n"
        f"Rank correlation with the test error: {', '.join(ranks)}."
    )


def _short(rank: float | None) -> str:
    return "not defined" if rank is None else f"{rank:.2f}"


def draw(numbers: dict[str, Any]) -> bytes:
    """A PNG: where the energy of the reconstructions lies, errors of the variants, and what tells them."""
    figure = plot.figure(15, 4.8, dpi=100)
    energy, errors, telling = figure.subplots(1, 3, width_ratios=(4, 5, 4))
    for entry, color in zip(numbers["found"], _COLORS, strict=False):
        for layer, style in zip(entry["layers"], ("-", "--", ":"), strict=False):
            shares = 100 * np.array(layer["spectrum"])
            middles = (np.arange(len(shares)) + 0.5) * 0.5 / len(shares)
            label = f"{entry['network']} {layer['layer']}: {layer['above']:.0%} above, {layer['folded']:.0%} folded"
            energy.plot(middles, shares, style, color=color, label=label)
            nyquist = 0.5 / layer["step"]
            energy.plot(nyquist, np.interp(nyquist, middles, shares), "v", color=color, markersize=7)
    heading = (
        "Triangles: Nyquist frequency of the layer's step.\nAbove: of the projection's energy.\n"
        "Folded: of the energy of the layer's own maps, by its stride"
    )
    plot.style(energy, heading, "cycles a pixel", "energy of the reconstruction, %")
    energy.set_ylim(bottom=0)
    # Room for the legend above the curves.
    energy.set_ylim(0, 1.4 * energy.get_ylim()[1])
    plot.legend(energy, loc="upper left")
    variants = numbers["variants"]
    shares = [100 * variant["test_error"] for variant in variants]
    colors = ["#cc5522" if "conv1" in variant["variant"] else "#225588" for variant in variants]
    errors.barh(range(len(variants)), shares, color=colors)
    for place, variant in enumerate(variants):
        folded = f"   folds {variant['folded']:.0%}" if variant["folded"] else ""
        label = f" {shares[place]:.2f}   {variant['parameters']:,}{folded}"
        plot.note(errors, label, (shares[place], place), va="center")
    plot.style(errors, "One choice changed at a time", "test error, %; number of parameters; energy that conv1 folds")
    plot.ticks(errors.yaxis, [f"{variant['variant']}  [{place + 1}]" for place, variant in enumerate(variants)])
    errors.invert_yaxis()
    # Room for the words after the longest bar; the axis says no more than 100%.
    errors.set_xlim(0, 1.9 * max(shares))
    errors.set_xticks([tick for tick in errors.get_xticks() if tick <= min(100, 1.2 * max(shares))])
    rank = numbers["rank_correlation_with_test_error"]["contrast"]
    heading = f"Does contrast tell? Rank correlation {_short(rank)}"
    plot.style(telling, heading, "contrast of the last maps' reconstruction", "test error, %")
    telling.set_yscale("log")
    telling.yaxis.set_major_formatter("{x:g}")
    telling.yaxis.set_minor_formatter("{x:g}")
    points = np.array([[variant["contrast"] for variant in variants], shares]).T
    telling.scatter(*points.T, c=colors)
    # Where they are drawn is known once all is laid out.
    figure.draw_without_rendering()
    shifts = _free_sides(telling.transData.transform(points) * 72 / figure.dpi)
    for place, (point, shift) in enumerate(zip(points, shifts, strict=True)):
        options = {"ha": "center", "va": "center", "textcoords": "offset points"}
        plot.note(telling, str(place + 1), tuple(point), xytext=tuple(shift), **options)
    return plot.png(figure)


def _free_sides(points: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, "n 2"]:
    """From each point to its label, in typographic points: on that side where all others are farthest."""
    angles = np.pi * np.arange(1, 9) / 4
    sides, taken, chosen = 8 * np.stack([np.cos(angles), np.sin(angles)], -1), points, []
    for point in points:
        gaps = np.linalg.norm((point + sides)[:, None] - taken, axis=-1)
        chosen.append(sides[gaps.min(1).round(3).argmax()])
        taken = np.concatenate([taken, [point + chosen[-1]]])
    return np.array(chosen)

"""What `scripts.trust` measured, as pictures and as a table of text."""

from typing import Any

import matplotlib.colors
import numpy as np

from jaxviz import render
from jaxviz.render import plot
from scripts._harness.run_folder import Step
from scripts.trust.methods import FLOORS, titles
from scripts.trust.study import Study

_DASHES = ("-", "--", ":")


def pictures(study: Study, steps: dict[str, Step]) -> dict[str, np.ndarray]:
    """All of them, by the names of their files."""
    return {
        "cascade.png": _cascade(study, steps),
        "similarity.png": _similarity(study, steps),
        "curves.png": _curves(steps),
    }


def table(study: Study, steps: dict[str, Step]) -> str:
    """A line per method."""
    depths = _depths(study)
    head = f"{'method':<22}{'insertion':>10}{'deletion':>10}{'other':>8}  |" + "".join(f"{d:>11}" for d in depths)
    lines = [" " * 52 + "rank correlation / SSIM when randomized", head]
    for name, step in steps.items():
        found = step.numbers
        pairs = zip(found["rank_correlation"], found["ssim"], strict=True)
        lines.append(
            f"{titles(name):<22}{found['insertion']:>10.3f}{found['deletion']:>10.3f}{_text(found['random_logit']):>8}"
            "  |" + "".join(f"{f'{_text(rank)}/{_text(structure)}':>11}" for rank, structure in pairs)
        )
    return "\n".join(lines)


def _text(value: float | None) -> str:
    # No minus before zero.
    return "blank" if value is None else f"{round(value, 2) + 0.0:.2f}"


def _depths(study: Study) -> list[str]:
    """The stages in words: the last layer of each that is randomized."""
    return [group[-1] if number == 0 else f"to {group[-1]}" for number, group in enumerate(study.stages)]


def _redrawn(study: Study, between: str = " ") -> list[str]:
    """The stages for a figure: from which layer to which all are redrawn."""
    top = study.stages[0][0]
    ends = [group[-1] for group in study.stages]
    return [end if end == top else f"{top}{between}to {end}" for end in ends]


def _cascade(study: Study, steps: dict[str, Step]) -> np.ndarray:
    photo = study.photos.pixels[0]
    rows = [[photo, *(drawn(shown) for shown in step.arrays["shown"])] for step in steps.values()]
    label = study.network.labels[study.targets[0]].replace("_", " ")
    return render.grid(
        rows,
        rows=[titles(name) for name in steps],
        cols=["photo", "as trained", *_redrawn(study, "\n")],
        title=f"Maps of {label} as more layers are redrawn.\n"
        "Red is for the class, blue against it;\nyellow is most where a map has no sign",
    )


def drawn(shown: np.ndarray) -> np.ndarray:
    """A map in color: around zero where it has a sign, from zero up where it has none."""
    shown = shown.astype(np.float64)
    scale = render.diverging(shown) if shown.min() < 0 else render.sequential(shown, percentile=99)
    return scale(shown)


def _similarity(study: Study, steps: dict[str, Step]) -> np.ndarray:
    """Two tables in color: how alike a method's maps stay."""
    names, depths = list(steps), _redrawn(study)
    # Wide enough for the titles, however few columns there are.
    widths = [max(0.62 * (len(depths) + 1), 2.3), max(0.62 * len(depths), 2.3)]
    figure = plot.figure(1.9 + sum(widths), 1.9 + 0.27 * len(names))
    left, right = figure.subplots(1, 2, width_ratios=widths)
    ranks = [[*steps[name].numbers["rank_correlation"], steps[name].numbers["random_logit"]] for name in names]
    _colored(left, ranks, [*depths, "another class"], "Rank correlation")
    left.axvline(len(depths) - 0.5, color="white", linewidth=4)
    _colored(right, [steps[name].numbers["ssim"] for name in names], depths, "Structural similarity (SSIM)")
    left.set_yticks(range(len(names)), [titles(name) for name in names], fontsize=8)
    right.set_yticks([])
    for axes in (left, right):
        axes.set_xlabel("layers redrawn", fontsize=8)
    # As wide as one table with two columns at least.
    figure.suptitle(
        f"{study.network.name}: how alike maps stay, 1 is unchanged", fontsize=10, color=plot.INK, parse_math=False
    )
    return plot.pixels(figure)


def _colored(axes: Any, rows: list[list[float | None]], columns: list[str], title: str) -> None:
    values = np.array([[np.nan if value is None else value for value in row] for row in rows])
    image = axes.imshow(values, vmin=0, vmax=1, cmap="cividis", aspect="auto")
    for place, value in np.ndenumerate(values):
        text = _text(None if np.isnan(value) else value)
        color = "#ffffff" if np.isnan(value) else matplotlib.colors.to_hex(image.cmap(image.norm(value)))
        axes.text(place[1], place[0], text, ha="center", va="center", fontsize=7, color=ink_on(color))
    axes.set_xticks(range(len(columns)), columns, rotation=35, ha="right", fontsize=8)
    axes.set_title(title, fontsize=9, color=plot.INK)
    axes.tick_params(length=0)


def ink_on(color: str) -> str:
    """Black or white, whichever has more contrast on a color (`#rrggbb`), by the definition of WCAG 2."""
    channels = [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    luminance = sum(weight * value for weight, value in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
    return "#000000" if (luminance + 0.05) / 0.05 > 1.05 / (luminance + 0.05) else "#ffffff"


def _curves(steps: dict[str, Step]) -> np.ndarray:
    figure = plot.figure(10.5, 4.2)
    best = {"insertion": "higher is better", "deletion": "lower is better"}
    for axes, (kind, reading) in zip(figure.subplots(1, 2), best.items(), strict=True):
        colors = iter(matplotlib.colormaps["tab10"].colors * 2)  # pyright: ignore[reportAttributeAccessIssue]
        lines = []
        for number, (name, step) in enumerate(steps.items()):
            values = step.arrays[kind].mean(0)
            plain = name in FLOORS
            (line,) = axes.plot(
                np.linspace(0, 100, len(values)),
                values,
                color="black" if plain else next(colors),
                linestyle=_DASHES[1 + (name == "random")] if plain else _DASHES[number // 10],
                linewidth=1.8 if plain else 1.3,
                label=f"{step.numbers[kind]:.3f}  {titles(name)}",
            )
            lines.append((step.numbers[kind], line))
        order = sorted(lines, key=lambda pair: pair[0], reverse=kind == "insertion")
        axes.legend(
            handles=[line for _, line in order], fontsize=7, frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5)
        )
        axes.set_title(f"{kind.capitalize()}: area, {reading}", fontsize=10, loc="left", color=plot.INK)
        axes.set_xlabel("% of pixels, most important first", fontsize=8)
        axes.set_ylabel("mean probability of the class", fontsize=8)
        axes.tick_params(labelsize=8)
        axes.spines[["top", "right"]].set_visible(False)
    return plot.pixels(figure)

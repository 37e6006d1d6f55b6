"""What `scripts.trust` measured, as pictures and as a table of text."""

from typing import Any

import matplotlib
import numpy as np

from jaxviz import render
from jaxviz.render import plot
from scripts._harness.run_folder import Step, dumps
from scripts.trust.methods import FLOORS, titles
from scripts.trust.metrics import METRICS
from scripts.trust.study import Study
from scripts.trust.verdict import gain, rounded, verdicts, winners, words

_DASHES = ("-", "--", ":")


def files(study: Study, steps: dict[str, Step]) -> dict[str, bytes]:
    """Pictures, numbers and verdicts, by the names of their files."""
    found = {name: render.png(picture) for name, picture in pictures(study, steps).items()}
    first = next(iter(steps.values())).arrays
    labels = study.network.labels
    explained = {
        str(index): {"target": labels[target], "other": labels[other]}
        for index, target, other in zip(first["index"], first["target"], first["other_target"], strict=True)
    }
    best = {metric: winner._asdict() for metric, winner in winners(steps).items()}
    rows = [step.numbers for step in steps.values()]
    found["table.json"] = dumps({"images": explained, "winners": best, "methods": rows}).encode()
    on = {"network": study.network.name, "data": study.data.name, "images": len(first["index"])}
    found["verdicts.json"] = dumps({**on, "verdicts": verdicts(steps)}).encode()
    return found


def pictures(study: Study, steps: dict[str, Step]) -> dict[str, np.ndarray]:
    """All of them, by the names of their files."""
    return {
        "scores.png": _scores(study, steps),
        "cascade.png": _cascade(study, steps),
        "similarity.png": _similarity(study, steps),
        "curves.png": _curves(steps),
    }


def table(study: Study, steps: dict[str, Step]) -> str:
    """A line per method and metric with its interval, who wins what, and the verdicts."""
    columns = _columns(steps)
    width = max(len(METRICS[metric].title) for metric in columns) + 2
    lines = ["mean and half of its 95% interval over the images", ""]
    lines.append(f"{'method':<22}" + "".join(f"{METRICS[metric].title:>{width}}" for metric in columns))
    lines.append(f"{'better is':<22}" + "".join(f"{METRICS[metric].better:>{width}}" for metric in columns))
    for name, step in steps.items():
        lines.append(
            f"{titles(name):<22}" + "".join(f"{_cell(step.numbers['metrics'][one]):>{width}}" for one in columns)
        )
    depths = _depths(study)
    lines += ["", "rank correlation / SSIM when randomized", f"{'':<22}" + "".join(f"{depth:>11}" for depth in depths)]
    for name, step in steps.items():
        pairs = zip(step.numbers["rank_correlation"], step.numbers["ssim"], strict=True)
        cells = "".join(f"{f'{_text(rank)}/{_text(structure)}':>11}" for rank, structure in pairs)
        lines.append(f"{titles(name):<22}{cells}")
    lines += ["", "Who wins what", *(words(winner, metric) for metric, winner in winners(steps).items())]
    lines += ["", "Verdicts", *(f"{titles(name)}: {text}" for name, text in verdicts(steps).items())]
    lines += [
        "",
        "The measures",
        *(f"{METRICS[one].title}: {METRICS[one].reading} {METRICS[one].source}." for one in columns),
    ]
    return "\n".join(lines)


def _columns(steps: dict[str, Step]) -> list[str]:
    """The metrics that apply to any method."""
    return [metric for metric in METRICS if any(step.numbers["metrics"][metric] for step in steps.values())]


def _mean_of(step: Step, metric: str) -> float | None:
    found = step.numbers["metrics"][metric]
    return found and found["mean"]


def _cell(found: dict[str, Any] | None) -> str:
    return "" if found is None else f"{rounded(found['mean'])} ±{rounded((found['high'] - found['low']) / 2)}"


def _text(value: float | None) -> str:
    return "blank" if value is None else rounded(value)


def _scores(study: Study, steps: dict[str, Step]) -> np.ndarray:
    """All metrics of all methods: each column from its worst to its best, the winners bold."""
    columns, names = _columns(steps), list(steps)
    best = winners(steps)
    count = next(iter(steps.values())).numbers["images"]
    title = (
        f"{study.network.name}, {count} images: mean and half of its 95% interval.\n"
        "Yellow is the best of a column; bold are the best method and those not told apart from it"
    )
    figure = plot.figure(2.4 + 0.95 * len(columns), 1.5 + 0.27 * len(names), title=title)
    axes = figure.subplots()
    means = np.array([[_best(steps[name], metric) for metric in columns] for name in names])
    lowest, highest = np.nanmin(means, 0), np.nanmax(means, 0)
    shares = (means - lowest) / np.where(highest > lowest, highest - lowest, 1)
    wins = [
        [metric in best and name in (best[metric].best, *best[metric].tied) for metric in columns] for name in names
    ]
    said = [[_cell(steps[name].numbers["metrics"][metric]) for metric in columns] for name in names]
    plot.matrix(axes, shares, said, bold=np.array(wins))
    plot.ticks(axes.yaxis, [titles(name) for name in names])
    plot.ticks(axes.xaxis, [f"{METRICS[metric].title}\n{METRICS[metric].better}" for metric in columns])
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    return plot.pixels(figure)


def _best(step: Step, metric: str) -> float:
    values = gain(step, metric)
    return float(np.nanmean(values)) if np.isfinite(values).any() else np.nan


def _depths(study: Study) -> list[str]:
    """The stages in words: the last layer of each that is randomized."""
    return [group[-1] if number == 0 else f"to {group[-1]}" for number, group in enumerate(study.stages)]


def _redrawn(study: Study, between: str = " ") -> list[str]:
    """The stages for a figure: from which layer to which all are redrawn."""
    top = study.stages[0][0]
    ends = [group[-1] for group in study.stages]
    return [end if end == top else f"{top}{between}to {end}" for end in ends]


def _cascade(study: Study, steps: dict[str, Step]) -> np.ndarray:
    photo = study.data.picture(int(study.indices[0]))
    rows = [[photo, *(drawn(shown) for shown in step.arrays["shown"])] for step in steps.values()]
    label = study.network.labels[int(next(iter(steps.values())).arrays["target"][0])].replace("_", " ")
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
    title = f"{study.network.name}: how alike maps stay, 1 is unchanged"
    figure = plot.figure(1.9 + sum(widths), 1.9 + 0.27 * len(names), title=title)
    left, right = figure.subplots(1, 2, width_ratios=widths)
    ranks = [[*steps[name].numbers["rank_correlation"], _mean_of(steps[name], "other")] for name in names]
    _colored(left, ranks, [*depths, "another class"], "Rank correlation")
    left.axvline(len(depths) - 0.5, color="white", linewidth=4)
    _colored(right, [steps[name].numbers["ssim"] for name in names], depths, "Structural similarity (SSIM)")
    plot.ticks(left.yaxis, [titles(name) for name in names])
    right.set_yticks([])
    return plot.pixels(figure)


def _colored(axes: Any, rows: list[list[float | None]], columns: list[str], heading: str) -> None:
    values = np.array([[np.nan if value is None else value for value in row] for row in rows])
    plot.matrix(axes, values, [[_text(value) for value in row] for row in rows])
    plot.style(axes, heading, "layers redrawn")
    plot.ticks(axes.xaxis, columns, rotation=35, ha="right")


def _curves(steps: dict[str, Step]) -> np.ndarray:
    figure = plot.figure(10.5, 4.2)
    best = {"insertion": "higher is better", "deletion": "lower is better"}
    for axes, (kind, reading) in zip(figure.subplots(1, 2), best.items(), strict=True):
        colors = iter(matplotlib.colormaps["tab10"].colors * 2)  # pyright: ignore[reportAttributeAccessIssue]
        lines = []
        for number, (name, step) in enumerate(steps.items()):
            plain = name in FLOORS
            # A blank map has no curve.
            there = np.isfinite(step.arrays[kind])
            if not there.any():
                continue
            values, mean = step.arrays[f"{kind}_curve"][there].mean(0), float(step.arrays[kind][there].mean())
            (line,) = axes.plot(
                np.linspace(0, 100, len(values)),
                values,
                color="black" if plain else next(colors),
                linestyle=_DASHES[1 + (name == "random")] if plain else _DASHES[number // 10],
                linewidth=1.8 if plain else 1.3,
                label=f"{mean:.3f}  {titles(name)}",
            )
            lines.append((mean, line))
        order = sorted(lines, key=lambda pair: pair[0], reverse=kind == "insertion")
        plot.legend(axes, handles=[line for _, line in order], loc="center left", bbox_to_anchor=(1.0, 0.5))
        across, up = "% of pixels, most important first", "mean probability of the class"
        plot.style(axes, f"{kind.capitalize()}: area, {reading}", across, up)
    return plot.pixels(figure)

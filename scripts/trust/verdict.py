"""What the numbers say in words: who wins what, and whether a method's maps can be trusted."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from jaxviz import metrics
from scripts._harness.run_folder import Step
from scripts.trust.methods import FLOORS, titles
from scripts.trust.metrics import METRICS

_CHANGED, _KEPT = 0.5, 0.8
"""Rank correlations: a map that keeps less has changed, one that keeps more has hardly changed."""


_WORDS = {"edges": "the edges of the image", "random": "random pixels"}


class Winner(NamedTuple):
    """Of one metric.

    Attributes:
        best: the method whose mean is best.
        tied: those whose difference from it may be none: its interval over the same images holds zero.
        floor: what knows nothing of the network and is as good as the best; None where nothing is.
    """

    best: str
    tied: tuple[str, ...]
    floor: str | None


def winners(steps: Mapping[str, Step]) -> dict[str, Winner]:
    """The best method of each metric that any applies to."""
    found = {}
    for metric in METRICS:
        means = {name: gain(step, metric) for name, step in steps.items()}
        means = {name: values for name, values in means.items() if np.isfinite(values).any()}
        methods = [name for name in means if name not in FLOORS]
        if not methods:
            continue
        best = max(methods, key=lambda name: np.nanmean(means[name]))
        tied = tuple(name for name in methods if name != best and not _better(means[best], means[name]))
        floor = next((name for name in FLOORS if name in means and not _better(means[best], means[name])), None)
        found[metric] = Winner(best, tied, floor)
    return found


def gain(step: Step, metric: str) -> np.ndarray:
    """The metric of each image, so that more is better."""
    values = np.asarray(step.arrays[metric], np.float64)
    return values if METRICS[metric].better == "higher" else -values


def verdicts(steps: Mapping[str, Step]) -> dict[str, str]:
    """A sentence or two for each method: does it show what was learned, and does it point at what is used."""
    return {name: _verdict(name, steps) for name in steps if name not in FLOORS}


def _verdict(name: str, steps: Mapping[str, Step]) -> str:
    return f"{_learned(steps[name].numbers['metrics']['redrawn'])} {_used(name, steps)}"


def _learned(found: dict[str, Any] | None) -> str:
    if found is None:
        return "Blank once the last layer is redrawn."
    said = f"(rank correlation {_number(found)})"
    if found["high"] < _CHANGED:
        return f"Changes when the last layer is redrawn {said}: it shows what was learned."
    if found["low"] > _KEPT:
        return f"Hardly changes when the last layer is redrawn {said}: it does not show what decides."
    return f"Changes in part when the last layer is redrawn {said}."


def _used(name: str, steps: Mapping[str, Step]) -> str:
    found = steps[name].numbers["metrics"]["road"]
    if found is None:
        return "No map has an order of pixels."
    own, said = gain(steps[name], "road"), f"(ROAD {_number(found)})"
    # The strongest floor first: what beats it need not be said to beat the other.
    known = [floor for floor in _WORDS if floor in steps]
    if not known:
        return f"Nothing was measured to compare its most important pixels with {said}."
    worse = [floor for floor in known if not _better(own, gain(steps[floor], "road"))]
    if not worse:
        return f"Its most important pixels matter to the network more than {_WORDS[known[0]]} do {said}."
    floors = " and ".join(_WORDS[floor] for floor in worse)
    return f"Its most important pixels are not shown to matter more than {floors} do {said}."


def _better(some: np.ndarray, others: np.ndarray) -> bool:
    """Whether the mean difference over the same images is above zero, its interval too. One image has none."""
    found = metrics.confidence_interval(some - others)
    return found.count > 1 and found.low > 0


def _number(found: dict[str, Any]) -> str:
    return f"{rounded(found['mean'])}, {rounded(found['low'])} to {rounded(found['high'])}"


def rounded(value: float) -> str:
    """Two places, no minus before zero."""
    return f"{round(value, 2) + 0.0:.2f}"


def words(winner: Winner, metric: str) -> str:
    """A line for the table of winners."""
    text = titles(winner.best)
    if winner.tied:
        text += f", not told apart from {', '.join(titles(name) for name in winner.tied)}"
    if winner.floor:
        text += f"; no better than {titles(winner.floor)}"
    return f"{METRICS[metric].title} ({METRICS[metric].better} is better): {text}."

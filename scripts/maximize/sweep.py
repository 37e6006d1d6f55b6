"""How smooth an image has to be: one class under several weights of total variation; and two classes in one image."""

import time
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

import jaxviz as jv
import models
from jaxviz import maximize, render
from jaxviz.maximize import augment, param
from jaxviz.maximize.priors import lp_norm, total_variation
from scripts._harness.ascent import Study, chosen, of, picture, rounded, study
from scripts._harness.depends import of_network
from scripts._harness.plan import Plan, Task, Tick, settings
from scripts._harness.run_folder import Step
from scripts.maximize.sweep_figure import figure

if TYPE_CHECKING:
    from scripts.maximize.config import Sweep

DIGITS = "mnist_cnn3"
_DIGIT_PAIRS = ((1, 7), (4, 9), (0, 1), (7, 8))
_LEVELS = 255
_BALANCE, _SMOOTH, _DARK = 10.0, 60.0, 20.0
# Strokes need more steps than photos, and a step on 28x28 pixels costs next to nothing.
_STEPS = 512


def plan(config: "Sweep") -> Plan:
    """One task per weight, and one per pair of classes."""
    shared = study(config.ascent)
    target = chosen((config.target or _some(shared, ("great_white_shark",))[0],), shared.labels, "--target")[0]
    weights = tuple(dict.fromkeys(config.tv_weights))
    two, pairs, why = _two(config, shared)
    tasks = {f"weight-{weight:g}": Task(partial(_weighted, shared, target, weight)) for weight in weights}
    tasks |= {f"two-{first}-{second}": Task(partial(_both, two, (first, second))) for first, second in pairs}
    run = settings(config, shared, target=shared.labels[target], tv_weights=list(weights), two_on=why)
    run["two_sha256"] = of_network(two.network)
    draw = partial(_draw, shared, config, target, two)
    return Plan(f"maximize-sweep-{shared.network.name}", run, tasks, draw, partial(_report, config), _headline)


def _some(shared: Study, wanted: tuple[str, ...]) -> tuple[str, ...]:
    """Classes of these names, or the first ones of a network that does not know them."""
    return wanted if set(shared.network.labels).issuperset(wanted) else tuple(map(str, range(len(wanted))))


def _two(config: "Sweep", shared: Study) -> tuple[Study, tuple[tuple[int, int], ...], str]:
    """On which network two classes are asked for at once, which, and why there."""
    try:
        digits = models.load(DIGITS)
    except (FileNotFoundError, ValueError) as error:
        names = _some(shared, ("great_white_shark", "bald_eagle", "Egyptian_cat", "tabby"))
        first, second, third, fourth = chosen(names, shared.labels, "--pairs")
        return shared, ((first, second), (third, fourth)), f"{shared.network.name}, as {error}"
    found = of(digits, max(config.ascent.steps, _STEPS), config.ascent.seed)
    return found._replace(augment=_black(min(digits.input_shape[:2]))), _DIGIT_PAIRS, digits.name


def _black(size: int) -> augment.Augment:
    """The standard augmentation, but with black around the image, as digits have it, and not with gray."""
    shift = max(1, size // 14)
    return augment.compose(
        augment.pad(shift, 0.0),
        augment.jitter(shift),
        augment.scale([0.9, 0.95, 1.0, 1.05, 1.1], fill=0.0),
        augment.rotate(range(-10, 11), fill=0.0),
        augment.jitter(shift),
    )


def _weighted(shared: Study, target: int, weight: float, tick: Tick) -> Step:
    del tick
    start = time.perf_counter()
    # The weight counts mean differences of gray levels, 0 to 255, which is how it is usually stated.
    found = shared.ascend(maximize.logit(target), priors=[total_variation(weight * _LEVELS)])
    logits, views = shared.judge(found.pixels)
    seen = np.asarray(jv.attribution.probabilities(views))[:, 0, target]
    numbers = {
        "class": target,
        "weight": weight,
        "logit": rounded(logits[0, target]),
        "total_variation": rounded(_LEVELS * total_variation(1.0)(found.pixels)),
        "probability": rounded(jv.attribution.probabilities(logits)[0, target]),
        "held_out": {"views": len(seen), "median": rounded(np.median(seen)), "lowest": rounded(seen.min())},
        "objective": rounded(found.trace[0]),
        "seconds": round(time.perf_counter() - start, 2),
    }
    return Step(numbers, {"picture": picture(found.pixels[0])})


def _both(shared: Study, pair: tuple[int, int], tick: Tick) -> Step:
    del tick
    start = time.perf_counter()
    options: dict[str, Any] = {"priors": [total_variation(_SMOOTH, "isotropic")]}
    if shared.network.input_shape[2] == 1:
        # Digits are white on black.
        options["priors"].append(lp_norm(_DARK, p=1, center=0.0))
        options |= {"param": param.pixels, "start": np.full(shared.network.input_shape, 0.02, np.float32)}
    first, second = map(_asked, pair)
    found = shared.ascend(first + second, **options)
    alone = shared.ascend(_asked(np.array(pair)), **options)
    logits, _ = shared.judge(np.concatenate([found.pixels, alone.pixels]))
    probabilities, *each = np.asarray(jv.attribution.probabilities(logits))
    numbers = {
        "network": shared.network.name,
        "classes": list(pair),
        "labels": [shared.labels[index] for index in pair],
        "logits": rounded(logits[0, list(pair)]),
        "probabilities": rounded(probabilities[list(pair)]),
        "probabilities_alone": rounded([own[index] for own, index in zip(each, pair, strict=True)]),
        "ranks": [int((probabilities > probabilities[index]).sum()) for index in pair],
        "objective": rounded(found.trace[0]),
        "seconds": round(time.perf_counter() - start, 2),
    }
    return Step(numbers, {"picture": picture(found.pixels[0]), "alone": picture(alone.pixels)})


def _asked(classes: Any) -> maximize.Objective:
    """A class as something to ask for; by the logits alone the easier of two would take all of the picture."""
    return maximize.logit(classes) + _BALANCE * maximize.log_probability(classes)


def picked(numbers: list[dict[str, Any]], certain: float) -> int:
    """Which weight is chosen: of the images that are recognized in unseen views, the one with least total variation.

    Where none is recognized as surely as `certain`, the one that is most surely.
    """
    sure = [place for place, found in enumerate(numbers) if found["held_out"]["median"] >= certain]
    if sure:
        return min(sure, key=lambda place: numbers[place]["total_variation"])
    return max(range(len(numbers)), key=lambda place: numbers[place]["held_out"]["median"])


def _draw(shared: Study, config: "Sweep", target: int, two: Study, steps: dict[str, Step]) -> dict[str, bytes]:
    weighted = [step for name, step in steps.items() if name.startswith("weight-")]
    numbers = [step.numbers for step in weighted]
    pictures = [step.arrays["picture"] for step in weighted]
    best = picked(numbers, config.certain)
    title = f"{shared.network.name}, {shared.labels[target]}: weights of total variation"
    files = {
        f"weight-{found['weight']:g}.png": render.png(shown) for found, shown in zip(numbers, pictures, strict=True)
    }
    files["sweep.png"] = render.png(figure(pictures, numbers, best, config.certain, title))
    pairs = [step for name, step in steps.items() if name.startswith("two-")]
    side = two.network.input_shape[0]
    shown, said = [], []
    for step in pairs:
        shown += [*step.arrays["alone"], step.arrays["picture"]]
        labels, alone = step.numbers["labels"], step.numbers["probabilities_alone"]
        said += [f"{label} alone: {share:.0%}" for label, share in zip(labels, alone, strict=True)]
        both = zip(labels, step.numbers["probabilities"], strict=True)
        said.append("both: " + ", ".join(f"{label} {share:.0%}" for label, share in both))
    title = f"{two.network.name}: two classes, each alone and both in one image"
    sheet = render.contact_sheet(shown, said, title=title, cols=6, tile=side * max(1, 170 // side))
    return files | {"two.png": render.png(sheet)}


def _headline(steps: dict[str, Step]) -> str:
    found = [step.numbers for name, step in steps.items() if name.startswith("weight-")]
    found.sort(key=lambda one: one["weight"])
    lines = [f"{one['weight']:g}: {one['probability']:.0%}, variation {one['total_variation']:.1f}" for one in found]
    return f"Probability and total variation by weight: {'; '.join(lines)}."


def _report(config: "Sweep", steps: dict[str, Step]) -> str:
    numbers = [step.numbers for name, step in steps.items() if name.startswith("weight-")]
    best = picked(numbers, config.certain)
    lines = ["  weight    logit  total variation  probability  unseen views"]
    for place, found in enumerate(numbers):
        row = (
            f"{found['weight']:8g} {found['logit']:8.1f} {found['total_variation']:16.2f} {found['probability']:12.1%}"
        )
        lines.append(f"{row} {found['held_out']['median']:13.1%}{'  <- picked' if place == best else ''}")
    for name, step in steps.items():
        if name.startswith("two-"):
            both = zip(step.numbers["labels"], step.numbers["probabilities"], strict=True)
            lines.append("  two at once: " + ", ".join(f"{label} {share:.1%}" for label, share in both))
    return "\n".join(lines)

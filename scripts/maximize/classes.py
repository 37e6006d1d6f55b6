"""What classes ask for: an ascent for each, on the way and at its end, and several at once that must differ."""

import time
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

import jaxviz as jv
from jaxviz import maximize, render
from scripts._harness.ascent import OBJECTIVES, Study, chosen, file_name, picture, rounded, study
from scripts._harness.plan import Plan, Task, Tick, animations, settings
from scripts._harness.run_folder import Step
from scripts._harness.words import spread_over, unknown

if TYPE_CHECKING:
    from scripts.maximize.config import Classes

_FAMOUS = ("great_white_shark", "bald_eagle", "assault_rifle")


def plan(config: "Classes") -> Plan:
    """One task per class, and one for its orientations."""
    shared = study(config.ascent)
    known = set(shared.network.labels)
    classes = config.classes or (_FAMOUS if known.issuperset(_FAMOUS) else tuple(map(str, range(min(3, len(known))))))
    indices = chosen(classes, shared.labels, "--classes")
    if config.orientations == 1:
        raise ValueError(f"`--orientations` must be 2 or more, or 0 for none, got {config.orientations}.")
    layer = _layer(config, shared)
    names = {f"{index:03d}-{file_name(shared.network.labels[index])}": index for index in indices}
    tasks = {name: Task(partial(_ascent, shared, config, index)) for name, index in names.items()}
    if config.orientations:
        tasks |= {
            f"{name}-orientations": Task(partial(_orientations, shared, config, index, layer), config.orientations)
            for name, index in names.items()
        }
    labels = [shared.labels[index] for index in indices]
    run = settings(config, shared, classes=labels, diversity_layer=layer)
    return Plan(
        f"maximize-classes-{shared.network.name}", run, tasks, partial(_draw, shared, names), _report, _headline
    )


def _layer(config: "Classes", shared: Study) -> str:
    shape = (1, *shared.network.input_shape)
    shapes = {name: found.shape for name, found in jv.layers(shared.f, np.zeros(shape, np.float32)).items()}
    maps = [name for name, found in shapes.items() if len(found) == 4 and min(found[1:3]) > 1]
    if config.diversity_layer is None:
        return spread_over(maps, shapes, len(shared.labels))[-2:][0]
    if config.diversity_layer not in maps:
        raise ValueError(unknown("--diversity-layer", config.diversity_layer, maps))
    return config.diversity_layer


def _moments(steps: int) -> tuple[int, ...]:
    """After the first step, and at each quarter of the way."""
    return tuple(sorted({1, *(max(1, round(steps * part / 4)) for part in range(1, 5))}))


def _ascent(shared: Study, config: "Classes", index: int, tick: Tick) -> Step:
    del tick
    start, moments = time.perf_counter(), _moments(shared.steps)
    found = shared.ascend(OBJECTIVES[config.objective](index), snapshots=moments)
    logits, views = shared.judge(found.snapshots[:, 0])
    probabilities = np.asarray(jv.attribution.probabilities(logits))[:, index]
    seen = np.asarray(jv.attribution.probabilities(views))[:, -1, index]
    numbers = {
        "class": index,
        "label": shared.labels[index],
        "snapshots": [
            {"step": step, "logit": rounded(logit), "probability": rounded(probability)}
            for step, logit, probability in zip(moments, logits[:, index], probabilities, strict=True)
        ],
        "probability": rounded(probabilities[-1]),
        "held_out": {"views": len(seen), "median": rounded(np.median(seen)), "lowest": rounded(seen.min())},
        "objective": rounded(found.trace[0]),
        "seconds": round(time.perf_counter() - start, 2),
    }
    return Step(numbers, {"snapshots": picture(found.snapshots[:, 0])})


def _orientations(shared: Study, config: "Classes", index: int, layer: str, tick: Tick) -> Step:
    del tick
    start = time.perf_counter()
    objective = OBJECTIVES[config.objective](index) + config.diversity * maximize.diversity(layer)
    found = shared.ascend(objective, num_images=config.orientations)
    logits, _ = shared.judge(found.pixels)
    numbers = {
        "class": index,
        "label": shared.labels[index],
        "diversity": {"layer": layer, "weight": config.diversity},
        "probabilities": rounded(jv.attribution.probabilities(logits)[:, index]),
        "objective": rounded(found.trace[0]),
        "seconds": round(time.perf_counter() - start, 2),
    }
    return Step(numbers, {"pictures": picture(found.pixels)})


def _draw(shared: Study, names: dict[str, int], steps: dict[str, Step]) -> dict[str, bytes]:
    files = {}
    moments = [entry["step"] for entry in steps[next(iter(names))].numbers["snapshots"]]
    labels = [f"step {step}" for step in moments]
    shots = {name: steps[name].arrays["snapshots"] for name in names}
    for name in names:
        files[f"{name}.png"] = render.png(shots[name][-1])
        files |= animations(name, list(shots[name]), labels)
        if (more := steps.get(f"{name}-orientations")) is not None:
            words = [f"{probability:.1%}" for probability in more.numbers["probabilities"]]
            title = f"{more.numbers['label']}: images that must differ in {more.numbers['diversity']['layer']}"
            sheet = render.contact_sheet(list(more.arrays["pictures"]), words, title=title, cols=len(words), tile=227)
            files[f"{name}-orientations.png"] = render.png(sheet)
    side = max(96, shared.network.input_shape[0])
    frames = [
        render.contact_sheet(
            [shots[name][moment] for name in names],
            [f"{shared.labels[index]}\n{steps[name].numbers['snapshots'][moment]['probability']:.1%}"
             for name, index in names.items()],
            title=f"{shared.network.name}, step {step}",
            cols=min(4, len(names)),
            tile=side,
        )
        for moment, step in enumerate(moments)
    ]  # fmt: skip
    files |= animations("classes", frames, [])
    files["classes.png"] = render.png(
        render.contact_sheet(
            [shot for name in names for shot in shots[name]],
            [f"{shared.labels[index]}, {label}" for index in names.values() for label in labels],
            title=f"What {shared.network.name} asks for",
            cols=len(moments),
            tile=side,
        )
    )
    return files


def _headline(steps: dict[str, Step]) -> str:
    said = [
        f"{step.numbers['label']} {step.numbers['probability']:.1%} (unseen views "
        f"{step.numbers['held_out']['median']:.1%})"
        for step in steps.values()
        if "probability" in step.numbers
    ]
    return f"Probability: {', '.join(said)}."


def _report(steps: dict[str, Step]) -> str:
    lines = []
    for step in steps.values():
        numbers = step.numbers
        if "probability" in numbers:
            held_out = numbers["held_out"]["median"]
            lines.append(f"  {numbers['label']:<24} {numbers['probability']:6.1%}   unseen views {held_out:6.1%}")
    return "\n".join(lines)

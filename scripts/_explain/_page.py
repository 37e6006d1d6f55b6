"""The steps put together on one page."""

import shlex

from jaxviz import render
from scripts._explain import _attributions, _occlusion, _prediction, _projections
from scripts._explain._study import Study
from scripts._run_folder import Step, dumps, file_name


def page(study: Study, steps: dict[str, Step], facts: dict[str, str]) -> render.Page:
    """The page of all steps, by their names."""
    config = study.config
    prediction = steps["prediction"]
    label = prediction.numbers["label"]
    attributions = {name: steps[name] for name in config.methods}
    projections = {layer: steps[f"projection-{layer}"] for layer in study.layers}
    occlusion = steps["occlusion"]
    base = ["python", "-m", "scripts.explain", config.photo, "--network", config.network]
    aimed = [*base, "--target", str(prediction.numbers["target"])]
    sections = [
        _section(
            "Prediction",
            "The photo as the network sees it, and how its probability is shared among the most probable classes.",
            _prediction.blocks(prediction),
            {"prediction": prediction},
            base,
        ),
        _section(
            f"What speaks for {label}",
            "Each picture is another answer to the same question, which pixels or places make the score of "
            f"{label} large; trust what several of them agree on.",
            [render.Gallery([_attributions.figure(study, step) for step in attributions.values()])],
            attributions,
            [*aimed, "--layers", study.cam_layer, "--methods", *config.methods],
        ),
        _section(
            "What the strongest units see",
            "For each layer, the units that the photo excites most: the part of the photo that the unit sees, and what "
            "in it the unit responds to, projected down by a deconvnet and by guided backpropagation (mid-gray is "
            "zero).",
            [_projections.block(study, step) for step in projections.values()],
            projections,
            [*base, "--layers", *study.layers, "--units", str(config.units)],
        ),
        _section(
            "What if a place is covered",
            f"A gray square of {config.window}×{config.window} pixels covers one place after the other; point at a "
            "place, touch it or move there with the arrow keys to see the probabilities with that place covered.",
            [_occlusion.block(study, occlusion, prediction.arrays["probabilities"])],
            {"occlusion": occlusion},
            [*aimed, "--window", str(config.window), "--stride", str(config.stride)],
        ),
    ]
    best = prediction.numbers["top"][0]
    summary = (
        f"{config.network} says {best['label']}, {best['probability']:.1%}. This page shows what speaks for "
        f"{label}, what single units respond to, and what changes when a part of the photo is covered."
    )
    return render.Page(f"Why {label}?", summary, sections, facts)


def _section(
    title: str, reading: str, blocks: list[render.Block], steps: dict[str, Step], command: list[str]
) -> render.Section:
    numbers = [step.numbers for step in steps.values()]
    cost = [
        (words, f"{sum(entry['seconds'][what] for entry in numbers):.1f} s")
        for what, words in (("compile", "compile, or load compiled"), ("run", "run"))
    ]
    passes = {way: sum(entry["passes"][way] for entry in numbers) for way in ("forward", "backward")}
    cost.append(("passes", ", ".join(f"{count} {way}" for way, count in passes.items() if count)))
    names = ", ".join(f"{file_name(name)}.json" for name in steps)
    data = "\n".join(dumps(step.numbers) for step in steps.values())
    return render.Section(title, reading, blocks, cost, shlex.join(command), names, data)

"""A run from its arguments to its page."""

import dataclasses
import importlib.metadata
import platform
from pathlib import Path

import jax
import numpy as np
from tqdm import tqdm

from jaxviz import render
from scripts._clock import Clock
from scripts._depends import of_network
from scripts._explain import _attributions, _occlusion, _prediction, _projections
from scripts._explain._page import page
from scripts._explain._study import Study
from scripts._explain._summary import summary
from scripts._run_folder import RunFolder, Step, free


def open_folder(study: Study) -> RunFolder:
    """The folder that the run belongs in, from here on its own."""
    settings = dataclasses.asdict(study.config)
    out = settings.pop("out")
    run = {"script": "explain", **settings, "photo": study.name, "sha256": study.sha256, "layers": study.layers}
    run["weights_sha256"] = of_network(study.network)
    run = {key: list(value) if isinstance(value, tuple) else value for key, value in run.items()}
    return RunFolder(out or free(Path("runs") / f"explain-{study.name}-{study.config.network}", run), run, versions())


def versions() -> dict[str, str]:
    """Of all that has a say in the numbers."""
    packages = {"jaxviz": "jaxviz-convnets", "jax": "jax", "flax": "flax"}
    return {"python": platform.python_version()} | {
        name: importlib.metadata.version(package) for name, package in packages.items()
    }


def measure(study: Study, folder: RunFolder, clock: Clock) -> dict[str, Step]:
    """All steps by name, each saved as soon as it is done; those that an interrupted run has left are read."""
    steps: dict[str, Step] = {}
    names = ["prediction", *study.config.methods, *(f"projection-{layer}" for layer in study.layers), "occlusion"]
    with tqdm(names, unit="step") as bar:
        for name in bar:
            bar.set_description(name)
            if folder.finished(name):
                steps[name] = folder.load(name)
                continue
            with clock(name):
                steps[name] = _measure(study, name, steps)
                folder.save(name, steps[name])
            seconds = steps[name].numbers["seconds"]
            clock.note(name, f"compile {seconds['compile']:.1f}, run {seconds['run']:.1f}")
    return steps


def _measure(study: Study, name: str, steps: dict[str, Step]) -> Step:
    if name == "prediction":
        return _prediction.measure(study)
    if name in study.config.methods:
        return _attributions.measure(study, name, steps["prediction"].numbers["target"])
    if name == "occlusion":
        return _occlusion.measure(study, steps["prediction"].numbers["target"])
    return _projections.measure(study, name.removeprefix("projection-"))


def show(study: Study, folder: RunFolder, steps: dict[str, Step], clock: Clock) -> Path:
    """Write the pictures, then the page; the page comes last, so that it never speaks of what is not there."""
    device = jax.devices()[0]
    facts = {
        "Measured in": f"{clock.total():.1f} s",
        "Device": device.device_kind,
        **versions(),
    }
    shown = page(study, steps, facts)
    for name, picture in _pictures(study, steps).items():
        folder.write(name, render.png(picture))
    index = folder.write("index.html", render.html(shown).encode())
    folder.complete()
    return index


def _pictures(study: Study, steps: dict[str, Step]) -> dict[str, np.ndarray]:
    attributions = {name: _attributions.figure(study, steps[name]) for name in study.config.methods}
    projections = {layer: _projections.strips(study, steps[f"projection-{layer}"]) for layer in study.layers}
    covering = _occlusion.block(study, steps["occlusion"], steps["prediction"].arrays["probabilities"])
    files = {
        "photo.png": study.photo,
        "prediction.png": render.bars(
            steps["prediction"].arrays["probabilities"], study.labels, title="Most probable classes"
        ),
        "summary.png": summary(study, steps["prediction"], attributions, projections, covering.figure),
    }
    for name, figure in [*attributions.items(), ("occlusion", covering.figure)]:
        files[f"{name}.png"] = render.framed(figure.picture, title=figure.title, scale=figure.scale)
    for layer, strips in projections.items():
        files[f"projection-{layer}.png"] = _projections.sheet(layer, strips)
    return files


def top_classes(steps: dict[str, Step]) -> str:
    """The most probable classes as lines of text."""
    top = steps["prediction"].numbers["top"]
    return "\n".join(f"  {entry['probability']:6.1%}  {entry['label']}" for entry in top)

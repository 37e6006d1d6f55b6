"""Whether a network recognizes what was drawn for its classes, in the picture itself and in views of it."""

import dataclasses
from functools import partial
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

import jaxviz as jv
from jaxviz import render
from scripts._harness.ascent import OBJECTIVES, Study, file_name, of, picture, rounded
from scripts._harness.depends import of_network
from scripts._harness.networks import network_of
from scripts._harness.plan import Plan, Task, Tick
from scripts._harness.run_folder import Step, dumps

if TYPE_CHECKING:
    from scripts.recognized.config import Config

_SURE, _VIEW = 0.95, 0.8
_FAMOUS = ("great_white_shark", "bald_eagle", "assault_rifle", "Egyptian_cat", "tabby", "volcano", "goldfish", "zebra")
_FAMOUS += ("king_penguin", "strawberry")
_PARTS = 8


def plan(config: "Config") -> Plan:
    """One task per batch of classes, in a random order, and one for some that everybody knows."""
    network = network_of(config.network, config.weights, "NETWORK")
    if config.classes > len(network.labels):
        raise ValueError(f"`--classes` must be in 1..{len(network.labels)}, got {config.classes}.")
    if config.batch > len(network.labels):
        raise ValueError(f"`--batch` must be at most {len(network.labels)}, all classes, got {config.batch}.")
    study = of(network, config.steps, config.seed)
    drawn = np.random.default_rng(config.seed).permutation(len(network.labels))[: config.classes]
    known = np.array([network.labels.index(label) for label in _FAMOUS if label in network.labels], int)
    starts = range(0, len(drawn), config.batch)
    batches = {f"classes-{start:03d}": drawn[start : start + config.batch] for start in starts}
    if known.size:
        batches["known"] = known
    run = {"script": "recognized", **dataclasses.asdict(config), "weights_sha256": of_network(network)}
    del run["out"]
    tasks = {name: Task(partial(_ascend, study, config, classes), len(classes)) for name, classes in batches.items()}
    return Plan(
        f"recognized-{network.name}-{config.objective}", run, tasks, partial(_draw, study, run), _report, _headline
    )


def _ascend(study: Study, config: "Config", classes: np.ndarray, tick: Tick) -> Step:
    # The last batch is filled up, so that all run one program.
    filled = np.resize(classes, max(config.batch, len(classes)))
    found = study.ascend(OBJECTIVES[config.objective](filled), batch_size=config.batch)
    tick(len(classes))
    logits, views = study.judge(found.pixels)
    index = np.arange(len(classes))
    probabilities = np.asarray(jv.attribution.probabilities(logits))[index, classes]
    seen = np.asarray(jv.attribution.probabilities(views))[:, index, classes]
    rows = [
        {
            "class": int(classes[number]),
            "label": study.network.labels[classes[number]],
            "probability": rounded(probabilities[number]),
            "views": rounded(seen[:, number]),
            "rises": _rises(np.asarray(found.trace[number])),
        }
        for number in index
    ]
    return Step({"rows": rows}, {"pictures": picture(found.pixels)[: len(classes)]})


def _rises(trace: np.ndarray) -> list[float]:
    """The objective in each eighth of the steps, on average."""
    return rounded([part.mean() for part in np.array_split(trace, min(_PARTS, len(trace)))])


def summary(steps: dict[str, Step]) -> dict[str, Any]:
    """What holds for the random classes; those that everybody knows are only shown."""
    rows = [row for name, step in steps.items() if name != "known" for row in step.numbers["rows"]]
    probabilities = np.array([row["probability"] for row in rows])
    views = np.array([row["views"] for row in rows])
    steps_up = np.array([np.diff(row["rises"]) > 0 for row in rows])
    return {
        "classes": len(rows),
        f"probability at least {_SURE}": int((probabilities >= _SURE).sum()),
        "lowest probability": float(probabilities.min()),
        f"median of {views.shape[1]} held-out views at least {_VIEW}": int((np.median(views, 1) >= _VIEW).sum()),
        f"each of {views.shape[1]} held-out views at least {_VIEW}": int((views >= _VIEW).all(1).sum()),
        "median of all held-out views": rounded(np.median(views)),
        "mean objective rises from each eighth of the steps to the next": int(steps_up.all(1).sum()),
        "rises among all from one eighth to the next": rounded(steps_up.mean()),
    }


def _draw(study: Study, run: dict[str, Any], steps: dict[str, Step]) -> dict[str, bytes]:
    files = {}
    rows = [row for step in steps.values() for row in step.numbers["rows"]]
    result = {"kind": "recognized", "config": run, "device": jax.devices()[0].device_kind, **summary(steps)}
    files["recognized.json"] = dumps(result | {"rows": rows}).encode()
    pictures = [shot for step in steps.values() for shot in step.arrays["pictures"]]
    labels = [f"{row['label'].replace('_', ' ')}\n{row['probability']:.1%}" for row in rows]
    title = f"What {study.network.name} asks for, and the probability that it gives to it"
    files["recognized.png"] = render.png(render.contact_sheet(pictures, labels, title=title, cols=10, tile=150))
    for row, shot in zip(rows, pictures, strict=True):
        files[f"{row['class']:03d}-{file_name(row['label'])}.png"] = render.png(shot)
    return files


def _headline(steps: dict[str, Step]) -> str:
    found = summary(steps)
    views = next(found[key] for key in found if key.startswith("median of") and "at least" in key)
    return (
        f"{found[f'probability at least {_SURE}']} of {found['classes']} random classes get at least {_SURE}, and "
        f"{views} a median of at least {_VIEW} in unseen views."
    )


def _report(steps: dict[str, Step]) -> str:
    return "\n".join(f"  {name}: {value}" for name, value in summary(steps).items())

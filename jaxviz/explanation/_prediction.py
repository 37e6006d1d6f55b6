"""The first step: the classes, and which of them are explained."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from jaxviz import render
from jaxviz.explanation._results import Programs, Result
from jaxviz.explanation._subject import Subject

_NUM = 5


def measure(subject: Subject, programs: Programs) -> Result:
    """The probabilities of all classes."""
    logits, seconds = programs.timed("outputs", lambda f, images: f(images)[0], subject.f, subject.images)
    probabilities = np.asarray(subject.probabilities(logits))
    if not np.isfinite(probabilities).all():
        raise ValueError("`f` must give finite outputs, got NaN or infinite ones. Look for them in the weights first.")
    top = render.top_classes(probabilities, _NUM)
    targets = list(dict.fromkeys(top[0] if target is None else target for target in subject.targets))
    entries = [
        {
            "class": target,
            "label": subject.labels[target],
            "probability": _rounded(probabilities[target]),
            "rank": int((probabilities > probabilities[target]).sum()) + 1,
        }
        for target in targets
    ]
    numbers = {
        "network": subject.network,
        "photo": subject.name,
        "size": list(subject.photo.shape[:2]),
        "target": targets[0],
        **{key: entries[0][key] for key in ("label", "probability")},
        "targets": entries,
        "top": [
            {
                "class": k,
                "label": subject.labels[k],
                "logit": round(float(logits[subject.output(k)]), 4),
                "probability": _rounded(probabilities[k]),
            }
            for k in top
        ],
        "passes": {"forward": 1, "backward": 0},
        "seconds": seconds,
    }
    return Result(numbers, {"logits": logits, "probabilities": probabilities, "photo": subject.photo})


def block(subject: Subject, result: Result, title: str) -> render.Prediction:
    """What the page shows."""
    numbers = result.numbers
    height, width = numbers["size"]
    note = f" {subject.view.note}" if subject.view.note else ""
    figure = render.Figure(
        subject.photo,
        title or "What the network sees",
        f"The photo {subject.name} as the network {subject.network} sees it.",
        f"{subject.name}, {width}×{height} pixels.{note}",
    )
    shown = {entry["label"]: entry["probability"] for entry in numbers["top"]}
    for entry in numbers["targets"]:
        shown.setdefault(entry["label"], entry["probability"])
    return render.Prediction(figure, list(shown.items()))


def unlikely(entry: Mapping[str, Any]) -> bool:
    """Whether a class is one that the network does not see in the photo."""
    return entry["rank"] > 1 and entry["probability"] < 0.05


def doubt(entry: Mapping[str, Any], num_classes: int) -> str:
    """What to say of a class that the network does not see in the photo; nothing of another."""
    if not unlikely(entry):
        return ""
    much = render.percent(entry["probability"])
    return (
        f"The class {entry['label']} is unlikely: its probability is {much}, number {entry['rank']:,} of "
        f"{num_classes:,} classes. What is shown for it is what would raise its score, and no sign that it is there."
    )


def _rounded(probability: np.floating) -> float:
    """Six decimals, and more of what is smaller."""
    return float(f"{probability:.6f}" if probability >= 1e-3 else f"{probability:.3g}")

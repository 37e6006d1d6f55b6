"""The first step: the classes, and which one is explained."""

import numpy as np

import jaxviz as jv
from jaxviz import render
from scripts._explain._study import Study, timed
from scripts._run_folder import Step


def measure(study: Study) -> Step:
    """The probabilities of all classes."""
    logits, seconds = timed(lambda network, images: network(images)[0], study.network, study.images)
    probabilities = np.asarray(jv.probabilities(logits))
    top = render.top_classes(probabilities)
    target = top[0] if study.target is None else study.target
    numbers = {
        "network": study.config.network,
        "photo": study.name,
        "size": list(study.photo.shape[:2]),
        "target": target,
        "label": study.labels[target],
        "probability": round(float(probabilities[target]), 6),
        "top": [
            {
                "class": k,
                "label": study.labels[k],
                "logit": round(float(logits[k]), 4),
                "probability": round(float(probabilities[k]), 6),
            }
            for k in top
        ],
        "passes": {"forward": 1, "backward": 0},
        "seconds": seconds,
    }
    return Step(numbers, {"logits": logits, "probabilities": probabilities, "photo": study.photo})


def blocks(step: Step) -> list[render.Block]:
    """What the page shows."""
    numbers = step.numbers
    figure = render.Figure(
        step.arrays["photo"],
        "What the network sees",
        f"The photo {numbers['photo']}, resized and cropped for the network.",
        f"{numbers['photo']}, {numbers['size'][1]}×{numbers['size'][0]} pixels",
    )
    shown = {entry["label"]: entry["probability"] for entry in numbers["top"]}
    shown.setdefault(numbers["label"], numbers["probability"])
    return [render.Prediction(figure, list(shown.items()))]

"""The last step: the probabilities with one place after the other covered."""

import numpy as np

import jaxviz as jv
from jaxviz import render
from scripts._explain._study import Study, timed
from scripts._run_folder import Step


def measure(study: Study, target: int) -> Step:
    """The probabilities of all classes for every place of the window."""
    config = study.config
    covered, seconds = timed(
        lambda network, image: jv.probabilities(
            jv.occlusion(network, image, window=config.window, stride=config.stride, baseline=0.0)
        ),
        study.network,
        study.images[0],
    )
    first_rows, first_cols = jv.occlusion_grid(study.images.shape, config.window, config.stride)
    numbers = {
        "target": target,
        "label": study.labels[target],
        "window": config.window,
        "stride": config.stride,
        "rows": first_rows.tolist(),
        "cols": first_cols.tolist(),
        "baseline": 0.0,
        "probability": np.round(covered[..., target].astype(float), 5).tolist(),
        "passes": {"forward": len(first_rows) * len(first_cols), "backward": 0},
        "seconds": seconds,
    }
    return Step(numbers, {"probabilities": covered})


def block(study: Study, step: Step, clean: np.ndarray) -> render.Covering:
    """What the page shows."""
    window = (step.numbers["window"],) * 2
    corners = np.array(step.numbers["rows"]), np.array(step.numbers["cols"])
    label, target = step.numbers["label"], step.numbers["target"]
    covered = step.arrays["probabilities"]
    drop = render.spread(clean[target] - covered[..., target], study.photo.shape[:2], corners, window)
    scale = render.diverging(drop, percentile=100, label=f"drop of the probability of {label}")
    figure = render.Figure(
        render.overlay(study.photo, drop, scale, opacity=0.55),
        f"Drop of the probability of {label}",
        f"Occlusion map of {label!r} over the photo {study.name}.",
        "Red: the network needs this place. Blue: this place speaks against the class.",
        scale,
    )
    return render.Covering(
        figure,
        study.photo,
        corners,
        window,
        study.labels,
        clean,
        covered,
        study.baseline_color(),
        also=target,
    )

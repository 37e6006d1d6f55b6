"""One step per attribution: which pixels, or which places of a layer, speak for the target."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxviz import render
from scripts._explain._methods import METHODS
from scripts._explain._study import Study, timed
from scripts._run_folder import Step


def measure(study: Study, name: str, target: int) -> Step:
    """One attribution of the target."""
    method = METHODS[name]
    attribution, seconds = timed(
        lambda network, images, target, key: method.call(network, images, target, study.cam_layer, key)[0],
        study.network,
        study.images,
        jnp.array([target]),
        jax.random.key(study.config.seed),
    )
    numbers = {
        "method": name,
        "target": target,
        "label": study.labels[target],
        **({"layer": study.cam_layer} if method.drawing == "heat" or name == "guided_grad_cam" else {}),
        "shape": list(attribution.shape),
        "sum": float(attribution.sum(dtype=np.float64)),
        "smallest": float(attribution.min()),
        "largest": float(attribution.max()),
        "passes": {"forward": method.forward or study.channels, "backward": method.backward},
        "seconds": seconds,
    }
    if attribution.ndim == 2:
        numbers["map"] = np.round(attribution, 5).tolist()
    return Step(numbers, {"attribution": attribution})


def figure(study: Study, step: Step) -> render.Figure:
    """The attribution as a picture."""
    name, attribution = step.numbers["method"], step.arrays["attribution"]
    method = METHODS[name]
    if method.drawing == "color":
        picture, scale, kind = render.gray_centered(study.color(attribution)), None, "color around mid-gray"
    elif method.drawing == "signed":
        total = render.channel_sum(attribution)
        unit = "logits" if name in ("integrated_gradients", "gradient_x_input") else "logits per unit of input"
        scale, kind = render.diverging(total, label=f"{unit}, all channels"), "red for and blue against"
        picture = scale(total)
    else:
        heatmap = render.stretch(attribution, study.photo.shape[:2])
        scale, kind = (
            render.sequential(heatmap, label=f"weighted maps of {step.numbers['layer']}"),
            "a heat map over the gray photo",
        )
        picture = render.overlay(study.photo, heatmap, scale)
    forward, backward = (step.numbers["passes"][way] for way in ("forward", "backward"))
    passes = f"{forward} forward" + (f" and {backward} backward" if backward else "")
    caption = f"{method.reading} Cost: {passes}, {step.numbers['seconds']['run']:.2g}\N{NO-BREAK SPACE}s."
    alt = f"{method.title} of {step.numbers['label']!r} for the photo {study.name}: {kind}."
    return render.Figure(picture, method.title, alt, caption, scale)

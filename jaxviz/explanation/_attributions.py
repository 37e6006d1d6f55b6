"""One step per attribution and class: which pixels, or which places of a layer, speak for the class."""

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np

from jaxviz import render
from jaxviz.attribution import METHODS, Settings
from jaxviz.explanation._results import Programs, Result
from jaxviz.explanation._subject import Subject

_UNITS = {"integrated_gradients": "logits", "gradient_x_input": "logits"}


def measure(subject: Subject, name: str, target: int, programs: Programs) -> Result:
    """One attribution of the target."""
    method, layer = METHODS[name], subject.cam_layer
    attribution, seconds = programs.timed(
        (name, layer),
        lambda f, images, target, key: method.call(f, images, target, Settings(layer, key))[0],
        subject.f,
        subject.images,
        jnp.array([subject.output(target)]),
        subject.key,
    )
    numbers = {
        "method": name,
        "target": target,
        "label": subject.labels[target],
        **({"layer": layer} if method.layer else {}),
        "shape": list(attribution.shape),
        "sum": float(attribution.sum(dtype=np.float64)),
        "smallest": float(attribution.min()),
        "largest": float(attribution.max()),
        "passes": {"forward": _forward(subject, name), "backward": method.backward},
        "seconds": seconds,
    }
    if attribution.ndim == 2:
        numbers["map"] = np.round(attribution, 5).tolist()
    return Result(numbers, {"attribution": attribution})


def figures(subject: Subject, results: Sequence[Result]) -> list[render.Figure]:
    """One attribution of several classes as pictures on one scale.

    Args:
        subject: what they explain.
        results: of one method, one for each class.
    """
    name = results[0].numbers["method"]
    method = METHODS[name]
    maps = [result.arrays["attribution"] for result in results]
    label = _UNITS.get(name, "logits per unit of input")
    if method.drawing == "color":
        maps = [subject.view.color(subject.images, each) for each in maps]
        scale, kind = render.gray_scale(np.concatenate(maps), label=f"{label}, each color"), "color around mid-gray"
        pictures = [render.gray_centered(each, limit=scale.high) for each in maps]
    elif method.drawing == "signed":
        maps = [render.channel_sum(each) for each in maps]
        scale, kind = render.diverging(np.concatenate(maps), label=f"{label}, all channels"), "red for and blue against"
        pictures = [scale(each) for each in maps]
    else:
        # What speaks against the class, where a method says so, has no place on a scale from zero.
        maps = [render.upsample(np.maximum(each, 0), subject.photo.shape[:2]) for each in maps]
        label = f"weighted maps of {results[0].numbers['layer']}" if method.layer else "probability of the class"
        scale, kind = render.sequential(np.concatenate(maps), label=label), "a heat map over the gray photo"
        pictures = [render.overlay(subject.photo, each, scale) for each in maps]
    return [
        render.Figure(
            picture,
            method.title,
            f"{method.title} of {result.numbers['label']!r} for the photo {subject.name}: {kind}.",
            _cost(result),
            scale,
        )
        for result, picture in zip(results, pictures, strict=True)
    ]


def _forward(subject: Subject, name: str) -> int:
    """Passes through the network, or through what lies above the layer."""
    forward = METHODS[name].forward
    if isinstance(forward, int):
        return forward
    *_, rows, cols, channels = subject.shapes[subject.cam_layer or ""]
    return channels if forward == "channel" else rows * cols


def _cost(result: Result) -> str:
    forward, backward = (result.numbers["passes"][way] for way in ("forward", "backward"))
    passes = f"{forward} forward" + (f" and {backward} backward" if backward else "")
    return f"Cost: {passes}, {render.number(result.numbers['seconds']['run'], 2)}\N{NO-BREAK SPACE}s."

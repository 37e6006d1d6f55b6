"""What `scripts.attention` measures and draws."""

import jax
import numpy as np
from tqdm import tqdm

import jaxviz as jv
import models
from jaxviz import render
from jaxviz.render import plot
from scripts._harness import text_table
from scripts._harness.photo_study.photos import Photo, box_seen, marks, parsed
from scripts._harness.photo_study.study import Study, targets, words
from scripts._harness.run_folder import Step
from scripts._harness.words import color

_METHODS = {"grad_cam": "Grad-CAM", "guided_grad_cam": "guided Grad-CAM", "saliency": "gradient"}


def boxes_of(given: tuple[str, ...], photos: list[Photo], network: models.Network) -> list[render.Box]:
    """The box around the object of each photo, on what the network sees.

    Raises:
        ValueError: not one for each photo, or none known for a photo.
    """
    if given and len(given) != len(photos):
        raise ValueError(f"`--boxes` must be one for each of {len(photos)} photos, got {len(given)}.")
    found = []
    for place, photo in enumerate(photos):
        if not given and "object" not in marks(photo.name):
            raise ValueError(f"`--boxes` must be given, as no box around {photo.name!r} is known.")
        box = parsed(given[place]) if given else marks(photo.name)["object"]
        found.append(box_seen(network, photo.size, box))
    return found


def measure(study: Study, layer: str, boxes: list[render.Box]) -> Step:
    """The maps of all photos, and how much of each is in its box."""
    classes, probabilities = targets(study)

    @jax.jit
    def maps(f: jax.tree_util.Partial, images: jax.Array, classes: jax.Array) -> dict[str, jax.Array]:
        return {
            "grad_cam": jv.grad_cam(f, images, classes, layer),
            "guided_grad_cam": jv.guided_grad_cam(f, images, classes, layer),
            "saliency": jv.saliency(f, images, classes),
        }

    each = []
    for image, target in zip(tqdm(study.images, unit="photo"), classes, strict=True):
        found = maps(study.f, image[None], target[None])
        each.append({name: np.asarray(value) for name, value in found.items()})
    arrays = {name: np.concatenate([found[name] for found in each]) for name in each[0]}
    photos = []
    for place, (photo, box) in enumerate(zip(study.photos, boxes, strict=True)):
        probability = probabilities[place]
        shape = photo.pixels.shape[:2]
        photos.append(
            {
                "photo": photo.name,
                "explained": study.network.labels[classes[place]],
                "probability": round(float(probability[classes[place]]), 5),
                "predicted": study.network.labels[int(probability.argmax())],
                "predicted_probability": round(float(probability.max()), 5),
                "box": list(box),
                "area": round(box(np.ones(shape)).sum() / np.prod(shape), 5),
                "shares": {name: round(share(energy(arrays[name][place], shape), box), 5) for name in _METHODS},
            }
        )
    means = {name: round(float(np.mean([photo["shares"][name] for photo in photos])), 5) for name in _METHODS}
    area = round(float(np.mean([photo["area"] for photo in photos])), 5)
    return Step({"layer": layer, "photos": photos, "mean_shares": means, "mean_area": area}, arrays)


def energy(attribution: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """How much of a map is at each pixel: a map of a layer stretched, or the absolute values of all channels."""
    return render.upsample(attribution, shape) if attribution.ndim == 2 else np.abs(attribution).sum(-1)


def share(energy: np.ndarray, box: render.Box) -> float:
    """How much of it lies in the box; zero where there is none."""
    total = energy.sum(dtype=np.float64)
    return float(box(energy).sum(dtype=np.float64) / total) if total else 0.0


def headline(step: Step) -> str:
    """How much of each map is on the object."""
    found = step.numbers
    shares = ", ".join(f"{_METHODS[name]} {share:.0%}" for name, share in found["mean_shares"].items())
    return f"On the object, a box of {found['mean_area']:.0%} of the picture: {shares}, mean of {len(found['photos'])}."


def table(step: Step) -> str:
    """Predictions and shares as text."""
    rows = [
        [
            words(photo["photo"]),
            f"{words(photo['predicted'])} {photo['predicted_probability']:.0%}",
            f"{photo['probability']:.0%}",
            f"{photo['area']:.0%}",
            *(f"{photo['shares'][name]:.0%}" for name in _METHODS),
        ]
        for photo in step.numbers["photos"]
    ]
    means = [f"{step.numbers['mean_shares'][name]:.0%}" for name in _METHODS]
    rows.append(["mean", "", "", f"{step.numbers['mean_area']:.0%}", *means])
    return text_table.columns(rows, ["photo", "predicted", "its class", "box", *_METHODS.values()])


def draw(study: Study, step: Step) -> bytes:
    """A row for each photo, the box on every map."""
    count = len(study.photos)
    title = f"Where {study.network.name} looks ({step.numbers['layer']})"
    figure = plot.figure(9.0, 2.4 * count + 0.4, dpi=130, title=title)
    grid = figure.subplots(count, 1 + len(_METHODS), squeeze=False)
    for place, (photo, found) in enumerate(zip(study.photos, step.numbers["photos"], strict=True)):
        box = (render.Box(*found["box"]),)
        predicted = f"{words(found['predicted'])} {found['predicted_probability']:.0%}"
        said = f"{predicted}\nbox: {found['area']:.0%} of the picture"
        plot.picture(grid[place, 0], photo.pixels, said, box, color=_BOX)
        for axes, (name, title) in zip(grid[place, 1:], _METHODS.items(), strict=True):
            picture = _picture(study, photo, name, step.arrays[name][place])
            plot.picture(axes, picture, f"{title}\n{found['shares'][name]:.0%} in the box", box, color=_BOX)
        plot.row_name(grid[place, 0], words(found["explained"]), upright=False)
    return plot.png(figure)


_BOX = "#ff2bd6"


def _picture(study: Study, photo: Photo, name: str, attribution: np.ndarray) -> np.ndarray:
    if name == "grad_cam":
        heatmap = render.upsample(attribution, photo.pixels.shape[:2])
        return render.overlay(photo.pixels, heatmap, render.sequential(heatmap))
    if name == "guided_grad_cam":
        return render.gray_centered(color(study.network, attribution))
    total = render.channel_sum(attribution)
    return render.diverging(total, percentile=99.5)(total)

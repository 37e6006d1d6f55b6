"""What `scripts.attention` measures."""

from typing import TYPE_CHECKING

import jax
import numpy as np
from tqdm import tqdm

import jaxviz as jv
import models
from jaxviz import render
from scripts._harness.networks import network_of
from scripts._harness.photo_study import study as _study
from scripts._harness.photo_study.photos import Photo, box_seen, load, marks, parsed
from scripts._harness.photo_study.study import Study, targets
from scripts._harness.run_folder import Step

if TYPE_CHECKING:
    from scripts.attention.config import Config

METHODS = {"grad_cam": "Grad-CAM", "guided_grad_cam": "guided Grad-CAM", "saliency": "gradient"}


def prepare(config: "Config") -> Study:
    """Look at every argument, read the photos, and take the folder."""
    network = network_of(config.network, config.weights)
    layer = _study.cam_layer(network, config.layer)
    photos = load(config.photos, network)
    boxes = boxes_of(config.boxes, photos, network)
    return _study.prepare("attention", config, photos, network, layer=layer, places=boxes)


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


def measure(study: Study) -> Step:
    """The maps of all photos, and how much of each is in its box."""
    return study.folder.step("attention", lambda: look(study, study.given["layer"], study.given["places"]))


def look(study: Study, layer: str, boxes: list[render.Box]) -> Step:
    """The maps with those of a layer, and their shares in the boxes."""
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
                "shares": {name: round(share(energy(arrays[name][place], shape), box), 5) for name in METHODS},
            }
        )
    means = {name: round(float(np.mean([photo["shares"][name] for photo in photos])), 5) for name in METHODS}
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
    shares = ", ".join(f"{METHODS[name]} {share:.0%}" for name, share in found["mean_shares"].items())
    return f"On the object, a box of {found['mean_area']:.0%} of the picture: {shares}, mean of {len(found['photos'])}."

"""Some images of each class, and what a network says of them with a window on each of their pixels."""

from typing import TYPE_CHECKING, NamedTuple

import jax
import numpy as np
from tqdm import tqdm

import jaxviz as jv
import models
from models import datasets, training
from scripts._harness.depends import of_data, of_network
from scripts._harness.errors import checking
from scripts._harness.networks import network_of
from scripts._harness.run_folder import RunFolder, Step, opened

if TYPE_CHECKING:
    from scripts.occlude_pixels.config import Config


class Study(NamedTuple):
    """What the windows share: the images as bytes and in the network's range, their classes and places in the data."""

    config: "Config"
    network: models.Network
    pixels: np.ndarray
    images: jax.Array
    classes: np.ndarray
    places: np.ndarray
    folder: RunFolder


def prepare(config: "Config") -> Study:
    """Look at every argument before anything is computed.

    Raises:
        ValueError: the first one that does not fit.
        UsageError: data or weights that are not there.
    """
    if config.network not in training.RECIPES:
        raise ValueError(f"`NETWORK` must be one of {', '.join(training.RECIPES)}, got {config.network!r}.")
    network = network_of(config.network, config.weights, "NETWORK")
    side = min(network.input_shape[:2])
    for window in config.windows:
        if window > side:
            raise ValueError(f"`--windows` must be at most {side}, what {network.name} sees, got {window}.")
    name = training.RECIPES[config.network].dataset
    with checking(split="--split"):
        data = datasets.load(name, config.split)
    if config.num > len(data.labels):
        raise ValueError(f"`--num` must be at most {len(data.labels)}, the images there are, got {config.num}.")
    places = _in_turn(data.labels, config.num)
    run = {
        "script": "occlude_pixels",
        "network": network.name,
        "windows": config.windows,
        "num": config.num,
        "split": config.split,
        "baseline": config.baseline,
        "images": places.tolist(),
        "weights_sha256": of_network(network),
        "data_sha256": of_data(data),
    }
    folder = opened(f"occlude_pixels-{network.name}", run, config.out)
    images = network.normalize(data.images[places] / np.float32(255))
    return Study(config, network, data.images[places], images, data.labels[places], places, folder)


def _in_turn(labels: np.ndarray, num: int) -> np.ndarray:
    """The places of the first image of each class, then of the second of each, sorted by class."""
    order = np.argsort(labels, kind="stable")
    ranked = labels[order]
    rank = np.arange(len(labels)) - np.searchsorted(ranked, ranked)
    chosen = np.lexsort((ranked, rank))[:num]
    return order[np.sort(chosen)]


def measure(study: Study) -> dict[int, Step]:
    """A step for each window."""
    steps = {}
    for window in (bar := tqdm(study.config.windows, unit="window")):
        bar.set_description(f"window of {window}")
        steps[window] = study.folder.step(f"window-{window}", lambda window=window: _sweep(study, window))
    return steps


def _sweep(study: Study, window: int) -> Step:
    """The probabilities of all images under a window on each pixel, from one call."""
    black = study.network.normalize(np.zeros((1, 1, *study.images.shape[2:3], study.pixels.shape[-1]), np.float32))
    baseline = 0.0 if study.config.baseline == "mean" else black[0, 0, 0]
    logits = jv.occlusion(study.network, study.images, window=window, stride=1, centered=True, baseline=baseline)
    covered = np.asarray(jv.attribution.probabilities(logits))
    plain = np.asarray(
        jv.attribution.probabilities(jax.jit(jv.fast_on_cpu(lambda f, x: f(x)))(study.network, study.images))
    )
    rows = np.arange(len(study.classes))
    maps = covered[rows, :, :, study.classes]
    flipped = covered.argmax(-1) != plain.argmax(-1)[:, None, None]
    images = []
    for row in rows:
        low = np.unravel_index(maps[row].argmin(), maps[row].shape)
        label = int(study.classes[row])
        images.append(
            {
                "image": int(study.places[row]),
                "class": study.network.labels[label],
                "taken_for": study.network.labels[int(plain[row].argmax())],
                "probability": round(float(plain[row, label]), 5),
                "lowest": round(float(maps[row].min()), 5),
                "lowest_at": [int(place) for place in low],
                "places_with_another_class": round(float(flipped[row].mean()), 5),
            }
        )
    return Step({"window": window, "images": images}, {"maps": maps})


def headline(steps: dict[int, Step]) -> str:
    """The mean probability of the class, and the mean of its lowest under each window."""

    def mean(step: Step, key: str) -> float:
        return float(np.mean([image[key] for image in step.numbers["images"]]))

    lowest = ", ".join(f"{mean(step, 'lowest'):.1%} ({window} px)" for window, step in steps.items())
    before = mean(next(iter(steps.values())), "probability")
    return f"The probability of {before:.1%} falls to {lowest} at the worst place."

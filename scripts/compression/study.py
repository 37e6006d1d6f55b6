"""What `scripts.compression` measures."""

import io
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image
from tqdm import tqdm

import jaxviz as jv
from scripts._harness.photo_study.study import Study, cam_layer, prepare_layers, shown, targets, three_layers
from scripts._harness.run_folder import Step

if TYPE_CHECKING:
    from scripts.compression.config import Config


def compressed(pixels: np.ndarray, quality: int) -> tuple[np.ndarray, int]:
    """A photo as it comes out of a JPEG file of some quality, and the bytes of that file."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file).convert("RGB")), file.tell()


def prepare(config: "Config") -> Study:
    """Look at every argument, read the photos, and take the folder."""
    return prepare_layers("compression", config, three_layers)


def measure(study: Study) -> Step:
    """The curves of each photo over the qualities."""
    return study.folder.step("compression", lambda: follow(study, study.given["layers"]))


def follow(study: Study, layers: tuple[str, ...]) -> Step:
    """What compression does to the answers, to these layers, and to Grad-CAM."""
    qualities, network = study.config.qualities, study.network
    classes, before = targets(study)
    cam = cam_layer(network, None)
    sizes, pictures, rows = [], None, []
    for photo, image, target in zip(tqdm(study.photos, unit="photo"), study.images, classes, strict=True):
        made, lengths = zip(*(compressed(photo.pixels, quality) for quality in qualities), strict=True)
        images = jnp.concatenate([jnp.asarray(image)[None], network.normalize(np.stack(made) / np.float32(255))])
        rows.append(_follow(study.f, images, jnp.asarray(target), layers=layers, cam=cam))
        sizes.append(lengths)
        pictures = shown(np.stack(made)) if pictures is None else pictures
    probabilities, distances, alike = (np.stack(part) for part in zip(*rows, strict=True))
    arrays = {"probabilities": probabilities, "distances": distances, "cam": alike, "pictures": pictures}
    mean = _means(probabilities)
    numbers = {
        "layers": list(layers),
        "qualities": list(qualities),
        "shown": shown(qualities).tolist(),
        "photos": [
            {
                "photo": photo.name,
                "target": network.labels[target],
                "probability": round(float(row[target]), 5),
                "probabilities": probabilities[place].astype(float).round(5).tolist(),
                "bytes": list(sizes[place]),
            }
            for place, (photo, target, row) in enumerate(zip(study.photos, classes, before, strict=True))
        ],
        "mean": {
            "probability": mean,
            "distances": {layer: _means(distances[:, :, number]) for number, layer in enumerate(layers)},
            "rank_correlation_of_grad_cam": _means(alike),
        },
    }
    return Step(numbers, arrays)


def headline(step: Step) -> str:
    """At which quality half of the probability is lost."""
    qualities, mean = step.numbers["qualities"], step.numbers["mean"]["probability"]
    before = float(np.mean([photo["probability"] for photo in step.numbers["photos"]]))
    halved = [quality for quality, share in zip(qualities, mean, strict=True) if share < before / 2]
    at = f"at a quality of {max(halved)}" if halved else f"at none down to {min(qualities)}"
    return f"The mean probability of the class, {before:.2f} before, is halved {at}."


@jax.jit
def _call(tapped: Callable, images: jax.Array) -> Any:
    return tapped(images)


def _follow(
    f: Callable, images: jax.Array, target: jax.Array, *, layers: tuple[str, ...], cam: str
) -> tuple[np.ndarray, ...]:
    """Of each image but the first: the probability, how far each layer moves, and how alike Grad-CAM stays."""
    outputs, found = _call(jv.tap(jv.fast_on_cpu(f), *layers), images)
    flat = [found[layer].reshape(len(images), -1) for layer in layers]
    moved = [jnp.linalg.norm(each[1:] - each[0], axis=1) / jnp.linalg.norm(each[0]) for each in flat]
    maps = jv.grad_cam(f, images, target, cam)
    first = jnp.broadcast_to(maps[:1], maps[1:].shape)
    probabilities = jv.attribution.probabilities(outputs)[1:, target]
    return tuple(map(np.asarray, (probabilities, jnp.stack(moved, 1), jv.metrics.rank_correlation(maps[1:], first))))


def _means(values: np.ndarray) -> list[float]:
    return np.nanmean(values, 0).astype(float).round(5).tolist()

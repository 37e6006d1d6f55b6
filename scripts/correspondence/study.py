"""What `scripts.correspondence` reads and measures."""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np
from tqdm import tqdm

import jaxviz as jv
import models
from scripts._harness import photo as _photo
from scripts._harness.networks import network_of
from scripts._harness.photo_study import study as _study
from scripts._harness.photo_study.photos import Photo, seen
from scripts._harness.photo_study.study import Study, check_layers, words
from scripts._harness.run_folder import Step

if TYPE_CHECKING:
    from scripts.correspondence.config import Config

_KNOWN = {
    "squeezenet": ("fire5", "fire9", "conv10", "logits"),
    "vgg16": ("conv3_3", "conv5_3", "fc2", "predictions"),
}
MEASURES = {
    "differing": "share of signs that differ",
    "absolute": "mean |difference of signs|",
    "differing_changed": "share that differs, of changed",
    "absolute_changed": "mean |difference|, of changed",
}


def default_layers(network: models.Network) -> tuple[str, ...]:
    """One in the middle, a late one and the last."""
    if network.name in _KNOWN:
        return _KNOWN[network.name]
    names = list(jv.layers(network, jax.ShapeDtypeStruct((1, *network.input_shape), np.float32)))
    return tuple(dict.fromkeys((names[len(names) // 2], names[-2], "logits")))


def prepare(config: "Config") -> Study:
    """Look at every argument, read the photos, and take the folder."""
    network = network_of(config.network, config.weights)
    layers = check_layers(network, config.layers or default_layers(network))
    photos, parts = load(config.parts, network)
    check_size(config.size, parts, network, photos)
    counts = check_counts(config.counts, len(photos))
    names = [photo.name for photo in photos]
    study = _study.prepare("correspondence", config, photos, network, layers=layers, names=names)
    return study._replace(given={**study.given, "parts": parts, "counts": counts})


def load(path: Path | None, network: models.Network) -> tuple[list[Photo], dict[str, np.ndarray]]:
    """The photos of a parts file, and row and column of each part in what the network sees of them.

    Raises:
        ValueError: no such file, or one of another form.
    """
    file = path or Path(os.environ.get("JAXVIZ_PHOTOS", "")) / "dogs" / "parts.json"
    if not file.is_file() or (path is None and "JAXVIZ_PHOTOS" not in os.environ):
        raise ValueError(f"`--parts` must be a JSON file of parts, got {str(file)!r}. Or set JAXVIZ_PHOTOS.")
    entries = json.loads(file.read_text("utf-8"))
    form = "a list of {file, name of a part: [column, row], ...}"
    if not isinstance(entries, list) or not all(isinstance(entry, dict) and "file" in entry for entry in entries):
        raise ValueError(f"`--parts` must hold {form}, got another JSON in {str(file)!r}.")
    names = [name for name, value in (entries[0] if entries else {}).items() if _is_place(value)]
    for entry in entries:
        if not names or not all(_is_place(entry.get(name)) for name in names):
            raise ValueError(f"`--parts` must hold {form}, the same parts for each, got {entry}.")
    photos, places = [], {name: [] for name in names}
    for entry in entries:
        photo = _photo.load(str(file.parent / entry["file"]))
        size = photo.pixels.shape[:2]
        photos.append(Photo(photo.name, network.crop(photo.pixels), size, entry.get("class"), photo.sha256))
        for name in names:
            places[name].append(seen(network, size, np.array(entry[name][::-1])))
    return photos, {name: np.array(place) for name, place in places.items()}


def check_size(size: int, parts: dict[str, np.ndarray], network: models.Network, photos: list[Photo]) -> None:
    """Whether a box fits around every part, and another one beside them.

    Raises:
        ValueError: it is too large.
    """
    shape = np.array(network.input_shape[:2])
    centers = np.rint(np.stack(list(parts.values()), 1)).astype(int)
    for photo, own in zip(photos, centers - size // 2, strict=True):
        rows, cols = (np.arange(max(0, side - size + 1)) for side in shape)
        free = np.ones((len(rows), len(cols)), bool)
        for top, left in own:
            free &= (np.abs(rows - top) >= size)[:, None] | (np.abs(cols - left) >= size)
        if (own < 0).any() or (own + size > shape).any() or not free.any():
            raise ValueError(
                f"`--size` must leave room for a box around each part of {photo.name!r} and one beside them, in "
                f"{shape[0]}x{shape[1]} pixels, got {size}. Use a smaller one, or leave the photo out."
            )


def check_counts(counts: tuple[int, ...], total: int) -> tuple[int, ...]:
    """How many photos a study takes, at least three.

    Raises:
        ValueError: more than there are, or fewer.
    """
    for count in counts or (total,):
        if not 3 <= count <= total:
            raise ValueError(f"`--counts` must be in 3..{total}, the number of photos, got {count}.")
    return counts or tuple(dict.fromkeys((min(5, total), total)))


def measure(study: Study) -> dict[int, Step]:
    """The distances of the first photos, by how many."""
    return {
        count: study.folder.step(f"distances-{count}", lambda count=count: distances(study, count))
        for count in tqdm(study.given["counts"], unit="study")
    }


def distances(study: Study, count: int) -> Step:
    """The distances of the first `count` photos."""
    config = study.config
    found = jv.dataset.correspondence(
        study.f,
        jnp.asarray(study.images[:count]),
        study.given["layers"],
        {name: places[:count] for name, places in study.given["parts"].items()},
        key=jax.random.key(config.seed),
        size=config.size,
        num_draws=config.draws,
        batch_size=config.batch_size,
    )
    arrays, by_layer = {}, {}
    for layer, result in found.items():
        by_layer[layer] = {
            measure: {
                "parts": {
                    part: {
                        "distance": round(float(result.distances[measure][place]), 5),
                        "standard_error": round(float(result.standard_errors[measure][place]), 5),
                        "p": round(float(result.p_values[measure][place]), 5),
                    }
                    for place, part in enumerate(result.parts)
                },
                "random": {
                    "mean": round(float(result.random[measure].mean()), 5),
                    "standard_error": round(float(result.random[measure].std(ddof=1) / np.sqrt(config.draws)), 5)
                    if config.draws > 1
                    else None,
                    "smallest": round(float(result.random[measure].min()), 5),
                },
            }
            for measure in MEASURES
        }
        arrays |= {f"{layer}, {measure}, random": result.random[measure] for measure in MEASURES}
        arrays |= {"boxes": result.boxes, "random_boxes": result.random_boxes}
    numbers = {
        "photos": [photo.name for photo in study.photos[:count]],
        "size": config.size,
        "draws": config.draws,
        "measures": MEASURES,
        "layers": by_layer,
    }
    return Step(numbers, arrays)


def headline(steps: dict[int, Step]) -> str:
    """Parts of most photos against random places: the paper's measure in a late layer, a later study's in the last."""
    step = steps[max(steps)]
    layers = list(step.numbers["layers"].items())
    lines = []
    for (layer, measures), name in ((layers[min(1, len(layers) - 1)], "differing"), (layers[-1], "absolute")):
        parts = ", ".join(
            f"{words(part)} {of['distance']:.3f} (p {of['p']:.3f}{_against(of['p'])})"
            for part, of in measures[name]["parts"].items()
        )
        lines.append(f"{layer}, {MEASURES[name]}: {parts}, random {measures[name]['random']['mean']:.3f}")
    return f"{len(step.numbers['photos'])} photos. {'; '.join(lines)}."


def _against(p: float) -> str:
    """What a share of random places that are as near says."""
    return ", nearer" if p < 0.05 else ", farther" if p > 0.95 else ""


def _is_place(value: object) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(isinstance(number, int | float) for number in value)

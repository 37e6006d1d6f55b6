"""What `scripts.invariance` measures."""

from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np
from tqdm import tqdm

import jaxviz as jv
import models
from scripts._harness.photo_study.study import Study, prepare_layers, shown, targets, three_layers
from scripts._harness.run_folder import Step

if TYPE_CHECKING:
    from scripts.invariance.config import Config

_KNOWN = {"squeezenet": ("conv1", "fire5", "logits"), "vgg16": ("conv1_2", "conv5_2", "fc2")}


def default_layers(network: models.Network) -> tuple[str, ...]:
    """A first, a middle and the top layer."""
    return _KNOWN.get(network.name) or three_layers(network)


def transformations(study: Study) -> dict[str, jv.robustness.Transformation]:
    """Those of the paper, and two more."""
    black, white = (np.asarray(study.network.normalize(jnp.full((1, 1, 1, 3), value)))[0, 0, 0] for value in (0.0, 1.0))
    return {
        **jv.robustness.standard_transformations(study.config.border),
        "blur": jv.robustness.blur(),
        "brightness": jv.robustness.brightness(black=black, white=white),
    }


def prepare(config: "Config") -> Study:
    """Look at every argument, read the photos, and take the folder."""
    return prepare_layers("invariance", config, default_layers)


def measure(study: Study) -> Step:
    """All curves, and some of the pictures that they are about."""
    return study.folder.step("invariance", lambda: follow(study, study.given["layers"]))


def follow(study: Study, layers: tuple[str, ...]) -> Step:
    """What each transformation does to the answers and to these layers."""
    classes, probabilities = targets(study)
    chosen = transformations(study)
    # Photo by photo, so that there is a bar: one program, and areas are means over the photos.
    each = [
        jv.robustness.invariance(study.f, image[None], target[None], layers, chosen, batch_size=study.config.batch_size)
        for image, target in zip(tqdm(jnp.asarray(study.images), unit="photo"), classes, strict=True)
    ]
    found = jax.tree.map(lambda *of: jnp.stack(of).mean(0) if of[0].ndim == 0 else jnp.concatenate(of), *each)
    found = found._replace(amounts=each[0].amounts)

    def stacked(by_layer: dict[str, jax.Array]) -> np.ndarray:
        """In the order of the layers: a map over a tree has put them in that of the alphabet."""
        return np.stack([np.asarray(by_layer[layer]) for layer in layers])

    arrays = {"norms": stacked(found.norms)}
    for name in chosen:
        arrays[f"{name}, distances"] = stacked(found.distances[name])
        arrays[f"{name}, probabilities"] = np.asarray(found.probabilities[name])
        arrays[f"{name}, pictures"] = _pictures(study, chosen[name])
    numbers = {
        "layers": list(layers),
        "distance": "Euclidean, divided by the norm of the original's features",
        "photos": [
            {
                "photo": photo.name,
                "target": study.network.labels[target],
                "probability": round(float(probability[target]), 5),
                "predicted": study.network.labels[int(probability.argmax())],
            }
            for photo, target, probability in zip(study.photos, classes, probabilities, strict=True)
        ],
        "transformations": {
            name: {
                "label": transformation.label,
                "amounts": np.round(np.asarray(transformation.amounts, float), 4).tolist(),
                "areas": {layer: round(float(found.areas[name][layer]), 4) for layer in layers},
                "probability_area": round(float(found.probability_areas[name]), 4),
                "distances": {layer: _rounded(found.distances[name][layer]) for layer in layers},
                "probabilities": _rounded(found.probabilities[name]),
            }
            for name, transformation in chosen.items()
        },
    }
    return Step(numbers, arrays)


def headline(step: Step) -> str:
    """The areas under the curves of distance, first layer against last."""
    first, last = step.numbers["layers"][0], step.numbers["layers"][-1]
    areas = [
        f"{entry['label']} {entry['areas'][first]:.2f} and {entry['areas'][last]:.2f}"
        for entry in step.numbers["transformations"].values()
    ]
    return f"Area under the distance at {first} and at {last}: {'; '.join(areas)}."


def _pictures(study: Study, transformation: jv.robustness.Transformation) -> np.ndarray:
    image, amounts = jnp.asarray(study.images[0]), jnp.asarray(shown(transformation.amounts))
    made = jax.jit(lambda change, image, amounts: jax.vmap(lambda amount: change(image, amount))(amounts))(
        transformation.function, image, amounts
    )
    return np.rint(255 * np.asarray(study.network.denormalize(made))).astype(np.uint8)


def _rounded(curves: jax.Array) -> list:
    return np.asarray(curves, float).round(5).tolist()

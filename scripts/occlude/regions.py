"""The first step of `scripts.occlude`: classes, SmoothGrad and Grad-CAM with regions covered."""

from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from tqdm import tqdm

import jaxviz as jv
import models
from jaxviz import render
from scripts._harness import text_table
from scripts._harness.photo_study.photos import Photo, box_seen, marks, parsed
from scripts._harness.photo_study.study import Study, targets, words
from scripts._harness.run_folder import Step
from scripts.occlude import elsewhere as _elsewhere

if TYPE_CHECKING:
    from scripts.occlude.config import Config

_TOP = 5


def check(config: "Config", photos: list[Photo], network: models.Network) -> None:
    """Whether there is something to cover on every photo.

    Raises:
        ValueError: a box that does not lie on a photo, a grid that is too fine, or neither for a photo without marks.
    """
    side = min(network.input_shape[:2])
    for option, value in (("--window", config.window), ("--stride", config.stride)):
        if value > side:
            raise ValueError(f"`{option}` must be at most {side}, what {network.name} sees, got {value}.")
    if config.grid is not None:
        if config.boxes:
            raise ValueError("`--grid` must not be given with `--boxes`. Drop one.")
        if config.grid > side:
            raise ValueError(f"`--grid` must be in 2..{side}, got {config.grid}.")
        if config.cover > config.grid**2 // 2:
            raise ValueError(
                f"`--cover` must be at most {config.grid**2 // 2}, half of the cells of the grid, got {config.cover}."
            )
        return
    for photo in photos:
        if not _given(config, photo, network):
            raise ValueError(f"`--boxes` or `--grid` must be given, as no boxes on {photo.name!r} are known.")


def measure(study: Study, layer: str) -> Step:
    """Probabilities and maps of every photo, whole and under each set of boxes."""
    config = study.config
    classes, _ = targets(study)
    whole = jnp.asarray(study.images)
    sets = [_sets(study, place, int(classes[place])) for place in range(len(study.photos))]
    names = list(sets[0])
    states = jnp.stack([whole, *(_covered(whole, [found[name] for found in sets]) for name in names)], 1)

    @jax.jit
    def maps(f: jax.tree_util.Partial, images: jax.Array, classes: jax.Array, key: jax.Array) -> dict[str, jax.Array]:
        return {
            "probabilities": jv.attribution.probabilities(f(images)),
            "smoothgrad": jv.smoothgrad(f, images, classes, key=key, num_samples=config.samples, batch_size=16),
            "grad_cam": jv.grad_cam(f, images, classes, layer),
        }

    keys = jax.random.split(jax.random.key(config.seed), len(study.photos))
    each = []
    for images, target, key in zip(_bar(states, "maps"), classes, keys, strict=True):
        found = maps(study.f, images, np.full(len(images), target), key)
        each.append({name: np.asarray(value) for name, value in found.items()})
    arrays = {name: np.stack([found[name] for found in each]) for name in each[0]}
    arrays["smoothgrad"] = arrays["smoothgrad"].sum(-1)
    photos = []
    for place, photo in enumerate(_bar(study.photos, "elsewhere")):
        target = int(classes[place])
        elsewhere = {name: _elsewhere_of(study, place, target, boxes) for name, boxes in sets[place].items()}
        arrays |= {f"{place}, {name}, elsewhere": found for name, found in elsewhere.items()}
        alone = {
            name: np.asarray(
                jv.attribution.probabilities(jv.occlude_regions(study.f, whole[place], np.array(sets[place][name])))[
                    :, target
                ]
            )
            for name in names
        }
        photos.append(
            {
                "photo": photo.name,
                "target": study.network.labels[target],
                "before": _top(study, arrays["probabilities"][place, 0], target),
                "after": {
                    name: {
                        **_top(study, arrays["probabilities"][place, 1 + number], target),
                        "boxes": [list(box) for box in sets[place][name]],
                        "area": round(_elsewhere.share(sets[place][name], photo.pixels.shape[:2]), 4),
                        "elsewhere": _summary(
                            elsewhere[name], float(arrays["probabilities"][place, 1 + number, target])
                        ),
                        "probability_with_each_alone": alone[name].round(5).tolist(),
                    }
                    for number, name in enumerate(names)
                },
            }
        )
    return Step({"layer": layer, "sets": names, "photos": photos}, arrays)


def headline(step: Step) -> str:
    """Probabilities before and after each set of boxes, and what an equal area elsewhere does."""
    changes = [
        f"{words(photo['target'])} {photo['before']['probability']:.0%}, "
        + ", ".join(
            f"{after['probability']:.1%} without the {name.replace('-', ' ')}{_instead(after['elsewhere'])}"
            for name, after in photo["after"].items()
        )
        for photo in step.numbers["photos"]
    ]
    return f"{'; '.join(changes)}."


def _instead(elsewhere: dict | None) -> str:
    return f" ({elsewhere['median']:.1%} without as much elsewhere)" if elsewhere else ""


def _bar(photos: Any, what: str) -> Any:
    return tqdm(photos, desc=what, unit="photo", leave=False)


def table(step: Step) -> str:
    """The class before and after as text, and what boxes of the same sizes do elsewhere."""
    rows = []
    for photo in step.numbers["photos"]:
        for name, after in photo["after"].items():
            elsewhere = after["elsewhere"]
            found = ["no room", ""]
            if elsewhere is not None:
                found = [f"{elsewhere['median']:.1%}", f"{elsewhere['as_low']} of {elsewhere['draws']}"]
            rows.append(
                [
                    f"{words(photo['photo'])}, {words(name.replace('-', ' '))}",
                    f"{after['area']:.0%}",
                    f"{photo['before']['probability']:.1%}",
                    f"{after['probability']:.1%}",
                    _first(after["top"]),
                    *found,
                ]
            )
    head = ["covered", "area", "whole", "covered", "most probable", "same area elsewhere, median", "as low there"]
    return text_table.columns(rows, head)


def _first(top: list[dict]) -> str:
    return f"{words(top[0]['label'])} {top[0]['probability']:.0%}"


def _elsewhere_of(study: Study, place: int, target: int, boxes: list[render.Box]) -> np.ndarray:
    """The class's probability with boxes of the same sizes at random places covered instead."""
    rng = np.random.default_rng((study.config.seed, place))
    draws = _elsewhere.placed(boxes, study.photos[place].pixels.shape[:2], rng, study.config.draws)
    return _elsewhere.probabilities(study, place, target, draws)


def _summary(elsewhere: np.ndarray, own: float) -> dict | None:
    """What the draws leave; nothing where there was no room for them."""
    if not len(elsewhere):
        return None
    return {
        "draws": len(elsewhere),
        "median": round(float(np.median(elsewhere)), 5),
        "lowest": round(float(elsewhere.min()), 5),
        "highest": round(float(elsewhere.max()), 5),
        "as_low": int((elsewhere <= own).sum()),
    }


def _top(study: Study, probabilities: np.ndarray, target: int) -> dict:
    return {
        "probability": round(float(probabilities[target]), 5),
        "top": [
            {"label": study.network.labels[k], "probability": round(float(probabilities[k]), 5)}
            for k in render.top_classes(probabilities, _TOP)
        ],
    }


def _given(config: "Config", photo: Photo, network: models.Network) -> dict[str, list[render.Box]]:
    if config.boxes:
        return {"boxes": [box_seen(network, photo.size, parsed(box)) for box in config.boxes]}
    return {
        f"{name}-parts": [box_seen(network, photo.size, box) for box in marks(photo.name)[name]]
        for name in ("telling", "other")
        if name in marks(photo.name)
    }


def _sets(study: Study, place: int, target: int) -> dict[str, list[render.Box]]:
    config, photo = study.config, study.photos[place]
    if config.grid is None:
        return _given(config, photo, study.network)
    rows, cols = (np.linspace(0, length, config.grid + 1).astype(int) for length in photo.pixels.shape[:2])
    cells = [
        render.Box(int(rows[row]), int(cols[col]), int(rows[row + 1]), int(cols[col + 1]))
        for row, col in np.ndindex(config.grid, config.grid)
    ]
    outputs = jv.occlude_regions(study.f, jnp.asarray(study.images[place]), np.array(cells))
    order = np.argsort(np.asarray(jv.attribution.log_probabilities(outputs)[:, target]), kind="stable")
    return {
        f"grid-{config.grid}-most": [cells[cell] for cell in order[: config.cover]],
        f"grid-{config.grid}-least": [cells[cell] for cell in order[::-1][: config.cover]],
    }


def _covered(images: jax.Array, boxes: list[list[render.Box]]) -> jax.Array:
    out = np.array(images)
    for image, own in zip(out, boxes, strict=True):
        for box in own:
            box(image)[...] = 0
    return jnp.asarray(out)

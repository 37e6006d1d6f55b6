"""The steps: make a patch, count how often it is believed, compare with perturbations, see what the maps look at."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from tqdm import tqdm

import jaxviz as jv
import models
from scripts._harness.run_folder import Step
from scripts.adversarial.study import FACTORS, Study

_AT_A_TIME = 8


def make(study: Study) -> Step:
    """The patch, and what it is compared with: a photo of the target, and noise, as large."""
    config = study.config
    found = jv.robustness.adversarial_patch(
        study.network,
        study.images(study.made),
        study.target,
        key=jax.random.key(config.seed),
        size=config.size,
        num_steps=config.steps,
        batch_size=config.batch,
        scales=config.scales,
        degrees=study.degrees,
        circular=config.circular,
    )
    noise = np.random.default_rng(config.seed).random((1, config.size, config.size, 3), np.float32)
    patches = {
        "patch": found.patch,
        "photo": study.network.normalize(study.example[None] / np.float32(255))[0],
        "noise": study.network.normalize(noise)[0],
    }
    arrays = {name: np.asarray(patch) for name, patch in patches.items()} | {"trace": np.asarray(found.trace)}
    ends = {"first": float(found.trace[:10].mean()), "last": float(found.trace[-10:].mean())}
    return Step({"target": study.label, "photos": len(study.made.names), "log_probability": ends}, arrays)


def success(study: Study, made: Step) -> Step:
    """How many of the unseen photos are taken for the target, by what is pasted and how large it is."""
    images, config = study.images(study.unseen), study.config
    clean = _logits(study.network, images)
    numbers: dict[str, Any] = {
        "photos": len(images),
        "clean": {"right": float((clean.argmax(-1) == study.unseen.classes).mean()), **_rates(clean, study.target)},
        "factors": FACTORS,
        "area": [(config.size * factor) ** 2 / images[0, ..., 0].size for factor in FACTORS],
    }
    for name in ("patch", "photo", "noise"):
        rows = []
        for factor in tqdm(FACTORS, desc=name, unit="size", leave=False):
            logits = []
            for draw in range(config.draws):
                pasted = _pasted(study, images, made.arrays[name], (factor, factor), 1000 + draw)
                logits.append(_logits(study.network, pasted.images))
            rows.append(_rates(np.concatenate(logits), study.target))
        numbers[name] = {key: [row[key] for row in rows] for key in rows[0]}
    return Step(numbers, {})


def perturb(study: Study) -> Step:
    """How many of the unseen photos are taken for the target after a small change of every pixel."""
    images, config = study.images(study.unseen), study.config
    numbers: dict[str, Any] = {"levels": config.levels, "pgd_steps": config.pgd_steps, "fgsm": [], "pgd": []}
    arrays = {}
    key = jax.random.key(config.seed)
    attacks = {
        "fgsm": lambda level, x: _fgsm(study.network, x, study.target, level / 255),
        "pgd": lambda level, x: jv.robustness.pgd(
            study.network, x, study.target, key=key, epsilon=level / 255, num_steps=config.pgd_steps
        ),
    }
    for level in tqdm(config.levels, desc="fgsm and pgd", unit="level", leave=False):
        for name, attack in attacks.items():
            changed = _by_parts(functools.partial(attack, level), images)
            numbers[name].append(_rates(_logits(study.network, changed), study.target))
            arrays[f"{name}-{level}"] = np.asarray(study.network.denormalize(changed[:1]))[0]
    return Step(numbers, arrays)


def look(study: Study, made: Step) -> Step:
    """What Grad-CAM and an occlusion map of the target show of photos with the patch on."""
    images = study.images(study.unseen)[: study.config.looked]
    pasted = _pasted(study, images, made.arrays["patch"], (1.0, 1.0), 2000)
    own = _logits(study.network, images).argmax(-1)
    clean_cams, _ = _cams(study, images, own)
    cams, stretched = _cams(study, pasted.images, np.full(len(images), study.target))
    masks = np.asarray(pasted.masks)
    # Of 32 pixels for images of 227, moved by half of it.
    window = images.shape[1] // 7
    stride, drops = window // 2, []
    for image in tqdm(pasted.images, desc="occlusion", unit="photo", leave=False):
        covered = jv.attribution.probabilities(jv.occlusion(study.network, image, window=window, stride=stride))[
            ..., study.target
        ]
        whole = jv.attribution.probabilities(study.network(image[None]))[0, study.target]
        drops.append(np.asarray(whole - covered))
    with_patch = _logits(study.network, pasted.images)
    corners = jv.attribution.occlusion_grid(images.shape, window, stride)
    numbers = {
        "photos": len(images),
        "layer": study.layer,
        "window": window,
        "stride": stride,
        "corners": [part.tolist() for part in corners],
        "names": list(study.unseen.names[: len(images)]),
        "clean": [study.network.labels[index] for index in own],
        "with_patch": [study.network.labels[index] for index in with_patch.argmax(-1)],
        "area_of_patch": float(masks.mean()),
        "grad_cam_in_patch": float(np.mean([_share(m, mask) for m, mask in zip(stretched, masks, strict=True)])),
        "grad_cam_peak_in_patch": float(np.mean([_peak(m, mask) for m, mask in zip(stretched, masks, strict=True)])),
        "occlusion_peak_covers_patch": float(
            np.mean([_covers(drop, mask, corners, window) for drop, mask in zip(drops, masks, strict=True)])
        ),
    }
    pictures = np.rint(255 * np.asarray(study.network.denormalize(pasted.images))).astype(np.uint8)
    arrays = {"pictures": pictures, "masks": masks.astype(np.float16), "drops": np.stack(drops)}
    return Step(numbers, arrays | {"clean_cams": clean_cams, "cams": cams})


def _share(heatmap: np.ndarray, mask: np.ndarray) -> float:
    """Of a map's energy, what lies on the patch."""
    return float((heatmap * mask).sum() / max(heatmap.sum(), np.finfo(np.float32).tiny))


def _peak(heatmap: np.ndarray, mask: np.ndarray) -> bool:
    return bool(mask.ravel()[heatmap.argmax()] > 0.5)


def _covers(drop: np.ndarray, mask: np.ndarray, corners: Any, window: int) -> bool:
    """Whether the window that costs the target most lies on the patch, by half of its area or more."""
    row, col = np.unravel_index(drop.argmax(), drop.shape)
    top, left = corners[0][row], corners[1][col]
    return bool(mask[top : top + window, left : left + window].mean() > 0.5)


def _cams(study: Study, images: jax.Array, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    parts = [
        _cam(study.network, images[index], jnp.asarray(targets[index]), study.layer) for index in _chunks(len(images))
    ]
    maps = np.concatenate(parts)[: len(images)]
    return maps, np.asarray(jax.image.resize(maps, (len(maps), *images.shape[1:3]), "bilinear"))


@functools.partial(jax.jit, static_argnums=3)
def _cam(network: models.Network, images: jax.Array, targets: jax.Array, layer: str) -> jax.Array:
    return jv.grad_cam(network, images, targets, layer)


def _pasted(study: Study, images: jax.Array, patch: np.ndarray, scales: tuple[float, float], draw: int) -> Any:
    return jv.robustness.paste_patch(
        images,
        jnp.asarray(patch),
        key=jax.random.key(study.config.seed + draw),
        scales=scales,
        degrees=study.degrees,
        circular=study.config.circular,
    )


@jax.jit
def _fgsm(network: models.Network, images: jax.Array, target: int, epsilon: float) -> jax.Array:
    return jv.robustness.fgsm(network, images, target, epsilon=epsilon)


@jax.jit
@jv.fast_on_cpu
def _forward(network: models.Network, images: jax.Array) -> jax.Array:
    return network(images)


def _logits(network: models.Network, images: jax.Array) -> np.ndarray:
    return np.asarray(_by_parts(functools.partial(_forward, network), images))


def _by_parts(function: Callable, images: jax.Array) -> jax.Array:
    return jnp.concatenate([function(images[index]) for index in _chunks(len(images))])[: len(images)]


def _chunks(count: int) -> list[np.ndarray]:
    """Indices of a few at a time, filled up with the last one, so that one program does for all."""
    size = min(_AT_A_TIME, count)
    return [np.minimum(np.arange(first, first + size), count - 1) for first in range(0, count, size)]


def _rates(logits: np.ndarray, target: int) -> dict[str, float]:
    """The share of photos whose most probable class is the target, and its mean probability."""
    probabilities = np.asarray(jv.attribution.probabilities(logits))[:, target]
    return {"success": float((logits.argmax(-1) == target).mean()), "probability": float(probabilities.mean())}

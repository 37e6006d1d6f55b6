"""What one method's maps are worth, measured in the same way for all."""

import functools
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import models
from jaxviz import metrics
from jaxviz.attribution import METHODS, Settings
from scripts._harness.run_folder import Step
from scripts.trust.methods import FLOORS, floor
from scripts.trust.study import Study

_AT_A_TIME = 6


def ticks(study: Study) -> int:
    """How many times `measure` says that it got further."""
    return 3 + len(study.stages)


def randomized(study: Study) -> tuple[models.Network, ...]:
    """The network with more and more of its layers randomized."""
    return tuple(
        metrics.cascade(study.network, study.stages, key=jax.random.key(study.config.seed), draw=metrics.redrawn)
    )


def measure(study: Study, name: str, networks: tuple[models.Network, ...], tick: Callable[[], object]) -> Step:
    """All numbers of one method, and its maps of the first photo."""
    maps = _maps(study, name, study.network, study.targets, 0)
    tick()
    arrays = _fidelity(study, maps)
    tick()
    other, _ = _likeness(maps, _maps(study, name, study.network, study.others, 1))
    tick()
    shown, ranks, structures = [_scaled(maps[:1])[0]], [], []
    for draw, network in enumerate(networks, 2):
        found = _maps(study, name, network, study.targets, draw)
        rank, structure = _likeness(maps, found)
        ranks.append(rank)
        structures.append(structure)
        shown.append(_scaled(found[:1])[0])
        tick()
    arrays |= {"random_logit": other, "rank": np.stack(ranks), "ssim": np.stack(structures)}
    numbers = {
        "method": name,
        "photos": len(maps),
        "insertion": float(arrays["insertion_area"].mean()),
        "deletion": float(arrays["deletion_area"].mean()),
        "random_logit": _mean(other),
        "randomized": [list(group) for group in study.stages],
        "rank_correlation": [_mean(rank) for rank in ranks],
        "ssim": [_mean(structure) for structure in structures],
        "blank": [int(np.isnan(rank).sum()) for rank in ranks],
        "blank_other_class": int(np.isnan(other).sum()),
    }
    return Step(numbers, arrays | {"shown": np.stack(shown).astype(np.float16)})


def _maps(study: Study, name: str, network: models.Network, targets: np.ndarray, draw: int) -> np.ndarray:
    """A map per photo, as large as the image."""
    if name in FLOORS:
        return floor(name, study.photos.pixels, (study.config.seed, draw))
    program = _program(name, study.layer, study.config.samples, study.config.masks)
    key = jax.random.key(study.config.seed)
    parts = [
        program(network, study.images[index], jnp.asarray(targets[index], jnp.int32), key, study.images)
        for index in _chunks(len(targets))
    ]
    return np.concatenate([np.asarray(part) for part in parts])[: len(targets)]


@functools.cache
def _program(name: str, layer: str, samples: int, masks: int) -> Any:
    def maps(network: models.Network, images: Any, targets: jax.Array, key: jax.Array, examples: Any) -> jax.Array:
        found = METHODS[name].maps(network, images, targets, Settings(layer, key, samples, masks, examples))
        return jax.image.resize(found, images.shape[:3], "bilinear")

    return jax.jit(maps)


def _fidelity(study: Study, maps: np.ndarray) -> dict[str, np.ndarray]:
    found: dict[str, list[np.ndarray]] = {}
    for index in _chunks(len(maps)):
        start = (study.network, study.images[index], study.targets[index], jnp.asarray(maps[index]))
        for name, curve in {
            "deletion": metrics.deletion(*start, num_steps=study.config.steps),
            "insertion": metrics.insertion(*start, num_steps=study.config.steps, baseline=study.blurred[index]),
        }.items():
            found.setdefault(f"{name}_area", []).append(np.asarray(curve.area))
            found.setdefault(name, []).append(np.asarray(curve.values))
    return {name: np.concatenate(parts)[: len(maps)] for name, parts in found.items()}


def _likeness(maps: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rank correlation and structural similarity of absolute values; no number where a map is blank."""
    found = [
        [np.asarray(part) for part in _alike(_unit(maps[index]), _unit(others[index]))] for index in _chunks(len(maps))
    ]
    rank, structure = (np.concatenate(parts)[: len(maps)] for parts in zip(*found, strict=True))
    return rank, np.where(np.isnan(rank), np.nan, structure)


@jax.jit
def _alike(a: jax.Array, b: jax.Array) -> tuple[jax.Array, jax.Array]:
    return metrics.rank_correlation(a, b), metrics.ssim(a, b)


def _unit(maps: np.ndarray) -> np.ndarray:
    """Absolute values from 0 to 1."""
    return np.abs(_scaled(maps))


def _scaled(maps: np.ndarray) -> np.ndarray:
    """Values from -1 to 1, of which one at least is as large as that; signs as they were."""
    most = np.abs(maps).max((1, 2), keepdims=True)
    return (maps / np.where(most > 0, most, 1)).astype(np.float32)


def _mean(values: np.ndarray) -> float | None:
    there = values[np.isfinite(values)]
    return float(there.mean()) if len(there) else None


def _chunks(count: int) -> Iterator[np.ndarray]:
    """Indices of a few at a time, filled up with the last one, so that one program does for all."""
    size = min(_AT_A_TIME, count)
    for first in range(0, count, size):
        yield np.minimum(np.arange(first, first + size), count - 1)

"""What the two approximations of an occlusion map cost, and how wrong they are, on a photo."""

from typing import Any

import jax
import numpy as np

import jaxviz as jv
import models
from scripts._harness import photo as _photo
from scripts.benchmark.timing import time_it


def approximations(config: Any, network: models.Network) -> dict[str, Any]:
    """Time and error of each against the exact map of the most probable class."""
    image = network.preprocess(_photo.load(config.photo).pixels)[0]
    clean = np.asarray(jv.attribution.probabilities(network(image[None]))[0])
    target = int(clean.argmax())

    def logits(network: models.Network, images: jax.Array) -> jax.Array:
        return network(images)

    def target_alone(network: models.Network, images: jax.Array) -> jax.Array:
        return jv.attribution.probabilities(network(images))[:, target, None]

    def sweep(f: Any, method: Any = "incremental") -> jax.Array:
        options = {"window": config.window, "stride": config.stride, "method": method}
        return jv.occlusion(jax.tree_util.Partial(f, network), image, **options)

    times: dict[str, Any] = {}
    exact = np.asarray(jv.attribution.probabilities(sweep(logits)))[..., target]
    times["exact"] = time_it(lambda: sweep(logits), config.repeats)
    for share in config.caps:
        cap = jv.attribution.GrowthCap(share)
        ours = np.asarray(jv.attribution.probabilities(sweep(logits, cap)))[..., target]
        times[f"GrowthCap({share})"] = {
            **time_it(lambda cap=cap: sweep(logits, cap), config.repeats),
            **_errors(ours, exact),
        }
    for step in config.steps:
        for tolerance in config.tolerances:
            refine = jv.attribution.CoarseToFine(step, tolerance)
            ours = np.asarray(sweep(target_alone, refine))[..., 0]
            timed = time_it(lambda refine=refine: sweep(target_alone, refine), config.repeats)
            times[f"CoarseToFine({step}, {tolerance})"] = {**timed, **_errors(ours, exact)}
    for timed in times.values():
        timed["speedup"] = times["exact"]["run"] / timed["run"]
    return {
        "windows": exact.size,
        "target": network.labels[target],
        "probability": float(clean[target]),
        "spread": float(np.ptp(exact)),
        "times": times,
    }


def _errors(ours: np.ndarray, exact: np.ndarray) -> dict[str, float]:
    """Of the probability: the largest and the mean, and how well the order of places is kept."""
    return {
        "largest_error": float(np.abs(ours - exact).max()),
        "mean_error": float(np.abs(ours - exact).mean()),
        "rank_correlation": float(jv.metrics.rank_correlation(ours[None], exact[None])[0]),
    }

"""Occlusion in several precisions, incremental and dense, each in the best of several batch sizes, and their errors."""

import itertools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import jaxviz as jv
import models
from scripts.benchmark.timing import peak_megabytes, time_it


def precisions(config: Any, network: models.Network) -> dict[str, Any]:
    """Seconds of each precision and way, and how far its logits are from those of the dense sweep in float32."""
    image = jax.random.normal(jax.random.key(0), network.input_shape) * (60 if network.spec.scale > 1 else 1)
    times: dict[str, Any] = {}
    maps: dict[str, np.ndarray] = {}
    for precision, method in itertools.product(config.precisions, ("dense", "incremental")):
        name = f"{method}, {precision}"
        for size in config.batch_sizes or (None,):
            sweep = _sweep(network, image, precision, window=config.window, stride=config.stride, method=method)
            try:
                timed = {**time_it(lambda size=size, sweep=sweep: sweep(size), config.repeats), "batch_size": size}
            except jax.errors.JaxRuntimeError as error:  # the device's memory
                print(name, size, str(error).splitlines()[0], flush=True)
                continue
            print(name, {key: round(value or 0, 4) for key, value in timed.items()}, flush=True)
            if name not in times or timed["run"] < times[name]["run"]:
                times[name] = timed
                maps[name] = np.asarray(sweep(size), np.float32)
    exactly = maps[f"dense, {config.precisions[0]}"]
    for name, timed in times.items():
        timed["windows_per_second"] = exactly.shape[0] * exactly.shape[1] / timed["run"]
        timed["largest_error"] = float(np.abs(maps[name] - exactly).max())
    return {
        "windows": exactly.shape[0] * exactly.shape[1],
        "times": times,
        "largest_logit": float(np.abs(exactly).max()),
        "peak_megabytes": peak_megabytes(),
    }


def _sweep(network: models.Network, image: jax.Array, precision: str, **options: Any) -> Callable[[Any], jax.Array]:
    if precision == "bfloat16":
        network, image = jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), (network, image))
        return lambda size: jv.occlusion(network, image, batch_size=size, **options)

    def sweep(size: int | None) -> jax.Array:
        with jax.default_matmul_precision(precision):
            return jv.occlusion(network, image, batch_size=size, **options)

    return sweep

"""A window centered on every pixel, for many small images in one call: incremental and dense."""

from typing import Any

import jax
import jax.numpy as jnp

import jaxviz as jv
import models
from scripts.benchmark.timing import time_it


def pixels(config: Any, network: models.Network) -> dict[str, Any]:
    """Each window size, both ways, and how far they differ."""
    images = jax.random.normal(jax.random.key(0), (config.images, *network.input_shape))
    times, errors = {}, {}
    for window in config.windows:
        maps = {}
        for method in ("incremental", "dense"):
            options = {"window": window, "stride": 1, "centered": True, "method": method}

            def sweep(options: dict[str, Any] = options) -> jax.Array:
                return jv.occlusion(network, images, **options)

            times[f"{method}, window {window}"] = time_it(sweep, config.repeats)
            maps[method] = sweep()
        errors[str(window)] = float(jnp.abs(maps["incremental"] - maps["dense"]).max())
    windows = config.images * network.input_shape[0] * network.input_shape[1]
    return {"windows": windows, "times": times, "errors": errors}

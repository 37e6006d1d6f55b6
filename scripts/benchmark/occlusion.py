"""A sliding window over one image: incremental, dense, one by one, and captum's."""

import functools
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import jaxviz as jv
import models
from scripts._harness.command import keep_compiled
from scripts.benchmark.timing import has_captum, peak_megabytes, time_it


def occlusion(config: Any, network: models.Network) -> dict[str, Any]:
    """Ours incremental, ours dense, one by one, and captum."""
    image = jax.random.normal(jax.random.key(0), network.input_shape) * (60 if network.spec.scale > 1 else 1)
    rows, cols = jv.attribution.occlusion_grid(image.shape, config.window, config.stride)
    corners = [(int(row), int(col)) for row in np.ravel(rows) for col in np.ravel(cols)]
    times: dict[str, Any] = {}
    maps = {}
    for method in ("incremental", "dense"):
        for size in (None, *config.batch_sizes):
            options = {"window": config.window, "stride": config.stride, "method": method, "batch_size": size}
            timed = time_it(lambda options=options: jv.occlusion(network, image, **options), config.repeats)
            timed["batch_size"] = size
            print(method, timed, flush=True)
            if method not in times or timed["run"] < times[method]["run"]:
                times[method] = timed
        maps[method] = jv.occlusion(network, image, window=config.window, stride=config.stride, method=method)
        times[method]["peak_megabytes"] = peak_megabytes()
    forward = jax.jit(lambda network, images: network(images))

    def covered(corner: tuple[int, int]) -> jax.Array:
        row, col = corner
        return image.at[row : row + config.window, col : col + config.window].set(0)[None]

    def naive() -> list[jax.Array]:
        return [forward(network, covered(corner)) for corner in corners[: config.naive_windows]]

    times["one by one"] = _scaled(time_it(naive, 1), len(corners) / min(len(corners), config.naive_windows))
    errors = {"incremental against dense": float(jnp.abs(maps["incremental"] - maps["dense"]).max())}
    if has_captum():
        times["captum"], errors["dense against torch"] = captum_occlusion(
            config, network, image, corners, maps["dense"]
        )
    for timed in times.values():
        timed["windows_per_second"] = len(corners) / timed["run"]
    return {
        "windows": len(corners),
        "times": times,
        "largest_logit": float(jnp.abs(maps["dense"]).max()),
        "errors": errors,
        "gigaflop_per_window": flops(config, network, image),
        "first_call": first_calls(config),
    }


def first_calls(config: Any) -> dict[str, float]:
    """Seconds of the first call in a new process, without compiled programs on disk and with those of the first."""
    command = [sys.executable, "-m", "scripts.benchmark", "first-call", "--network", config.network]
    command += ["--window", str(config.window), "--stride", str(config.stride)]
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, "JAX_COMPILATION_CACHE_DIR": cache}
        seconds = [
            float(subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout)
            for _ in range(2)
        ]
    return {"empty cache": seconds[0], "filled cache": seconds[1]}


def first_call(config: Any, network: models.Network) -> float:
    """Seconds of one call, compiling or loading what is compiled."""
    keep_compiled()
    image = jnp.zeros(network.input_shape)
    sweep = functools.partial(jv.occlusion, network, image, window=config.window, stride=config.stride)
    return time_it(sweep, 0)["first"]


def flops(config: Any, network: models.Network, image: jax.Array) -> dict[str, float]:
    """What XLA counts for one more window, each way."""

    def count(call: Callable, *args: Any) -> float:
        return (jax.jit(call).lower(*args).compile().cost_analysis() or {})["flops"] / 1e9

    patch = jnp.zeros((config.window, config.window, image.shape[-1]))

    def windows(network: models.Network, image: jax.Array, corners: jax.Array) -> jax.Array:
        f = jv.incremental(network, image)
        return jax.vmap(lambda corner: f(patch, corner))(corners)

    corners = jnp.full((4, 2), image.shape[0] // 2 - config.window)
    more, fewer = (count(windows, network, image, corners[:n]) for n in (4, 2))
    dense = count(lambda network, images: network(images), network, image[None])
    return {"incremental": (more - fewer) / 2, "dense": dense}


def captum_occlusion(
    config: Any, network: models.Network, image: jax.Array, corners: list[tuple[int, int]], dense: jax.Array
) -> tuple[dict[str, Any], float]:
    """The best of several batch sizes, and how far our logits are from those of PyTorch's own forward pass."""
    import captum.attr  # pyright: ignore[reportMissingImports]
    import torch  # pyright: ignore[reportMissingImports]

    from scripts.benchmark.peers import to_torch

    module = to_torch(network)
    tensor = torch.from_numpy(np.array(image).transpose(2, 0, 1)[None].copy())
    best: dict[str, Any] = {}
    with torch.no_grad():
        for size in (1, 8, 32):
            timed = time_it(
                lambda size=size: captum.attr.Occlusion(module).attribute(
                    tensor,
                    sliding_window_shapes=(3, config.window, config.window),
                    strides=(3, config.stride, config.stride),
                    target=0,
                    perturbations_per_eval=size,
                ),
                config.repeats - 1,
            )
            print("captum", size, timed, flush=True)
            if not best or timed["best"] < best["best"]:
                best = {**timed, "batch_size": size}
        flat, error = np.asarray(dense).reshape(len(corners), -1), 0.0
        for number in range(0, len(corners), max(1, len(corners) // 8)):
            row, col = corners[number]
            covered = tensor.clone()
            covered[..., row : row + config.window, col : col + config.window] = 0
            error = max(error, float(np.abs(module(covered).numpy()[0] - flat[number]).max()))
    best["peak_megabytes"] = peak_megabytes()
    return best, error


def _scaled(timed: dict[str, float], factor: float) -> dict[str, Any]:
    return {**timed, "run": timed["run"] * factor, "best": timed["best"] * factor, "first": timed["first"] * factor}

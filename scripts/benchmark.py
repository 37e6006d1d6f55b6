"""Times occlusion and attributions against the dense computation, a naive loop, and captum where it is installed.

Command: python -m scripts.benchmark occlusion --network vgg16 --window 16 --stride 16
         python -m scripts.benchmark methods
         python -m scripts.benchmark table
Takes 1 to 10 minutes on two cores. Each run writes a JSON and a figure to scripts/benchmarks/, from which `table` makes
the table in the README. Compare ratios within one run; absolute times are those of the machine it ran on.
For captum: pip install -r scripts/peers.txt
"""

import dataclasses
import importlib.util
import json
import platform
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import jaxviz as jv
import models
from scripts._benchmark_figure import draw, table
from scripts._command import checking, start

RESULTS = Path(__file__).parent / "benchmarks"


@dataclasses.dataclass(frozen=True)
class Occlusion:
    """Sliding-window occlusion of one image, all classes at once."""

    network: str = "squeezenet"
    """A name from models.names(); random weights where none are committed."""
    window: int = 16
    stride: int = 8
    batch_sizes: tuple[int, ...] = ()
    """Windows at a time, besides the default of the library; the best counts."""
    repeats: int = 3
    naive_windows: int = 24
    """How many windows the naive loop computes; its time is scaled to all of them."""


@dataclasses.dataclass(frozen=True)
class Methods:
    """Forward pass, saliency, guided backprop and deconvnet of a batch."""

    network: str = "squeezenet"
    batch: int = 8
    repeats: int = 10


@dataclasses.dataclass(frozen=True)
class Table:
    """Puts the committed results into the README."""


def main(config: Occlusion | Methods | Table) -> None:
    """Runs one benchmark, or makes the table."""
    if isinstance(config, Table):
        table(RESULTS, Path(__file__).parents[1] / "README.md")
        return
    with checking():
        committed = config.network == "squeezenet"
        network = models.load(config.network) if committed else models.initialize(config.network)
    print(config)
    kind = "occlusion" if isinstance(config, Occlusion) else "methods"
    rows = occlusion(config, network) if isinstance(config, Occlusion) else methods(config, network)
    result = {"kind": kind, "config": dataclasses.asdict(config), **machine(), **rows}
    suffix = f"-{config.window}-{config.stride}" if isinstance(config, Occlusion) else ""
    path = RESULTS / f"{kind}-{config.network}{suffix}-{jax.default_backend()}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(result, indent=1) + "\n")
    draw(result, path.with_suffix(".png"))
    print(json.dumps(result["times"], indent=1))
    print(f"{path}\n{path.with_suffix('.png')}")


def machine() -> dict[str, Any]:
    """Where and with what the figures were made."""
    versions = {name: importlib.import_module(name).__version__ for name in ("jax", "jaxlib", "flax", "numpy")}
    if _has_captum():
        versions |= {name: importlib.import_module(name).__version__ for name in ("torch", "captum")}
    device = jax.devices()[0]
    return {"device": f"{device.platform} {device.device_kind}, {platform.machine()}", "versions": versions}


def time_it(call: Callable[[], Any], repeats: int) -> dict[str, Any]:
    """Seconds of the first call, which compiles, and of the median one after it."""

    def once() -> float:
        begin = time.perf_counter()
        jax.block_until_ready(call())
        return time.perf_counter() - begin

    first = once()
    runs = [once() for _ in range(repeats)]
    return {"first": first, "compile": first - float(np.median(runs)), "run": float(np.median(runs)), "best": min(runs)}


def occlusion(config: Occlusion, network: models.Network) -> dict[str, Any]:
    """Ours incremental, ours dense, one by one, and captum."""
    image = jax.random.normal(jax.random.key(0), network.input_shape) * (60 if network.spec.scale > 1 else 1)
    rows, cols = jv.occlusion_grid(image.shape, config.window, config.stride)
    corners = [(int(row), int(col)) for row in np.ravel(rows) for col in np.ravel(cols)]
    times: dict[str, Any] = {}
    maps = {}
    for exact in ("incremental", "dense"):
        for size in (None, *config.batch_sizes):
            options = {"window": config.window, "stride": config.stride, "exact": exact, "batch_size": size}
            timed = time_it(lambda options=options: jv.occlusion(network, image, **options), config.repeats)
            timed["batch_size"] = size
            print(exact, timed, flush=True)
            if exact not in times or timed["run"] < times[exact]["run"]:
                times[exact] = timed
        maps[exact] = jv.occlusion(network, image, window=config.window, stride=config.stride, exact=exact)
        times[exact]["peak_megabytes"] = peak_megabytes()
    forward = jax.jit(lambda network, images: network(images))

    def covered(corner: tuple[int, int]) -> jax.Array:
        row, col = corner
        return image.at[row : row + config.window, col : col + config.window].set(0)[None]

    def naive() -> list[jax.Array]:
        return [forward(network, covered(corner)) for corner in corners[: config.naive_windows]]

    times["one by one"] = _scaled(time_it(naive, 1), len(corners) / min(len(corners), config.naive_windows))
    errors = {"incremental against dense": float(jnp.abs(maps["incremental"] - maps["dense"]).max())}
    if _has_captum():
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
    }


def flops(config: Occlusion, network: models.Network, image: jax.Array) -> dict[str, float]:
    """What XLA counts for one more window, each way."""

    def count(call: Callable, *args: Any) -> float:
        return (jax.jit(call).lower(*args).compile().cost_analysis() or {})["flops"] / 1e9

    patch = jnp.zeros((config.window, config.window, image.shape[-1]))

    def windows(network: models.Network, image: jax.Array, corners: jax.Array) -> jax.Array:
        f = jv.incremental(network, image)
        return jax.vmap(lambda corner: f(patch, (corner[0], corner[1])))(corners)

    corners = jnp.full((4, 2), image.shape[0] // 2 - config.window)
    more, fewer = (count(windows, network, image, corners[:n]) for n in (4, 2))
    dense = count(lambda network, images: network(images), network, image[None])
    return {"incremental": (more - fewer) / 2, "dense": dense}


def captum_occlusion(
    config: Occlusion, network: models.Network, image: jax.Array, corners: list[tuple[int, int]], dense: jax.Array
) -> tuple[dict[str, Any], float]:
    """The best of several batch sizes, and how far our logits are from those of PyTorch's own forward pass."""
    import captum.attr  # pyright: ignore[reportMissingImports]
    import torch  # pyright: ignore[reportMissingImports]

    from scripts._peers import to_torch

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
                1,
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


def methods(config: Methods, network: models.Network) -> dict[str, Any]:
    """Each method compiled as one program, parameters as arguments, and captum's."""
    images = jax.random.normal(jax.random.key(0), (config.batch, *network.input_shape)) * 60
    target = 281
    ours = {
        "forward": jax.jit(lambda f, x: f(x)),
        "saliency": jax.jit(lambda f, x: jv.saliency(f, x, target)),
        "guided": jax.jit(lambda f, x: jv.saliency(f, x, target, rule="guided")),
        "deconvnet": jax.jit(lambda f, x: jv.saliency(f, x, target, rule="deconvnet")),
        "jax.grad": jax.jit(lambda f, x: jax.grad(lambda x: f(x)[:, target].sum())(x)),
    }
    times = {name: time_it(lambda call=call: call(network, images), config.repeats) for name, call in ours.items()}
    if _has_captum():
        import captum.attr  # pyright: ignore[reportMissingImports]
        import torch  # pyright: ignore[reportMissingImports]

        from scripts._peers import to_torch

        module = to_torch(network)
        tensor = torch.from_numpy(np.array(images).transpose(0, 3, 1, 2).copy())
        peers = {
            "captum forward": lambda: module(tensor).detach(),
            "captum saliency": lambda: captum.attr.Saliency(module).attribute(tensor, target, abs=False),
            "captum guided": lambda: captum.attr.GuidedBackprop(module).attribute(tensor, target),
            "captum deconvnet": lambda: captum.attr.Deconvolution(module).attribute(tensor, target),
        }
        for name, call in peers.items():
            with torch.set_grad_enabled(name != "captum forward"):
                times[name] = time_it(call, config.repeats)
    return {"times": times, "peak_megabytes": peak_megabytes()}


def peak_megabytes() -> float:
    """The device's peak where it counts one, else the process's."""
    counted = jax.devices()[0].memory_stats()
    if counted and "peak_bytes_in_use" in counted:
        return counted["peak_bytes_in_use"] / 1e6
    unit = 1e6 if sys.platform == "darwin" else 1e3
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def _scaled(timed: dict[str, float], factor: float) -> dict[str, Any]:
    return {**timed, "run": timed["run"] * factor, "best": timed["best"] * factor, "first": timed["first"] * factor}


def _has_captum() -> bool:
    return importlib.util.find_spec("captum") is not None


if __name__ == "__main__":
    start(main, Occlusion | Methods | Table, __doc__)

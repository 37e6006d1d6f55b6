"""Attributions in three columns: as typed in a fresh process, compiled by the user, and the peer's.

Each method runs in a process of its own, with no flag set, so that its first call is that of a notebook. A peer runs in
another process after it, since the thread pools of two libraries in one process get in each other's way.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

import jaxviz as jv
import models
from jaxviz.attribution import METHODS, Settings
from scripts.benchmark.timing import has_captum, peak_megabytes, time_it

TARGET = 281
_LAYERS = {"squeezenet": "fire9"}  # what a CAM explains; the last layer of maps elsewhere

OURS: dict[str, Callable] = {
    name: lambda f, x, layer, method=method: method.call(f, x, np.full(len(x), TARGET), settings(x, layer))
    for name, method in METHODS.items()
    if name != "occlusion"  # which has a benchmark of its own
} | {
    "layer_conductance": lambda f, x, layer: jv.attribution.layer_conductance(f, x, TARGET, layer),
    "project": lambda f, x, layer: jv.project(f, x, layer, [(6, 6, 0)]),
}
_MASKS = 1000
_AT_A_TIME = (8, 16, 32)


def settings(images: jax.Array, layer: str) -> Settings:
    """What the methods need beside; expected gradients take the images themselves for examples."""
    return Settings(layer, jax.random.key(1), num_masks=_MASKS, examples=images)


def methods(config: Any, network: models.Network) -> dict[str, Any]:
    """Seconds of each method for each size of batch: ours as typed and compiled, and the peer's."""
    del network
    times: dict[str, Any] = {}
    for batch in config.batches:
        for method in config.methods or OURS:
            who_else = ("bare",) if method in ("rise", "ablation_cam") else ()
            for who in ("ours", "peer", *who_else) if has_captum() else ("ours", *who_else):
                for name, timed in _in_a_process(config, method, batch, who).items():
                    times[f"{name}, batch of {batch}"] = timed
                    print(f"  {name}: {timed}", flush=True)
    return {"times": times, "methods": list(config.methods or OURS), "peak_megabytes": peak_megabytes()}


def _in_a_process(config: Any, method: str, batch: int, who: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "scripts.benchmark", "one-method", "--network", config.network]
    command += ["--method", method, "--batch", str(batch), "--who", who, "--repeats", str(config.repeats)]
    environment = {name: value for name, value in os.environ.items() if name != "XLA_FLAGS"}
    done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def one_method(config: Any, network: models.Network) -> dict[str, Any]:
    """What one process measures of one method; `network` of `config.network`."""
    images = jax.random.normal(jax.random.key(0), (config.batch, *network.input_shape)) * 60
    layer = _LAYERS.get(network.name) or _last_maps(network, images)
    if config.who == "peer":
        return {f"{config.method}, peer": _peer(config, network, np.array(images), layer)}
    if config.who == "bare":
        return {f"{config.method}, bare": _bare(config, network, images, layer)}
    call = OURS[config.method]
    typed = time_it(lambda: call(network, images, layer), config.repeats)
    program = jax.jit(lambda f, x: call(f, x, layer))
    compiled = time_it(lambda: program(network, images), config.repeats)
    return {f"{config.method}, as typed": typed, f"{config.method}, compiled": compiled}


def _bare(config: Any, network: models.Network, images: jax.Array, layer: str) -> dict[str, Any]:
    """As many forward passes as the method takes, of the network or of what lies above the layer, and nothing else."""
    f, inputs = network, images
    count = _MASKS
    if config.method == "ablation_cam":
        f, inputs = jv.after(network, layer), jv.upto(network, layer)(images)
        count = inputs.shape[-1]
    found: dict[str, Any] = {}
    for size in _AT_A_TIME:
        batch = jax.numpy.repeat(inputs[:1], size, 0)
        above = (jax.numpy.repeat(images[:1], size, 0),) if config.method == "ablation_cam" else ()
        program = jax.jit(jv.fast_on_cpu(lambda x, *rest, f=f: f(x, *rest)))
        timed = time_it(lambda batch=batch, above=above, program=program: program(batch, *above), config.repeats)
        whole = timed | {name: timed[name] * count * len(images) / size for name in ("run", "best")}
        if not found or whole["run"] < found["run"]:
            found = {**whole, "batch_size": size}
    return found


def _last_maps(network: models.Network, images: jax.Array) -> str:
    maps = [name for name, layer in jv.layers(network, images).items() if len(layer.shape) == 4]
    return maps[-1]


def _peer(config: Any, network: models.Network, images: np.ndarray, layer: str) -> dict[str, Any]:
    """The peer's call, where it takes a batch size the best of several."""
    from scripts.benchmark import peer_methods as _peer_methods

    found: dict[str, Any] = {}
    for size in _peer_methods.batch_sizes(config.method, len(images)):
        call = _peer_methods.build(config.method, network, images, layer, TARGET, size)
        if call is None:
            return {}
        timed = time_it(call, config.repeats if size is None else max(2, config.repeats // 4))
        if not found or timed["run"] < found["run"]:
            found = {**timed, "batch_size": size}
    return found

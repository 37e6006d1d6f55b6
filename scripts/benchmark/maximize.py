"""Gradient ascent on the channels of a layer side by side, beside a PyTorch loop in the manner of lucent."""

import dataclasses
import importlib.util
from typing import Any

import jax
import numpy as np

import models
from jaxviz import maximize as mx
from scripts.benchmark.timing import peak_megabytes, time_it


def maximize(config: Any, network: models.Network) -> dict[str, Any]:
    """Seconds of `config.num_steps` steps on `config.batch` channels, and steps and images a second.

    Both sides vary the same spectrum by the same optimizer under the same augmentations. The loop in PyTorch runs as
    lucent does (the whole network, gradients of the parameters too), with the parameters frozen, and with the network
    cut off above the layer as ours is.
    """
    size = config.size
    # The size that it was trained on is no limit to its convolutions.
    spec = dataclasses.replace(network.spec, input_shape=(size, size, 3))
    network = dataclasses.replace(network, spec=spec)
    channels = tuple(range(config.batch))
    settings = mx.presets.lucid() | {"redirected_steps": 0, "num_steps": config.num_steps, "batch_size": config.batch}
    objective = mx.channel(config.layer, np.array(channels))

    def ours() -> mx.Result:
        return mx.render(network, objective, key=jax.random.key(0), **settings)

    times = {"ours": time_it(ours, config.repeats)}
    times["ours"]["peak_megabytes"] = peak_megabytes()
    errors = {}
    if importlib.util.find_spec("torch") is not None:
        from scripts.benchmark.peers_maximize import Ascent

        kinds = {
            "lucent's loop in PyTorch": {"cut": False, "frozen": False},
            "its parameters frozen": {"cut": False, "frozen": True},
            "and nothing above the layer": {"cut": True, "frozen": True},
        }
        first = np.asarray(mx.param.fourier((size, size, 3)).init(jax.random.key(1)))
        start = np.stack([first] * config.batch)
        for name, kind in kinds.items():
            ascent = Ascent(network, config.layer, channels, **kind)
            times[name] = time_it(
                lambda ascent=ascent: ascent(start, size, config.num_steps, shaken=True), config.repeats
            )
            errors[name] = _difference(network, objective, ascent, first, size)
    for timed in times.values():
        timed["steps_per_second"] = config.num_steps / timed["run"]
        timed["images_per_second"] = config.batch / timed["run"]
    return {"times": times, "errors": errors}


def _difference(network: models.Network, objective: mx.Objective, ascent: Any, first: np.ndarray, size: int) -> float:
    """The largest difference of a pixel after 4 steps from the same start, where nothing is drawn at random."""
    made = mx.param.fourier((size, size, 3))
    start = made.pixels(first)
    found = mx.render(
        network,
        objective,
        key=jax.random.key(0),
        augment=(),
        start=start,
        num_steps=4,
        redirected_steps=0,
        batch_size=objective.size,
    )
    numbers = np.stack([np.asarray(made.invert(start))] * len(found.pixels))
    return float(np.abs(np.asarray(found.pixels) - ascent(numbers, size, 4, shaken=False)).max())

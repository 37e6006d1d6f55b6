"""The arguments of a benchmark looked at, before anything is timed or written."""

import dataclasses
from pathlib import Path
from typing import Any

import jax
import numpy as np

import jaxviz as jv
import models
from scripts._harness import photo as _photo
from scripts._harness.errors import checking
from scripts._harness.networks import check_size
from scripts._harness.words import unknown
from scripts.benchmark import timing as _timing
from scripts.benchmark.methods import OURS

_FOLDER = Path("runs") / "benchmarks"


def network_of(config: Any) -> models.Network:
    """The network of a benchmark, to which its other arguments fit.

    Raises:
        UsageError: an unknown network.
        ValueError: the first argument that does not.
    """
    with checking(name="--network"):
        network = _timing.network_of(config.network)
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        option = f"--{field.name.replace('_', '-')}"
        if field.name in ("window", "windows", "stride"):
            side = min(network.input_shape[:2])
            for one in value if isinstance(value, tuple) else (value,):
                if one > side:
                    raise ValueError(f"`{option}` must be at most {side}, what {network.name} sees, got {one}.")
        elif field.name in ("method", "methods"):
            for one in value if isinstance(value, tuple) else (value,):
                if one not in OURS:
                    raise ValueError(unknown(option, one, list(OURS)))
        elif field.name == "photo":
            _photo.load(value)
        elif field.name == "layer":
            _check_ascent(config, network)
    return network


def _check_ascent(config: Any, network: models.Network) -> None:
    shape = (config.size, config.size, 3)
    sized = dataclasses.replace(network, spec=dataclasses.replace(network.spec, input_shape=shape))
    check_size(sized, "--size")
    layers = jv.layers(sized, jax.ShapeDtypeStruct((1, *shape), np.float32))
    maps = {name: layer.shape[-1] for name, layer in layers.items() if len(layer.shape) == 4}
    if config.layer not in maps:
        raise ValueError(unknown("--layer", config.layer, list(maps)))
    if config.batch > maps[config.layer]:
        raise ValueError(f"`--batch` must be at most {maps[config.layer]}, its channels, got {config.batch}.")


def free_file(folder: Path | None, name: str) -> Path:
    """Where the JSON of this name goes: into the folder that was asked for, or under a new name into one of its own.

    Raises:
        OSError: there can be no such folder.
    """
    out = folder or _FOLDER
    out.mkdir(parents=True, exist_ok=True)
    path, number = out / f"{name}.json", 1
    while folder is None and path.exists():
        number += 1
        path = out / f"{name}-{number}.json"
    return path

"""The strongest images of channels in every checkpoint, and how far its layers have settled."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import jax
import numpy as np

import jaxviz as jv
import models
from jaxviz import render
from models import datasets, training
from scripts._harness.depends import of_network
from scripts._harness.networks import network_of
from scripts._harness.run_folder import Step
from scripts._harness.scan.boxes import fields_of
from scripts._harness.scan.data import Data, find
from scripts._harness.scan.run import Run, settings
from scripts._harness.words import color, unknown

if TYPE_CHECKING:
    from scripts.evolution.config import Config


class Study(NamedTuple):
    """Everything that the steps share; `networks` by epoch, the last of them the trained one."""

    config: "Config"
    networks: dict[int, models.Network]
    data: Data
    layers: tuple[str, ...]
    every: tuple[str, ...]
    channels: dict[str, list[int]]
    folder: Run

    @property
    def trained(self) -> models.Network:
        """The network of the last epoch."""
        return self.networks[max(self.networks)]


def prepare(config: "Config") -> Study:
    """Look at every argument before anything is computed.

    Raises:
        ValueError: the first one that does not fit.
        FileNotFoundError: the data or the checkpoints are not there.
    """
    if config.network not in models.names():
        raise ValueError(unknown("NETWORK", config.network, models.names()))
    if config.scan.weights is not None:
        raise ValueError("`--weights` must not be given, as all weights are those of `--checkpoints`. Drop it.")
    files = _files(config.checkpoints, config.network)
    networks = {epoch: network_of(config.network, path, "NETWORK") for epoch, path in files.items()}
    trained = networks[max(networks)]
    shapes = jv.layers(trained, jax.ShapeDtypeStruct((1, *trained.input_shape), np.float32))
    maps = {name: found.shape[-1] for name, found in shapes.items() if len(found.shape) == 4}
    for layer in config.layers:
        if layer not in maps:
            raise ValueError(unknown("--layers", layer, list(maps)))
    layers = config.layers or tuple(name for name in maps if name.startswith(("conv", "fire")))
    if config.channels > (most := max(maps[layer] for layer in layers)):
        raise ValueError(f"`--channels` must be at most {most}, which the largest layer has, got {config.channels}.")
    random = np.random.default_rng(config.seed)
    channels = {layer: np.sort(random.permutation(maps[layer])[: config.channels]).tolist() for layer in layers}
    # Pools order their units as the layer before does.
    every = tuple(name for name in shapes if not name.startswith("pool"))
    data = find(trained, config.scan, keep=True)
    run = Run(
        f"evolution-{trained.name}",
        settings("evolution", config, trained, data, epochs=sorted(networks), drawn=channels)
        | {"checkpoints": [str(path) for path in files.values()]}
        | {"weights": [of_network(network) for network in networks.values()]},
        config.scan,
        images=data.size * len(networks) * (2 * len(layers) + 2),
    )
    return Study(config, networks, data, layers, every, channels, run)


def _files(folder: Path, name: str) -> dict[int, Path]:
    """The checkpoints by epoch, in their order."""
    found = {}
    for path in sorted(folder.glob("*.safetensors")):
        if match := re.fullmatch(rf"(?:{re.escape(name)}|weights)-epoch-(\d+)\.safetensors", path.name):
            found[int(match[1])] = path
    if len(found) < 2:
        raise FileNotFoundError(
            f"`--checkpoints` must be a folder with two at least of {name}-epoch-01.safetensors and so on, got "
            f"{str(folder)!r} with {len(found)}. Train them: python -m scripts.train {name}"
        )
    return dict(sorted(found.items()))


def measure(study: Study) -> dict[str, Step]:
    """All steps by name."""
    size, run = study.data.size * len(study.networks), study.folder
    steps = {layer: run.step(layer, 2 * size, lambda layer=layer: _evolution(study, layer)) for layer in study.layers}
    steps["settling"] = run.step("settling", size, lambda: _settling(study, steps))
    steps["losses"] = run.step("losses", size, lambda: _losses(study))
    return steps


def headline(steps: dict[str, Step]) -> str:
    """Rank correlation of each layer with the trained network, at the first epoch kept."""
    found = steps["settling"].numbers
    values = ", ".join(f"{layer} {curve[0]:.2f}" for layer, curve in found["rank_correlation"].items())
    return f"Rank correlation with the trained network after epoch {found['epochs'][0]}: {values}."


def _evolution(study: Study, layer: str) -> Step:
    """Patches and projections as pictures, one of each per epoch and channel."""
    trained = study.trained
    scan = study.folder.scan("all", trained.spec)
    found = jv.dataset.evolution(trained, study.data.dataset, layer, study.channels[layer], study.networks, scan=scan)
    pairs = {"patches": [], "projections": []}
    for place in range(len(found.epochs)):
        units = np.concatenate([found.positions[place], np.array(found.channels)[:, None]], 1)
        for box, index, projection in zip(
            fields_of(trained, layer, units), found.indices[place], found.projections[place], strict=True
        ):
            pairs["patches"].append(box(study.data.picture(int(index))))
            pairs["projections"].append(box(render.gray_centered(color(trained, projection))))
    numbers = {
        "epochs": list(found.epochs),
        "channels": list(found.channels),
        "images": found.indices.tolist(),
        "activations": np.round(found.scores.astype(float), 4).tolist(),
        "positions": found.positions.tolist(),
        "rank_correlation": np.round(found.correlation, 4).tolist(),
    }
    return Step(numbers, {"scores": found.scores} | {name: np.stack(pictures) for name, pictures in pairs.items()})


def _settling(study: Study, steps: dict[str, Step]) -> Step:
    """Of all layers; those whose channels are shown have been measured already."""
    correlations = {layer: steps[layer].numbers["rank_correlation"] for layer in study.layers}
    if rest := [layer for layer in study.every if layer not in correlations]:
        scan = study.folder.scan("all", study.trained.spec)
        found = jv.dataset.settling(study.trained, study.data.dataset, rest, study.networks, scan=scan)
        correlations |= {layer: np.round(values, 4).tolist() for layer, values in found.items()}
    ordered = {layer: correlations[layer] for layer in study.every}
    return Step({"epochs": list(study.networks), "rank_correlation": ordered}, {})


def _losses(study: Study) -> Step:
    found = []
    for network in study.networks.values():
        found.append(training.evaluate(network, datasets.Examples(*study.data.dataset)))
        study.folder.tick(study.data.size)
    numbers = {
        "epochs": list(study.networks),
        "loss": [round(one.loss, 5) for one in found],
        "accuracy": [round(one.accuracy, 5) for one in found],
    }
    return Step(numbers, {})

"""The study: a network, images, layers to randomize, and a pass over the images for each method."""

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import jaxviz as jv
import models
from jaxviz import metrics
from jaxviz.attribution import METHODS
from scripts._harness.networks import network_of
from scripts._harness.run_folder import Step
from scripts._harness.scan.data import Data, labeled
from scripts._harness.scan.run import Run, settings
from scripts._harness.words import spread_over, unknown
from scripts.trust.measure import Measure, scaled
from scripts.trust.methods import FLOORS, titles
from scripts.trust.metrics import METRICS
from scripts.trust.verdict import winners

if TYPE_CHECKING:
    from scripts.trust.config import Config

_USUAL = 30
_EXAMPLES = 16


class Study(NamedTuple):
    """Everything that the methods share.

    `indices` are the images of the data that are explained. `stages` are the layers that are randomized, from the top
    down, one entry after the other. `examples` and `classes` are other images of
    the data, as the network sees them.
    """

    config: "Config"
    network: models.Network
    data: Data
    indices: np.ndarray
    examples: jax.Array
    classes: jax.Array
    layer: str
    stages: tuple[tuple[str, ...], ...]
    folder: Run


class Chosen:
    """Some examples of a data set that is read one by one."""

    def __init__(self, source: Any, indices: np.ndarray):
        self._source, self._indices = source, indices
        self.fingerprint = f"{getattr(source, 'fingerprint', '')} {indices.tolist()}"

    def __len__(self) -> int:
        return len(self._indices)

    def __getitem__(self, place: int) -> Any:
        return self._source[int(self._indices[place])]


def prepare(config: "Config") -> Study:
    """Look at every argument before anything long is computed.

    Raises:
        ValueError: for the first one that does not fit.
        UsageError: weights or data that are not there.
    """
    known = [*METHODS, *FLOORS]
    for method in config.methods or ("",):
        if method not in known:
            raise ValueError(unknown("--methods", method, known))
    network = network_of(config.network, config.scan.weights)
    layers = jv.layers(network, jax.ShapeDtypeStruct((1, *network.input_shape), np.float32))
    shapes = {name: shape.shape for name, shape in layers.items()}
    parts = top_down(network, list(shapes))
    if config.depths > len(parts):
        raise ValueError(f"`--depths` must be at most {len(parts)}, the layers with weights, got {config.depths}.")
    if config.steps > (most := network.input_shape[0] * network.input_shape[1]):
        raise ValueError(f"`--steps` must be at most {most}, the pixels of an image, got {config.steps}.")
    data = labeled(network, config.scan)
    if config.num_images is not None and config.num_images > data.size:
        raise ValueError(f"`--num-images` must be at most {data.size}, got {config.num_images}.")
    count = config.num_images or min(_USUAL, data.size)
    order = np.random.default_rng(config.seed).permutation(data.size)
    indices = np.sort(order[:count])
    # Other images where there are some.
    others = np.resize(order[count:] if count < data.size else order, min(_EXAMPLES, data.size))
    channels = network.input_shape[2]
    examples = np.stack([data.picture(int(index))[..., :channels] for index in others])
    maps = [name for name, shape in shapes.items() if len(shape) == 4 and min(shape[1:3]) > 1]
    layer = spread_over(maps, shapes, len(network.labels))[-1]
    groups = stages(parts, config.depths)
    methods = tuple(dict.fromkeys(config.methods))
    run = Run(
        f"trust-{network.name}",
        settings(
            "trust",
            config,
            network,
            data,
            methods=methods,
            num_images=count,
            layer=layer,
            randomized=[" ".join(group) for group in groups],
        ),
        config.scan,
        images=len(methods) * count,
    )
    return Study(
        config,
        network,
        data,
        indices,
        network.normalize(examples / np.float32(255)),
        jnp.array([data.label(int(index)) for index in others], jnp.int32),
        layer,
        groups,
        run,
    )


def top_down(network: models.Network, layers: list[str]) -> list[str]:
    """The parts of the network that have parameters, from its output to its input.

    Args:
        network: whose parameters are grouped by the module that is called like a layer.
        layers: in the order of computation. What has parameters and is none of them is taken for the output.
    """
    paths = [path for path, _ in jax.tree_util.tree_flatten_with_path(network.state)[0]]
    parts = dict.fromkeys(jax.tree_util.keystr(path[:1], simple=True) for path in paths)
    return [part for part in parts if part not in layers] + [name for name in reversed(layers) if name in parts]


def stages(order: list[str], num: int) -> tuple[tuple[str, ...], ...]:
    """The layers in `num` groups that follow each other: the topmost one alone, the others in groups of like size."""
    ends = np.rint(np.linspace(1, len(order), min(num, len(order)))).astype(int) if num > 1 else [1]
    starts = [0, *ends[:-1]]
    return tuple(tuple(order[first:last]) for first, last in zip(starts, ends, strict=True))


def measure(study: Study) -> dict[str, Step]:
    """All methods by name."""
    count = len(study.indices)
    # Made for the first method that is not finished, for all of them.
    cascade = functools.cache(functools.partial(_cascade, study.network, study.stages, study.config.seed))
    return {
        name: study.folder.step(name, count, functools.partial(_measured, study, name, cascade))
        for name in dict.fromkeys(study.config.methods)
    }


def headline(steps: dict[str, Step]) -> str:
    """How alike maps stay when the last layer is redrawn, where low passes; and the best method of each metric."""
    ranks = ", ".join(
        f"{titles(name)} {rank[0]:.2f}"
        for name, step in steps.items()
        if (rank := step.numbers["rank_correlation"])[0] is not None
    )
    best = "; ".join(f"{METRICS[metric].title}: {titles(winner.best)}" for metric, winner in winners(steps).items())
    return f"Rank correlation with the map of the network whose last layer is redrawn: {ranks}. Best in {best}."


def _measured(study: Study, name: str, cascade: Callable[[], models.Network]) -> Step:
    config = study.config
    measure = Measure(
        cascade(),
        study.examples,
        study.classes,
        name,
        study.layer,
        config.steps,
        config.samples,
        config.masks,
        config.changes,
        config.seed,
    )
    scan = study.folder.scan("all", study.network.spec)
    found = jv.dataset.measure_each(study.network, _chosen(study), measure, scan=scan)
    first = study.data.picture(int(study.indices[0]))[..., : study.network.input_shape[2]]
    shown = _shown(measure, study.network, study.network.normalize(first[None] / np.float32(255)))
    arrays = found.values | {"shown": np.asarray(shown, np.float16), "index": study.indices[found.indices]}
    numbers = {
        "method": name,
        "images": len(found.indices),
        "skipped": [int(study.indices[place]) for place in found.skipped],
        "metrics": {metric: _interval(arrays[metric]) for metric in METRICS},
        "randomized": [list(group) for group in study.stages],
        "rank_correlation": [_mean(values) for values in arrays["rank"].T],
        "ssim": [_mean(values) for values in arrays["ssim"].T],
        "blank": [int(np.isnan(values).sum()) for values in arrays["rank"].T],
        "blank_other_class": int(np.isnan(arrays["other"]).sum()),
    }
    return Step(numbers, arrays)


def _cascade(network: models.Network, stages: tuple[tuple[str, ...], ...], seed: int) -> models.Network:
    """The network with more and more of its layers randomized."""
    networks = metrics.cascade(network, stages, key=jax.random.key(seed), draw=metrics.redrawn)
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *networks)


def _chosen(study: Study) -> Any:
    """The images that are explained, as a data set."""
    if isinstance(study.data.dataset, tuple):
        return tuple(part[study.indices] for part in study.data.dataset)
    return Chosen(study.data.dataset, study.indices)


@jax.jit
@jv.fast_on_cpu
def _shown(measure: Measure, network: models.Network, image: jax.Array) -> jax.Array:
    """The maps of one image `(depths + 1, h, w)`: of the network, and of those of the cascade."""
    targets = network(image).argmax(-1)
    found = [measure.maps(network, image, targets)[None], measure.redrawn(image, targets)]
    return scaled(jnp.concatenate(found)[:, 0])


def _interval(values: np.ndarray) -> dict[str, Any] | None:
    """Mean and interval over the images; None where the metric does not apply."""
    found = metrics.confidence_interval(values)
    return found._asdict() if found.count else None


def _mean(values: np.ndarray) -> float | None:
    there = values[np.isfinite(values)]
    return float(there.mean()) if len(there) else None

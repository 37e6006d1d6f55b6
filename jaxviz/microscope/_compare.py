"""The same units in other networks, side by side: earlier checkpoints, or random weights."""

from typing import TYPE_CHECKING, Any

import jax.numpy as jnp
import numpy as np

from jaxviz._core.files import file_name
from jaxviz._core.identity import digest
from jaxviz._core.ranks import correlation
from jaxviz.microscope import _measure
from jaxviz.microscope._cache import Arrays, Cache
from jaxviz.microscope._crops import Fields, resized, tiled
from jaxviz.microscope._site import short

if TYPE_CHECKING:
    from jaxviz.microscope._build import Builder

_SIDE = 48


def compare(builder: "Builder") -> dict[str, list[list[Any]]]:
    """For each unit of a layer a line per network: rank correlation with `f` over the sample, and its strongest value.

    Writes a strip of patches for each unit: a row for `f`, and one for each of the others.
    """
    found: dict[str, dict[str, Arrays]] = {}
    for name, other in builder.others.items():
        cache = Cache(builder.work / "others" / file_name(name), builder.leads)
        keys = builder.other_keys[name]
        found[name] = _measure.responses(
            other, lambda what, key, name=name: builder.scan(f"{name}: {what}", key), cache, keys
        )
    # Directions are of `f` alone.
    shared = [layer for layer in builder.plan.layers if all(layer in arrays for arrays in found.values())]
    lines: dict[str, list[list[Any]]] = {}
    for layer in shared if found else []:
        networks = [builder.found[layer], *(arrays[layer] for arrays in found.values())]
        own, *others = (jnp.asarray(arrays["sample.values"].T, jnp.float32) for arrays in networks)
        alike = np.stack([correlation(own, other) for other in others], 1)
        strongest = np.stack([arrays["top.activations"][:, 0] for arrays in networks[1:]], 1)
        lines[layer] = short(np.stack([alike, strongest], -1), 3)
        key = digest(builder.keys.layers[layer], [keys.layers[layer] for keys in builder.other_keys.values()])
        if builder.leads and builder.cache.find(f"strips {layer}", key) is None:
            _strips(builder, layer, networks)
            builder.cache.keep(f"strips {layer}", key, {})
    return lines


def _strips(builder: "Builder", layer: str, networks: list[Arrays]) -> None:
    site, fields = builder.plan, builder.fields[layer]
    side, tick = min(_SIDE, fields.side), builder.tick(f"{layer}: patches of the others")
    gray = np.full((side, side, 3), 128, np.uint8)
    for unit, channel in enumerate(site.channels[layer]):
        tick(unit, len(site.channels[layer]))
        patches = []
        for arrays in networks:
            for rank in range(site.num):
                there = arrays["top.indices"][unit, rank] >= 0 and arrays["top.activations"][unit, rank] > 0
                patches.append(resized(_patch(builder, fields, arrays, unit, rank, channel), side) if there else gray)
        builder.files.sheet(f"compare/{builder.path(layer)}/{channel}.webp", tiled(patches, side, site.num))


def _patch(builder: "Builder", fields: Fields, arrays: Arrays, unit: int, rank: int, channel: int) -> np.ndarray:
    (box,) = fields.boxes(arrays["top.positions"][unit, rank][None], np.array([channel]))
    return fields.shown(box)(builder.plan.look(int(arrays["top.indices"][unit, rank])))

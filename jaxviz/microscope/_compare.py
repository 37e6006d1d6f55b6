"""The same units in other networks, side by side: earlier checkpoints, or random weights."""

from typing import TYPE_CHECKING, Any

import jax.numpy as jnp
import numpy as np

from jaxviz._core.files import file_name
from jaxviz._core.ranks import correlation
from jaxviz.microscope import _measure
from jaxviz.microscope._cache import Arrays, Cache
from jaxviz.microscope._crops import TILE, Fields, resized
from jaxviz.microscope._site import short

if TYPE_CHECKING:
    from jaxviz.microscope._build import Builder

_SIDE = 48


def compare(builder: "Builder") -> dict[str, list[list[Any]]]:
    """For each unit of a layer a line per network: rank correlation with `f` over the sample, and its strongest value.

    Writes a strip of patches for each unit: a row for `f`, and one for each of the others.
    """
    site = builder.plan
    if not builder.others:
        return {}
    found: dict[str, dict[str, Arrays]] = {}
    for name, other in builder.others.items():
        keys = _measure.identity(other, builder.versions)
        cache = Cache(builder.work / "others" / file_name(name), builder.leads)
        found[name] = _measure.responses(other, lambda what, name=name: builder.scan(f"{name}: {what}"), cache, keys)
    lines: dict[str, list[list[Any]]] = {}
    tick = builder.tick("patches of the others")
    for number, layer in enumerate(site.layers):
        tick(number, len(site.layers))
        if any(layer not in arrays for arrays in found.values()):
            continue
        own = builder.found[layer]
        rows = []
        for arrays in found.values():
            r = correlation(
                jnp.asarray(own["sample.values"].T, jnp.float32),
                jnp.asarray(arrays[layer]["sample.values"].T, jnp.float32),
            )
            rows.append((np.asarray(r), arrays[layer]["top.activations"][:, 0]))
        lines[layer] = [
            [[short(float(r[unit]), 3), short(float(strength[unit]), 3)] for r, strength in rows]
            for unit in range(len(site.channels[layer]))
        ]
        if builder.leads:
            _strips(builder, layer, [own, *(arrays[layer] for arrays in found.values())])
    return lines


def _strips(builder: "Builder", layer: str, networks: list[Arrays]) -> None:
    site, fields = builder.plan, builder.fields[layer]
    side = min(_SIDE, fields.side)
    for unit, channel in enumerate(site.channels[layer]):
        strip = np.full((len(networks) * side, site.num * side, 3), 128, np.uint8)
        for row, arrays in enumerate(networks):
            for rank in range(site.num):
                index = int(arrays["top.indices"][unit, rank])
                if index >= 0 and arrays["top.activations"][unit, rank] > 0:
                    patch = _patch(builder, fields, arrays, unit, rank, channel)
                    strip[row * side : (row + 1) * side, rank * side : (rank + 1) * side] = resized(patch, side)
        builder.files.sheet(f"compare/{builder.path(layer)}/{channel}.webp", strip)


def _patch(builder: "Builder", fields: Fields, arrays: Arrays, unit: int, rank: int, channel: int) -> np.ndarray:
    (box,) = fields.boxes(arrays["top.positions"][unit, rank][None], np.array([channel]))
    box = box if fields.small else fields.middle(box, max(TILE, fields.side // 3))
    return box(builder.plan.look(int(arrays["top.indices"][unit, rank])))

"""What of a site is about more than one unit: what it holds, its layers, and sheets of thumbnails."""

from typing import TYPE_CHECKING, Any

import numpy as np

from jaxviz.microscope._crops import THUMBNAIL, tiled
from jaxviz.microscope._site import short
from jaxviz.microscope._unit import flag

if TYPE_CHECKING:
    from jaxviz.microscope._build import Builder

_SHEET = 64  # thumbnails in a file, in rows of eight
_OVERVIEW = 160  # thumbnails of all layers on the first page, about


def write_sheets(builder: "Builder") -> None:
    """The thumbnails of all units, and some of each layer for the first page."""
    small = builder.thumbnails
    each, rows = _each(builder), []
    for thumbs in small.values():
        chosen = np.unique(np.linspace(0, len(thumbs) - 1, min(each, len(thumbs))).astype(int))
        rows.append(tiled(thumbs[chosen], THUMBNAIL, each))
    builder.files.sheet("layers/overview.webp", np.concatenate(rows))
    for layer, thumbs in small.items():
        for number in range(-(-len(thumbs) // _SHEET)):
            sheet = tiled(thumbs[number * _SHEET : (number + 1) * _SHEET], THUMBNAIL, 8)
            builder.files.sheet(f"layers/{builder.path(layer)}-{number}.webp", sheet)


def _each(builder: "Builder") -> int:
    """Thumbnails of a layer on the first page."""
    return max(3, min(8, _OVERVIEW // len(builder.plan.layers)))


def write_layers(builder: "Builder") -> None:
    """What is known of the units of each layer, for the page of it."""
    write_about(builder, False)
    for layer in builder.plan.layers:
        arrays = builder.found[layer]
        effect = builder.effects.get(layer)
        removed = builder.removed.get(layer)
        told = None if effect is None else np.nan_to_num(effect, nan=0.0)
        builder.files.data(
            f"layers/{builder.path(layer)}.js",
            {
                "strength": short(arrays["top.activations"][:, 0], 3),
                "zeros": short(arrays["zeros"], 3),
                "flags": builder.flags[layer],
                "selectivity": None if told is None else short(np.abs(told).max(0), 3),
                "class": None if told is None else np.abs(told).argmax(0).tolist(),
                "loss": None if removed is None else short(removed["loss"][1:] - removed["loss"][0], 3),
            },
        )


def flags_of(builder: "Builder", layer: str) -> list[str]:
    """Whether a unit is dead, or always on."""
    arrays = builder.found[layer]
    if layer == builder.plan.output:
        # An output is not at rest at zero.
        return [""] * len(arrays["zeros"])
    silent = (arrays["sample.values"] <= 0).mean(0)
    rows = zip(arrays["zeros"], arrays["highest"], arrays["lowest"], silent, strict=True)
    return [flag(*map(float, row)) for row in rows]


def write_about(builder: "Builder", complete: bool) -> None:
    """What the site holds, as far as it is known."""
    small, site = builder.thumbnails, builder.plan
    layers = []
    for layer in site.layers:
        one: dict[str, Any] = {
            "name": layer,
            "shape": list(site.shapes[layer][1:]),
            "rule": site.rules[layer],
            "channels": _count_or_list(site.channels[layer]),
            "written": builder.written[layer],
            "kind": builder.plan.kind(layer),
        }
        if layer in site.units:
            one["units"] = list(site.units[layer]) if layer != site.output else "labels"
        if small:
            flags = builder.flags[layer]
            one |= {
                "field": builder.fields[layer].side,
                "dead": flags.count("dead"),
                "always": flags.count("always"),
            }
        layers.append(one)
    about = {
        "name": site.name,
        "data": site.data,
        "images": len(site.examples),
        "input": list(site.image.shape[1:]),
        "layers": layers,
        "labels": list(site.labels),
        "classes": None if not small or builder.counts is None else np.flatnonzero(builder.counts).tolist(),
        "accuracy": _accuracy(builder),
        "thumbnail": THUMBNAIL,
        "overview": _each(builder),
        "others": list(builder.others),
        "rule": site.rule,
        "preprocess": site.scan.preprocess is not None,
        "output": site.output,
        "calls": builder.calls,
        "versions": builder.versions,
        "complete": complete,
    }
    builder.files.data("data/site.js", about)


def _accuracy(builder: "Builder") -> float | None:
    if builder.confusion is None:
        return None
    return short(np.trace(builder.confusion) / max(1, builder.confusion.sum()))


def _count_or_list(channels: tuple[int, ...]) -> int | list[int]:
    """How many, where they are all from the first on."""
    return len(channels) if channels == tuple(range(len(channels))) else list(channels)

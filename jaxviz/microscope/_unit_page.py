"""The pages of the units of a layer: all that is known of each, in two files."""

from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from jaxviz._core.identity import digest
from jaxviz.microscope import _measure, _pictures, _unit
from jaxviz.microscope._cache import Cache
from jaxviz.microscope._site import short

if TYPE_CHECKING:
    from jaxviz.microscope._build import Builder

_FORMAT = 2  # of the files: another one is written anew
_AT_A_TIME = 32  # units between two looks at the clock
NEIGHBORS = 6
_NAMED = 5
_NOTHING = 1e-6  # what rounding leaves of a zero


def write_units(builder: "Builder", layer: str) -> None:
    """Go on where an earlier process has left off, each process with its own share."""
    site = builder.plan
    total = len(site.channels[layer])
    key = digest(
        _FORMAT,
        layer,
        builder.keys.whole,
        # Units of any layer may be alike, or joined to it.
        list(builder.keys.layers.items()),
        [(name, keys.layers) for name, keys in builder.other_keys.items()],
        sorted(builder.skip),
        builder.probability,
        None if builder.pictures is None else builder.pictures.identity(site, builder.random),
    )
    mine = np.arange(total)[jax.process_index() :: jax.process_count()]
    name = f"written {layer} {jax.process_index()} of {jax.process_count()}"
    state = builder.cache.find(name, key)
    done = 0 if state is None else int(state["done"])
    keeper = Cache(builder.work, True)
    builder.written[layer] = done
    drawn = None
    if builder.pictures is not None and done < len(mine):
        tick = builder.tick(f"{layer}: pictures")
        drawn = _pictures.draw(builder, layer, mine[done:], tick)
    tick = builder.tick(f"{layer}: pages")
    tick(done, len(mine))
    for first in range(done, len(mine), _AT_A_TIME):
        units = mine[first : first + _AT_A_TIME]
        made = _unit.patches(site, layer, builder.fields[layer], builder.found[layer], units)
        for row, unit in enumerate(units):
            _write_unit(builder, layer, int(unit), made, row, None if drawn is None else drawn[first - done + row])
        builder.written[layer] = first + len(units)
        keeper.keep(name, key, {"done": np.array(first + len(units))})
        tick(first + len(units), len(mine))
    builder.written[layer] = total


def _write_unit(builder: "Builder", layer: str, unit: int, made: "_unit.Patches", row: int, drawn: Any) -> None:
    site, arrays, fields = builder.plan, builder.found[layer], builder.fields[layer]
    sheet = _unit.Sheet(fields.tile)
    values = arrays["sample.values"][:, unit]
    top = []
    channel = np.array([site.channels[layer][unit]])
    for rank, index in enumerate(arrays["top.indices"][unit]):
        activation = float(arrays["top.activations"][unit, rank])
        if index < 0 or activation <= 0:
            continue
        box = made.boxes[row][rank]
        field = fields.boxes(arrays["top.positions"][unit, rank][None], channel)[0]
        sheet.add(made.patches[row, rank])
        sheet.add(made.projections[row, rank])
        top.append([builder.image(int(index)), short(activation), list(box), list(field)])
    shown_side = fields.side if fields.small else int(np.median([box.bottom - box.top for box in made.boxes[row]]))
    quantiles = []
    for quantile, pair in zip(_unit.QUANTILES, _unit.examples_at(values), strict=True):
        shown = []
        for place in pair:
            index = int(arrays["sample.indices"][place])
            field = fields.boxes(arrays["sample.positions"][place, unit][None], channel)[0]
            box = fields.middle(field, shown_side)
            seen = site.look(index)
            tile = sheet.add(_unit.resized(box(seen), fields.tile))
            shown.append([builder.image(index), short(float(values[place])), list(box), list(field), tile])
        quantiles.append([quantile, shown])
    bins = _unit.histogram(values)
    page: dict[str, Any] = {
        "top": top,
        "quantiles": quantiles,
        "histogram": bins.counts,
        "range": short([bins.low, bins.high]),
        "zeros": short(float(arrays["zeros"][unit])),
        "lowest": short(float(arrays["lowest"][unit])),
        "highest": short(float(arrays["highest"][unit])),
        "sample": len(values),
        "silent": short(float((values <= 0).mean())),
        "flag": builder.flags[layer][unit],
        "similar": _neighbors(
            builder,
            [(int(other), float(r)) for other, r in zip(*(part[unit] for part in builder.similar[layer]), strict=True)],
            sheet,
        ),
    }
    if layer in builder.effects and builder.counts is not None:
        told = _extremes(builder.effects[layer][:, unit])
        page["tells"] = [[k, effect, int(builder.counts[k])] for k, effect in told]
    if layer in builder.gradients:
        page["gradient"] = _extremes(builder.gradients[layer]["gradient"][:, unit])
        page["gradient_images"] = int(builder.gradients[layer]["images"])
    if layer in builder.removed:
        removed = builder.removed[layer]
        page["removed"] = {
            "accuracy": short(float(removed["accuracy"][unit + 1] - removed["accuracy"][0])),
            "loss": short(float(removed["loss"][unit + 1] - removed["loss"][0])),
            "classes": _extremes(removed["classes"][unit] - _class_accuracy(builder)),
        }
    if layer in builder.survival:
        page["survival"] = {
            kind: [list(_measure.AMOUNTS[kind]), short(builder.survival[layer][kind][unit], 3)]
            for kind in _measure.AMOUNTS
        }
    for side, step in (("below", -1), ("above", 1)):
        if (joined := _joined(builder, layer, unit, step)) is not None:
            page[side] = _neighbors(builder, joined[0], sheet)
            page[f"{side}_images"] = joined[1]
    if layer in builder.compared:
        page["compared"] = builder.compared[layer][unit]
    if drawn is not None:
        page["pictures"] = drawn.add(sheet)
    page["layout"] = [*sheet.layout(), list(sheet.size())]
    where = f"units/{builder.path(layer)}/{site.channels[layer][unit]}"
    builder.files.sheet(f"{where}.webp", sheet.draw())
    # Last: where it is, all of the page is.
    builder.files.data(f"{where}.js", page)


def _class_accuracy(builder: "Builder") -> np.ndarray:
    assert builder.confusion is not None
    counts = builder.confusion.sum(1)
    return np.where(counts > 0, np.diag(builder.confusion) / np.maximum(counts, 1), np.nan)


def _joined(builder: "Builder", layer: str, unit: int, step: int) -> tuple[list[tuple[int, float]], int] | None:
    """The strongest units of the layer below (-1) or above (1), and over how many images."""
    layers = builder.plan.layers
    place = layers.index(layer)
    pair = layers[max(place - 1, 0) : place + 1] if step < 0 else layers[place : place + 2]
    if pair not in builder.joined:
        return None
    found = builder.joined[pair]
    weights = found["weights"][unit] if step < 0 else found["weights"][:, unit]
    return _strongest(weights, builder.first(layers[place + step])), int(found["images"])


def _neighbors(builder: "Builder", units: list[tuple[int, float]], sheet: "_unit.Sheet") -> list[list[Any]]:
    rows = []
    for number, strength in units:
        if not np.isfinite(strength) or strength == 0:
            continue
        layer, unit = builder.whose(number)
        place = sheet.add_thumbnail(builder.small[number])
        rows.append([builder.plan.layers.index(layer), builder.plan.channels[layer][unit], short(strength, 3), place])
    return rows


def _extremes(values: np.ndarray) -> list[list[Any]]:
    """Class and number of the largest and the smallest, but for what is nothing or none."""
    finite = np.flatnonzero(np.isfinite(values) & (np.abs(values) > _NOTHING))
    order = finite[np.argsort(-values[finite], kind="stable")]
    up = [k for k in order[:_NAMED] if values[k] > 0]
    down = [k for k in order[-_NAMED:] if values[k] < 0]
    return [[int(k), short(float(values[k]), 3)] for k in (*up, *down)]


def _strongest(weights: np.ndarray, first: int) -> list[tuple[int, float]]:
    """The largest by size with their share of all, and their numbers."""
    total = np.abs(weights).sum()
    order = np.argsort(-np.abs(weights), kind="stable")[:NEIGHBORS]
    return [(first + int(unit), float(weights[unit] / total) if total else 0.0) for unit in order]

"""What in the image a unit of a layer responds to: its activation, projected down to the pixels by a deconvnet.

All other activations of the layer are set to zero, and what is left goes down through the network: un-pooled by the
switches that the image set, rectified, filtered by the transposed filters. The projection belongs to this image: it is
no average of what the unit likes.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float, Integer

from jaxviz._core.backward import quick_to_compile
from jaxviz._core.callables import as_pytree
from jaxviz._core.check import Inputs, check_count, check_inputs, check_unit_axes
from jaxviz._core.chunks import map_chunks
from jaxviz._core.grown import grown, num_rows
from jaxviz._core.integers import Integers, integers
from jaxviz._core.jaxpr.per_example import by_example
from jaxviz._core.map_layout import LAST, MapLayout, map_layout
from jaxviz._core.meshes import beside
from jaxviz._core.program import one_program
from jaxviz.transforms import Rule, upto, with_rule

_UNITS = 16


def project(
    f: Callable,
    images: Inputs,
    layer: str,
    units: Integers,
    *,
    rule: Rule = "deconvnet",
    channel_axis: int | None = None,
    grid: tuple[int, int] | None = None,
    batch_size: int | None = None,
) -> Inputs:
    """Single units of a layer, each alone with its own activation, projected down to the pixels.

    An entry says how a pixel takes part in the unit's activation: the sign and the structure count, the scale follows
    the activation. A unit that the image does not activate gives zeros; so does, with rules other than the deconvnet's,
    one at the upper bound of a ReLU6, which has no gradient. Of convolutions and ReLUs the deconvnet knows nothing of
    the image, of max-pools the switches: below a layer without any, a unit has the same pattern for all images.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from jax.ad_checkpoint import checkpoint_name
        >>> f = lambda images: checkpoint_name(jax.nn.relu(images), "maps").mean((1, 2))
        >>> image = jnp.array([5.0, 4.0]).reshape(1, 1, 2, 1)
        >>> project(f, image, "maps", [(0, 1, 0)]).ravel().tolist()
        [0.0, 4.0]

    Args:
        f: any function that has the layer; its outputs are not computed.
        images: in the network's own range, as for `saliency`.
        layer: a name from `layers(f, images)`, of maps with rows and columns; of inputs that are no images of any axes.
        units: row, column and channel of each unit in the layer's maps, `(u, 3)` for all images alike or `(n, u, 3)`,
            for example from `strongest_units`; of a layer of other axes its place along each, such as the time and the
            channel, `(u, 2)`. A traced unit that does not exist gives NaN.
        rule: how the signal passes a ReLU on its way down, as in `with_rule`: `"deconvnet"`, or `"guided"` for sharper
            pictures from layers without max-pools; `"gradient"` gives activation times gradient.
        channel_axis: as for `grad_cam`.
        grid: as for `grad_cam`.
        batch_size: how many projections are computed at a time, at least one for each image: it bounds the memory. 16
            for each image by default.

    Returns:
        One projection for each image and unit, signed: `(n, u, h, w, c)`, or so for each array of the inputs. Cost: one
        forward pass up to the layer, and a backward pass from there for each unit.

    Raises:
        ValueError: the layer does not exist or is not of maps (as for `grad_cam`), a unit does not exist, the rule
            matches nothing below the layer, or `f` takes no single image where more were given.
        NotImplementedError: the layer lies where `f` cannot be cut, as for `upto`.
        TypeError: `images` are no floating-point numbers, or `units` no integers.

    References:
        Zeiler and Fergus, [Visualizing and Understanding Convolutional Networks](https://arxiv.org/abs/1311.2901),
        2014, section 2.1. Differs from it in: normalization layers pass their gradient, where the paper leaves them
        out.
    """
    layout = map_layout(f, channel_axis, grid)
    f, images = as_pytree(f), check_inputs(images)
    at_a_time = _UNITS if batch_size is None else max(1, check_count(batch_size, "batch_size") // num_rows(images))
    shape = check_unit_axes(f, images, layer, layout)
    units = _check_units(units, shape, layer)
    return _project(f, images, jnp.asarray(units), layer=layer, layout=layout, rule=rule, at_a_time=at_a_time)


def strongest_units(
    activation: Float[Array | np.ndarray, "..."],
    num: int,
    *,
    per_channel: int | None = None,
    channel_axis: int = LAST,
    grid: tuple[int, int] | None = None,
) -> list[tuple[int, ...]]:
    """The units of a layer that an image activates most, strongest first.

    Example:
        >>> import jax.numpy as jnp
        >>> activation = jnp.array([[[1.0, 0.0], [5.0, 4.0]]])
        >>> strongest_units(activation, 2)
        [(0, 1, 0), (0, 1, 1)]

    Args:
        activation: of one image, for example `upto(f, layer)(images)[0]`: `(h, w, c)` or as the options say, `(t, c)`
            of a signal, `(c,)` of a dense layer. It must be concrete.
        num: how many units.
        per_channel: at most so many units of one channel, as neighbors on one map respond to the same thing; no limit
            by default.
        channel_axis: the axis of `activation` that is that of the channels: 0 for `(channels, rows, cols)`.
        grid: rows and columns of tokens `(tokens, channels)`, as for `grad_cam`.

    Returns:
        `(row, col, channel)` of each unit, as `project` takes them. Of equal ones the first in memory comes first.

    Raises:
        ValueError: `activation` is not of one image, holds a NaN, or has fewer units than `num`.
        TypeError: `activation` is traced.
    """
    if isinstance(activation, Tracer):
        raise TypeError(
            "`activation` must be concrete, got a traced array. Call strongest_units outside of jit and vmap."
        )
    values = _maps_of_one_image(np.asarray(activation), channel_axis, grid)
    if np.isnan(values).any():
        raise ValueError(
            f"`activation` must be numbers, got NaN for {np.isnan(values).sum()} of {values.size} units. Look for them "
            "in the weights and the image."
        )
    check_count(num, "num")
    order = np.argsort(-values.astype(np.float64), axis=None, kind="stable")
    if per_channel is not None:
        check_count(per_channel, "per_channel")
        channels = order % values.shape[-1]
        # How many units of the same channel came before.
        by_channel = np.argsort(channels, kind="stable")
        first = np.searchsorted(channels[by_channel], channels[by_channel])
        rank = np.empty_like(order)
        rank[by_channel] = np.arange(order.size) - first
        order = order[rank < per_channel]
    if num > order.size:
        raise ValueError(f"`num` must be at most {order.size}, the number of units to choose from, got {num}.")
    places = np.unravel_index(order[:num], values.shape)
    return [tuple(map(int, unit)) for unit in zip(*places, strict=True)]


def _maps_of_one_image(values: np.ndarray, channel_axis: int, grid: tuple[int, int] | None) -> np.ndarray:
    # In the layer itself the batch stands before the axes.
    layout = map_layout(values, channel_axis + 1 if channel_axis >= 0 else channel_axis, grid)
    if values.ndim not in ((1, 2, 3) if layout.grid is None else (2,)):
        form = "(h, w, c)" if layout.grid is None else "(tokens, c) for a grid"
        raise ValueError(f"`activation` must have shape {form}, got {values.shape}. Take that of one image.")
    if not -values.ndim <= channel_axis < values.ndim:
        raise ValueError(f"`channel_axis` must be one of 0..2, got {channel_axis} for an activation of {values.shape}.")
    if layout.grid is not None and (places := layout.grid[0] * layout.grid[1]) > len(values):
        raise ValueError(f"`grid` must have at most {len(values)} places, the tokens, got {layout.grid}, {places}.")
    return np.asarray(layout.maps(values[None])[0])


@one_program
def _project(
    f: Callable,
    images: Inputs,
    units: Integer[Array, "n u axes"],
    *,
    layer: str,
    layout: MapLayout,
    rule: Rule,
    at_a_time: int,
) -> Inputs:
    rows, f_of = by_example(f)
    number = num_rows(images)

    def single(image: Any, units: Integer[Array, "u axes"], rows: Any) -> Any:
        below = with_rule(upto(grown(f_of(rows), number), layer), rule)
        maps, pull = jax.vjp(lambda image: layout.maps(below(image)), jax.tree.map(lambda leaf: leaf[None], image))
        places = jnp.indices(maps.shape[1:], sparse=True)

        def down(unit: Integer[Array, " axes"]) -> Any:
            alone = functools.reduce(jnp.logical_and, [here == at for here, at in zip(places, unit, strict=True)])
            return jax.tree.map(lambda leaf: leaf[0], pull(jnp.where(alone, maps, 0))[0])

        exists = ((units >= 0) & (units < jnp.array(maps.shape[1:]))).all(-1)
        found = map_chunks(quick_to_compile(jax.vmap(down)), units, at_a_time)
        return jax.tree.map(lambda leaf: jnp.where(exists.reshape(-1, *[1] * (leaf.ndim - 1)), leaf, jnp.nan), found)

    # Image by image and not unit by unit, so that a batch that is sharded stays so.
    return jax.vmap(single)(images, beside(units, jax.tree.leaves(images)[0]), rows)


_AXES = {1: "(channel,)", 2: "(place, channel)", 3: "(row, col, channel)"}


def _check_units(units: Integers, shape: tuple[int, ...], layer: str) -> Integer[Array | np.ndarray, "n u axes"]:
    num_axes = len(shape) - 1
    unit = f"A unit is {_AXES.get(num_axes, 'its place along each axis')}."
    array = integers(units, "units", unit)
    if array.ndim not in (2, 3) or array.shape[-1] != num_axes or (array.ndim == 3 and array.shape[0] != shape[0]):
        raise ValueError(
            f"`units` must have shape (u, {num_axes}), or ({shape[0]}, u, {num_axes}) for {shape[0]} images, got "
            f"{array.shape}. {unit}"
        )
    if array.shape[-2] == 0:
        raise ValueError("`units` must hold at least one unit, got none. Choose some with strongest_units.")
    if not isinstance(array, np.ndarray):
        return jnp.broadcast_to(array, (shape[0], *array.shape[-2:]))
    outside = array[((array < 0) | (array >= shape[1:])).any(-1)]
    if len(outside):
        lengths = f"the {shape[1]} rows, {shape[2]} columns and {shape[3]} channels" if num_axes == 3 else shape[1:]
        raise ValueError(f"`units` must lie in {lengths} of {layer!r}, got {tuple(outside[0].tolist())}. {unit}")
    return np.broadcast_to(array, (shape[0], *array.shape[-2:]))

"""Some units of a layer as the outputs of a function, for everything that explains outputs."""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxviz._core.callables import as_pytree
from jaxviz.transforms._cut import upto


def unit_outputs(f: Callable, layer: str, units: Sequence[Sequence[int]] | np.ndarray) -> Callable:
    """`images -> (n, u)`: the activations of some units of a layer, as outputs that any method explains.

    With it every attribution is one of a neuron: `saliency(unit_outputs(f, "conv3", [(4, 7, 21)]), images, 0)`. What
    lies above the layer is not computed.

    Example:
        >>> import jax.numpy as jnp
        >>> from jax.ad_checkpoint import checkpoint_name
        >>> f = lambda images: checkpoint_name(2 * images, "double").sum((1, 2))
        >>> unit_outputs(f, "double", [(0, 1, 0), (0, 0, 0)])(jnp.array([1.0, 5.0]).reshape(1, 1, 2, 1)).tolist()
        [[10.0, 2.0]]

    Args:
        f: any JAX function or callable pytree.
        layer: a name from `layers(f, images)`, the examples along its first axis.
        units: the place of each along the other axes of the layer: row, column and channel of maps `(n, rows, cols,
            channels)`, a single number for a dense layer.

    Returns:
        The function, a pytree with the leaves of `f`.

    Raises:
        ValueError: on the call, as for `upto`, or a unit that is not there.
        TypeError: the units are not whole numbers.
    """
    places = np.asarray(units)
    if not np.issubdtype(places.dtype, np.integer):
        raise TypeError(f"`units` must be whole numbers, got {places.dtype}. A unit is where it stands in its layer.")
    if places.ndim != 2 or not places.size:
        raise ValueError(f"`units` must have shape (u, axes), got {places.shape}. Give a list of places.")
    return Units(as_pytree(f), layer, tuple(map(tuple, places.tolist())))


@functools.partial(jax.tree_util.register_dataclass, data_fields=["f"], meta_fields=["layer", "units"])
@dataclasses.dataclass(frozen=True, eq=False)  # compared and hashed by identity, as functions are
class Units:
    """A function whose outputs are units of a layer; made by `unit_outputs`."""

    f: Callable
    layer: str
    units: tuple[tuple[int, ...], ...]

    def __call__(self, *args: Any, **kwargs: Any) -> Float[Array, "n u"]:
        """The activations of the units."""
        activation = upto(self.f, self.layer)(*args, **kwargs)
        shape = activation.shape[1:]
        for unit in self.units:
            if len(unit) != len(shape) or not all(0 <= place < size for place, size in zip(unit, shape, strict=True)):
                raise ValueError(f"`units` must lie in {self.layer!r} of {shape} for each example, got {unit}.")
        return jnp.stack([activation[(slice(None), *unit)] for unit in self.units], 1)

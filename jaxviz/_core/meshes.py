"""Arrays on a mesh whose axes stand in their types: what JAX cannot guess there is said.

With `AxisType.Explicit`, the default of `jax.make_mesh`, the type of an array says how it is sharded, and an operation
whose result could be sharded in two ways is an error. Operations on one image after the other are none of these.
"""

from collections.abc import Callable
from typing import Any

import jax
from jax.sharding import AxisType, NamedSharding
from jaxtyping import Array

from jaxviz._core.jaxpr.interpret import is_array, split


def replicated(array: Any) -> Any:
    """The whole array on each device, for what looks up rows of a batch by number. NumPy arrays stay as they are."""
    mesh = explicit_mesh(array)
    return array if mesh is None else jax.sharding.reshard(array, NamedSharding(mesh, jax.P()))


def beside(array: Array, images: Array) -> Array:
    """An array with a row for each image, sharded as the images are."""
    mesh = explicit_mesh(images)
    if mesh is None:
        return array
    return jax.sharding.reshard(array, NamedSharding(mesh, jax.P(jax.typeof(images).sharding.spec[0])))


def automatic(function: Callable, images: Array, batch_axis: int) -> Callable:
    """`function`, sharded as the compiler sees fit, with the batch of its results along `batch_axis`.

    For programs that write into parts of a batch all the time.
    """
    mesh = explicit_mesh(images)
    if mesh is None:
        return function
    spec = jax.P(*[None] * batch_axis, jax.typeof(images).sharding.spec[0])

    def call(*args: Any) -> Any:
        arrays, join = split(args)
        of_arrays = jax.sharding.auto_axes(
            lambda *arrays: function(*join(arrays)), out_sharding=NamedSharding(mesh, spec)
        )
        return of_arrays(*arrays)

    return call


def explicit_mesh(array: Any) -> Any:
    """The mesh, if the type of the array says how it is sharded over one."""
    if not is_array(array):
        return None
    sharding = jax.typeof(array).sharding
    explicit = any(kind == AxisType.Explicit for kind in sharding.mesh.axis_types)
    return sharding.mesh if explicit and any(axis is not None for axis in sharding.spec) else None

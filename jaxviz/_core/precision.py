"""In what precision numbers are added up."""

import jax.numpy as jnp
from jaxtyping import Array, Float


def at_least_single(array: Float[Array, "..."]) -> Float[Array, "..."]:
    """The array in float32, or as it is where it is more precise: half precision cannot hold a sum over a map."""
    return array.astype(jnp.promote_types(array.dtype, jnp.float32))

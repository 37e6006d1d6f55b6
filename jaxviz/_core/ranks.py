"""Spearman's rank correlation of the rows of two arrays."""

import jax.numpy as jnp
from jax.scipy.stats import rankdata
from jaxtyping import Array, Float


def correlation(a: Float[Array, "n p"], b: Float[Array, "n p"]) -> Float[Array, " n"]:
    """One number for each row; NaN where all values of one are equal, or one is NaN. Equal values share a mean rank."""
    # Their mean is known, and exact: that of a float32 sum is not, and equal values would seem to have an order.
    first, second = (rankdata(values, axis=-1) - (values.shape[-1] + 1) / 2 for values in (a, b))
    norms = jnp.sqrt((first**2).sum(-1)) * jnp.sqrt((second**2).sum(-1))
    ordered = ~(jnp.isnan(a) | jnp.isnan(b)).any(-1)
    return jnp.where((norms > 0) & ordered, (first * second).sum(-1) / norms, jnp.nan)

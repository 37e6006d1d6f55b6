import itertools
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxviz as jv

PADDINGS = ["VALID", "SAME", "explicit"]
GRID = list(itertools.product([1, 2, 3, 5], [1, 2, 3], PADDINGS))


def pads(padding, window):
    return ((min(2, window - 1), 0), (0, min(1, window - 1))) if padding == "explicit" else padding


def jax_pool(x, window, stride, padding):
    explicit = padding if isinstance(padding, str) else ((0, 0), *padding, (0, 0))
    return jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, window, window, 1), (1, stride, stride, 1), explicit)


def naive_switches(x, window, stride, top, left, shape):
    """Row-major index of the first maximum of each window, by loops."""
    out = np.zeros(shape, int)
    for n, r, c, k in np.ndindex(*shape):
        best = -np.inf
        for i, j in np.ndindex(window, window):
            row, col = r * stride + i - top, c * stride + j - left
            if 0 <= row < x.shape[1] and 0 <= col < x.shape[2] and x[n, row, col, k] > best:
                best, out[n, r, c, k] = x[n, row, col, k], i * window + j
    return out


@pytest.mark.parametrize(("window", "stride", "padding"), GRID)
def test_the_switch_gradient_equals_jaxs_own_to_the_last_bit(window, stride, padding):
    # ReLU's zeros make ties; stride < window makes windows overlap.
    x = jax.nn.relu(jax.random.normal(jax.random.key(0), (2, 11, 12, 3)))
    padding = pads(padding, window)

    def f(x):
        return jax_pool(x, window, stride, padding)

    @jax.jit
    def both(x, g):
        pooled, pull = jax.vjp(f, x)
        switched, pull_switched = jax.vjp(jv.with_rule(f, "gradient"), x)
        return pooled, switched, pull(g)[0], pull_switched(g)[0]

    g = jax.random.normal(jax.random.key(1), jax.eval_shape(f, x).shape)
    pooled, switched, plain, unpooled = both(x, g)
    np.testing.assert_array_equal(switched, pooled)
    np.testing.assert_array_equal(unpooled, plain)


@pytest.mark.parametrize(("window", "stride"), [(2, 2), (3, 2), (3, 1)])
def test_switches_point_to_the_first_maximum(window, stride):
    x = jax.nn.relu(jax.random.normal(jax.random.key(0), (1, 7, 8, 2)))
    pooled, switches = jv.max_pool_with_switches(x, window, stride, ((1, 0), (0, 1)))
    np.testing.assert_array_equal(switches, naive_switches(np.asarray(x), window, stride, 1, 0, pooled.shape))


def test_unpool_adds_where_windows_meet():
    x = jnp.zeros((1, 1, 5, 1)).at[0, 0, 2, 0].set(1.0)
    pooled, switches = jv.max_pool_with_switches(x, (1, 3), (1, 2))
    np.testing.assert_array_equal(jv.unpool(pooled, switches, (1, 5), (1, 3), (1, 2))[0, 0, :, 0], [0, 0, 2, 0, 0])


def test_unpool_undoes_pooling_of_a_map_with_one_value_a_window():
    pooled = jax.random.uniform(jax.random.key(0), (2, 4, 5, 3))
    switches = jax.random.randint(jax.random.key(1), pooled.shape, 0, 4).astype(jnp.uint8)
    x = jv.unpool(pooled, switches, (8, 10), 2)
    again, found = jv.max_pool_with_switches(x, 2)
    np.testing.assert_array_equal(again, pooled)
    np.testing.assert_array_equal(found, switches)


def test_nan_spreads_as_in_jax():
    x = jnp.ones((1, 4, 4, 1)).at[0, 1, 1, 0].set(jnp.nan)
    np.testing.assert_array_equal(jv.max_pool_with_switches(x, 2)[0], jax_pool(x, 2, 2, "VALID"))


def test_every_rule_goes_down_through_the_switches():
    x = jax.random.normal(jax.random.key(0), (1, 6, 6, 1))
    g = jnp.ones((1, 3, 3, 1))

    def f(x):
        return jax_pool(jax.nn.relu(x), 2, 2, "VALID")

    _, switches = jv.max_pool_with_switches(jax.nn.relu(x), 2)
    unpooled = jv.unpool(g, switches, (6, 6), 2)
    np.testing.assert_array_equal(jax.vjp(jv.with_rule(f, "deconvnet"), x)[1](g)[0], unpooled)
    np.testing.assert_array_equal(jax.vjp(jv.with_rule(f, "guided"), x)[1](g)[0], jnp.where(x > 0, unpooled, 0))
    assert "select_and_scatter" not in jax.jit(lambda x: jax.vjp(jv.with_rule(f, "guided"), x)[1](g)).lower(x).as_text()


def test_a_window_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match=re.escape("`window` must fit inside the padded array, got window=(9, 9)")):
        jv.max_pool_with_switches(jnp.zeros((1, 8, 8, 1)), 9)


def test_switches_of_another_pooling_are_refused():
    pooled, switches = jv.max_pool_with_switches(jnp.zeros((1, 8, 8, 1)), 2)
    with pytest.raises(ValueError, match="Give the same window, strides and padding"):
        jv.unpool(pooled, switches, (8, 8), 3)

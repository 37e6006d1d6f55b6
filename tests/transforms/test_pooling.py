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


LARGE = {
    "global": ((9, 11), (9, 11), ((0, 0), (0, 0)), (1, 1)),
    "strided": ((6, 7), (6, 2), ((0, 0), (0, 0)), (1, 1)),
    "overlapping": ((7, 6), (1, 1), ((0, 0), (0, 0)), (1, 1)),
    "padded": ((7, 7), (2, 3), ((3, 6), (4, 2)), (1, 1)),
    "dilated": ((6, 6), (1, 2), ((5, 4), (3, 0)), (2, 2)),
    "one axis": ((1, 40), (1, 2), ((0, 0), (20, 20)), (1, 1)),
}


def lay(x, size, strides, padding, dilation):
    return jax.lax.reduce_window(
        x, -jnp.inf, jax.lax.max, (1, *size, 1), (1, *strides, 1), ((0, 0), *padding, (0, 0)), None, (1, *dilation, 1)
    )


def loops(x, g, size, strides, padding, dilation, shape):
    """Maxima and their gradient in float32, window by window: the first maximum gets it, of NaNs the last one."""
    pads = [(0, 0), *((low, high) for low, high in padding), (0, 0)]
    x = np.pad(x, pads, constant_values=-np.inf)
    pooled, gradient = np.zeros(shape, x.dtype), np.zeros_like(x)
    for n, r, c, k in np.ndindex(*shape):
        best = r * strides[0], c * strides[1]
        for i, j in np.ndindex(*size):
            row, col = r * strides[0] + i * dilation[0], c * strides[1] + j * dilation[1]
            here = x[n, row, col, k]
            if here > x[n, *best, k] or np.isnan(here):
                best = row, col
        pooled[n, r, c, k] = x[n, *best, k]
        gradient[n, *best, k] += g[n, r, c, k]
    inside = [slice(low, length - high) for (low, high), length in zip(pads, x.shape, strict=True)]
    return pooled, gradient[tuple(inside)]


@pytest.mark.parametrize("kind", LARGE)
@pytest.mark.parametrize("values", ["ties", "nan", "-inf"])
@pytest.mark.slow
def test_large_windows_give_what_loops_give_to_the_last_bit(kind, values):
    rng = np.random.default_rng(0)
    x = rng.integers(-2, 3, (2, 9, 11, 2)).astype(np.float32)
    if values != "ties":
        x = np.where(rng.random(x.shape) < (0.02 if values == "nan" else 0.7), np.float32(values), x)

    def f(x):
        return lay(x, *LARGE[kind])

    g = rng.normal(size=jax.eval_shape(f, x).shape).astype(np.float32)

    @jax.jit
    def both(x, g):
        pooled, pull = jax.vjp(jv.with_rule(f, "gradient"), x)
        return pooled, pull(g)[0]

    pooled, gradient = both(x, g)
    oracle = loops(x, g, *LARGE[kind], pooled.shape)
    np.testing.assert_array_equal(pooled, oracle[0])
    np.testing.assert_array_equal(gradient, oracle[1])
    if values != "nan" and kind != "dilated":  # JAX's own passes over a NaN, and knows no dilation
        np.testing.assert_array_equal(gradient, jax.vjp(f, x)[1](g)[0])


@pytest.mark.parametrize("kind", ["global", "overlapping", "padded"])
@pytest.mark.slow
def test_large_windows_under_vmap_and_twice_differentiated_are_as_jaxs_own(kind):
    def f(x):
        return lay(x, *LARGE[kind])

    def bent(f, x):
        return (f(x) ** 3).sum()

    x = jax.random.normal(jax.random.key(0), (3, 1, 9, 11, 2))
    ruled = jv.with_rule(f, "gradient")
    np.testing.assert_array_equal(
        jax.jit(jax.vmap(jax.grad(lambda x: bent(ruled, x))))(x), jax.jit(jax.vmap(jax.grad(lambda x: bent(f, x))))(x)
    )
    v = jax.random.normal(jax.random.key(1), x[0].shape)
    twice, own = (jax.grad(lambda x, f=f: jnp.vdot(jax.grad(lambda x: bent(f, x))(x), v))(x[0]) for f in (ruled, f))
    # The order of two additions is not fixed in the second derivative.
    np.testing.assert_allclose(twice, own, rtol=1e-6, atol=1e-6)
    assert np.abs(own).max() > 0.1


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16])
@pytest.mark.slow
def test_large_windows_in_half_precision_are_as_jaxs_own(dtype):
    def f(x):
        return lay(x, *LARGE["overlapping"])

    x = jax.random.normal(jax.random.key(0), (1, 9, 11, 2)).astype(dtype)
    g = jax.random.normal(jax.random.key(1), f(x).shape).astype(dtype)
    ruled = jax.vjp(jv.with_rule(f, "gradient"), x)[1](g)[0]
    assert ruled.dtype == dtype
    np.testing.assert_array_equal(ruled, jax.vjp(f, x)[1](g)[0])


@pytest.mark.parametrize("stride", [1, None], ids=["overlapping", "global"])
def test_the_program_does_not_grow_with_the_window(stride):
    def size(side):
        def f(x):
            return jax_pool(x, side, stride or side, "VALID").sum((1, 2))

        x = jax.ShapeDtypeStruct((1, 60, 60, 4), jnp.float32)
        return len(jax.jit(jax.grad(lambda x: jv.with_rule(f, "gradient")(x).sum())).lower(x).as_text())

    assert size(24) < 1.05 * size(7)  # shapes have more digits


@pytest.mark.slow
def test_large_switches_are_unpooled_where_they_point():
    x = jax.nn.relu(jax.random.normal(jax.random.key(0), (2, 24, 24, 3)))
    pooled, switches = jv.max_pool_with_switches(x, 8, 4, ((2, 2), (3, 1)))
    np.testing.assert_array_equal(switches, naive_switches(np.asarray(x), 8, 4, 2, 3, pooled.shape))
    own = jax.vjp(lambda x: jax_pool(x, 8, 4, ((2, 2), (3, 1))), x)[1](pooled)[0]
    np.testing.assert_array_equal(jv.unpool(pooled, switches, (24, 24), 8, 4, ((2, 2), (3, 1))), own)


def test_switches_into_the_padding_or_beyond_the_window_put_nothing():
    switches = jnp.array([0, 99, 100, 2**32 - 1], jnp.uint32).reshape(1, 2, 2, 1)
    padding = ((1, 1), (1, 1))
    unpooled = jv.unpool(jnp.ones((1, 2, 2, 1)), switches, (18, 18), 10, 10, padding)
    assert not unpooled.any()
    assert jv.unpool(jnp.ones((1, 2, 2, 1)), switches.at[0, 0, 0].set(11), (18, 18), 10, 10, padding).sum() == 1


def test_the_maxima_of_large_windows_have_a_forward_derivative():
    x, v = jax.random.normal(jax.random.key(0), (2, 1, 16, 16, 2))
    own = jax.jvp(lambda x: jax_pool(x, 8, 4, "VALID"), (x,), (v,))
    ours = jax.jvp(lambda x: jv.max_pool_with_switches(x, 8, 4)[0], (x,), (v,))
    np.testing.assert_array_equal(ours[0], own[0])
    np.testing.assert_array_equal(ours[1], own[1])


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


@pytest.mark.slow
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

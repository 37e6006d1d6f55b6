"""Likeness of maps against SciPy and scikit-image."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
from skimage.metrics import structural_similarity

from jaxviz import metrics


def maps(seed, count=3):
    return np.random.default_rng(seed).random((count, 14, 17), dtype=np.float32)


def test_rank_correlation_is_that_of_scipy_also_with_ties():
    a, b = maps(0), maps(1)
    a[1], b[1] = np.maximum(a[1] - 0.6, 0), np.maximum(b[1] + a[1] - 0.7, 0)
    b[2] = -a[2]
    expected = [scipy.stats.spearmanr(x.ravel(), y.ravel()).statistic for x, y in zip(a, b, strict=True)]
    np.testing.assert_allclose(metrics.rank_correlation(a, b), expected, atol=1e-5)
    assert expected[2] == pytest.approx(-1)


def test_a_constant_map_has_no_rank_correlation():
    # So large that a mean in float32 is not exact.
    values = jax.random.normal(jax.random.key(0), (2, 51529))
    found = metrics.rank_correlation(values * jnp.array([[0.0], [1.0]]), values)
    np.testing.assert_allclose(found, [np.nan, 1], atol=1e-6)


@pytest.mark.parametrize("span", [1.0, 2.5])
def test_ssim_is_that_of_scikit_image(span):
    a, b = maps(0), 0.7 * maps(0) + 0.3 * maps(1)
    expected = [
        structural_similarity(x, y, data_range=span, gaussian_weights=True, sigma=1.5, use_sample_covariance=False)
        for x, y in zip(a.astype(np.float64), b.astype(np.float64), strict=True)
    ]
    np.testing.assert_allclose(metrics.ssim(a, b, span=span), expected, atol=1e-5)
    np.testing.assert_allclose(metrics.ssim(a, a), 1, atol=1e-6)


@pytest.mark.slow
def test_likeness_composes_with_jit_and_vmap():
    a, b = maps(0, 2), maps(1, 2)
    for likeness in (metrics.rank_correlation, metrics.ssim):
        np.testing.assert_allclose(
            jax.jit(jax.vmap(likeness))(a[None], b[None])[0], likeness(a, b), rtol=1e-5, atol=1e-6
        )


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match=r"`a` and `b` must have the same shape .*got \(3, 14, 17\) and \(2, 14, 17\)"):
        metrics.rank_correlation(maps(0), maps(0, 2))
    with pytest.raises(ValueError, match=r"`a` must have shape \(n, h, w\) of at least 11 rows .* got \(2, 10, 17\)"):
        metrics.ssim(maps(0, 2)[:, :10], maps(0, 2)[:, :10])


@pytest.mark.parametrize("offset", [1000.0, -3e4])
def test_ssim_far_from_zero_is_that_of_double_precision(offset):
    a, b = (maps(seed) + np.float32(offset) for seed in (0, 1))
    b = 0.7 * a + 0.3 * b
    expected = [
        structural_similarity(x, y, data_range=1.0, gaussian_weights=True, sigma=1.5, use_sample_covariance=False)
        for x, y in zip(a.astype(np.float64), b.astype(np.float64), strict=True)
    ]
    np.testing.assert_allclose(metrics.ssim(a, b), expected, atol=1e-4)


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16])
@pytest.mark.parametrize("likeness", [metrics.ssim, metrics.rank_correlation])
def test_half_precision_is_added_up_in_single(likeness, dtype):
    a, b = (jnp.asarray(maps(seed)).astype(dtype) for seed in (0, 1))
    b = (0.5 * a + 0.5 * b).astype(dtype)
    found = likeness(a, b)
    assert found.dtype == jnp.float32
    np.testing.assert_array_equal(found, likeness(a.astype(jnp.float32), b.astype(jnp.float32)))
    assert (jnp.abs(found) <= 1).all()


@pytest.mark.parametrize("likeness", [metrics.ssim, metrics.rank_correlation])
def test_a_map_with_a_nan_is_like_nothing(likeness):
    a, b = maps(0), maps(1)
    a[1, 3, 4] = np.nan
    assert jnp.isnan(likeness(a, b)).tolist() == [False, True, False]
    assert jnp.isnan(likeness(b, a)).tolist() == [False, True, False]

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

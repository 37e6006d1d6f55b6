"""RISE against a naive loop, its error against many runs, and where it stops."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxviz as jv
from jaxviz.attribution._rise import _mask
from tests import networks
from tests.quick import jit

KEY = jax.random.key(11)


@pytest.mark.slow
def test_it_is_a_loop_over_its_masks():
    f, x = networks.FAMILIES["plain"](), networks.images(2)
    seen = np.zeros((2, *networks.SHAPE[:2]))
    shown = np.zeros(networks.SHAPE[:2])
    for number in range(13):
        mask = np.asarray(_mask(jax.random.fold_in(KEY, number), *networks.SHAPE[:2], 3, 0.4), np.float64)
        assert mask.min() >= 0
        assert mask.max() <= 1
        p = np.asarray(jax.nn.softmax(f(0.2 + mask[..., None].astype(np.float32) * (x - 0.2))))[[0, 1], [1, 3]]
        seen += p[:, None, None] * mask
        shown += mask
    for size in (None, 2, 9):
        options = {"key": KEY, "num_masks": 13, "cells": 3, "keep": 0.4, "baseline": 0.2, "batch_size": size}
        found = jv.attribution.rise(f, x, np.array([1, 3]), **options)
        np.testing.assert_allclose(found.map, seen / np.where(shown > 0, shown, 1), rtol=1e-4, atol=1e-6)
        assert found.num_masks == 13


@pytest.mark.slow
def test_masks_show_the_share_that_is_asked_for_everywhere():
    masks = jax.vmap(lambda key: _mask(key, 21, 30, 7, 0.3))(jax.random.split(KEY, 4000))
    np.testing.assert_allclose(masks.mean(0), 0.3, atol=0.04)
    assert abs(float(masks.mean()) - 0.3) < 0.01


@pytest.mark.slow
def test_the_error_is_that_of_many_runs_and_falls_with_the_square_root():
    def f(x):
        return x[:, 2:4, 2:4].mean((1, 2)) + 0.3 * x[:, 6, 6]

    x = jnp.ones((1, 8, 8, 1))
    options = {"cells": 4, "score": lambda outputs: outputs}

    def run(key, num_masks):
        return jv.attribution.rise(f, x, 0, key=key, num_masks=num_masks, **options)

    keys = jax.random.split(KEY, 100)
    maps, errors = {}, {}
    for num_masks in (400, 1600):
        many = jit(jax.vmap(lambda key, num_masks=num_masks: run(key, num_masks)))(keys)
        maps[num_masks], errors[num_masks] = np.asarray(many.map[:, 0]), np.asarray(many.standard_error[:, 0]).mean(0)
        # The deviation over a hundred runs is known to 7%.
        np.testing.assert_allclose(maps[num_masks].std(0).mean(), errors[num_masks].mean(), rtol=0.1)
    assert errors[400].mean() / errors[1600].mean() == pytest.approx(2, rel=0.05)


@pytest.mark.slow
def test_it_stops_when_the_map_has_settled():
    def f(x):
        return x[:, 2:4, 2:4].mean((1, 2))

    x = jnp.ones((1, 8, 8, 1))
    options = {"key": KEY, "num_masks": 20000, "cells": 4, "score": lambda outputs: outputs, "batch_size": 64}
    rough, fine = (jv.attribution.rise(f, x, 0, tolerance=share, **options) for share in (0.06, 0.02))
    assert 256 <= rough.num_masks < fine.num_masks < 20000
    for found, share in ((rough, 0.06), (fine, 0.02)):
        assert found.standard_error.mean() <= share * (found.map.max() - found.map.min())
    whole = jv.attribution.rise(f, x, 0, **{**options, "num_masks": int(fine.num_masks)})
    np.testing.assert_allclose(whole.map, fine.map, rtol=1e-5)


def test_a_constant_output_gives_a_constant_map_without_error():
    found = jv.attribution.rise(
        lambda x: jnp.zeros((len(x), 4)) + 0 * x.sum(), networks.images(1), 2, key=KEY, num_masks=50
    )
    np.testing.assert_allclose(found.map, 0.25, rtol=1e-5)
    np.testing.assert_allclose(found.standard_error, 0, atol=1e-6)
    found = jv.attribution.rise(lambda x: jnp.full((len(x), 4), jnp.nan), networks.images(1), 2, key=KEY, num_masks=50)
    assert np.isnan(found.map).all()
    assert np.isnan(found.standard_error).all()


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"keep": 0}, "`keep` must be between 0 and 1, got 0"),
        ({"tolerance": 1.5}, "`tolerance` must be between 0 and 1, got 1.5"),
        ({"cells": 0}, "`cells` must be at least 1, got 0"),
        ({"probability": "softmax", "score": lambda x: x}, "`probability` must be left out"),
    ],
)
def test_wrong_options_are_refused(options, text):
    with pytest.raises(ValueError, match=text):
        jv.attribution.rise(networks.FAMILIES["plain"](), networks.images(1), 0, key=KEY, **options)

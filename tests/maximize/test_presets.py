"""The defaults of other tools, as they stand in their sources."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxviz.maximize import augment, param, presets, priors, render
from jaxviz.maximize.objectives import custom

KEY = jax.random.key(0)


def first_update(optimizer, slope):
    numbers = np.zeros(3, np.float32)
    return optimizer.update(np.float32(slope), optimizer.init(numbers), numbers)[0]


def test_lucid():
    found = presets.lucid()
    assert found["param"] is param.fourier
    assert (found["num_steps"], found["redirected_steps"]) == (513, 17)
    np.testing.assert_allclose(first_update(found["optimizer"], [2.0, -1.0, 0.0]), [-0.05, 0.05, 0], atol=1e-6)
    pad, first, warp, second = found["augment"].augments
    assert (pad, first, second) == (augment.pad(12, 0.5), augment.jitter(8), augment.jitter(4))
    np.testing.assert_allclose(sorted(warp.factors), np.arange(0.9, 1.101, 0.02))
    np.testing.assert_allclose(sorted(warp.degrees), sorted([*range(-10, 11), 0, 0, 0, 0, 0]))
    assert "priors" not in found


@pytest.mark.slow
def test_lucid_starts_as_the_published_spectrum_does():
    """Each wave of the start by its amplitude: 0.01 times the scale, a quarter of the square root of the pixels."""
    numbers = np.stack([param.fourier((16, 16, 3)).init(key) for key in jax.random.split(KEY, 200)])
    np.testing.assert_allclose(numbers.std(), 0.01, rtol=0.02)
    made = param.fourier((16, 16, 3), decorrelated=False)
    one = np.zeros((2, 3, 16, 9), np.float32)
    one[0, 0, 2, 3] = 1.0
    wave = np.log(1 / (1 / np.asarray(made.pixels(one), np.float64) - 1))[..., 0]
    np.testing.assert_allclose(wave.max(), 2 / np.hypot(2, 3) * 16 * 16 / 4 / 256, rtol=1e-4)


def test_tf_keras_vis():
    found = presets.tf_keras_vis()
    assert found["param"] is param.unbounded
    assert (found["num_steps"], found["redirected_steps"]) == (200, 0)
    assert found["augment"].augments[0] == augment.roll(4)
    warp = found["augment"].augments[1]
    assert warp.factors == (1.0,)
    np.testing.assert_allclose([min(warp.degrees), max(warp.degrees), np.mean(warp.degrees)], [-1, 1, 0], atol=1e-9)
    # RMSprop of rate 1 and rho 0.999: the first step is 1 / sqrt(0.001) in units of gray levels.
    update = first_update(found["optimizer"], [2.0, -1.0, 0.0])
    np.testing.assert_allclose(update, [-1 / np.sqrt(0.001), 1 / np.sqrt(0.001), 0], rtol=1e-3)


def test_tf_keras_vis_penalties_count_in_gray_levels():
    levels = np.random.default_rng(0).uniform(0, 255, (1, 5, 6, 3)).astype(np.float32)
    variation = np.abs(np.diff(levels, axis=1)).sum() + np.abs(np.diff(levels, axis=2)).sum()
    expected = [1.0 * variation / levels.size, 0.3 * np.abs(levels).sum() / levels.size]
    found = [prior(levels / 255) for prior in presets.tf_keras_vis()["priors"]]
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize("preset", [presets.lucid, presets.tf_keras_vis])
@pytest.mark.slow
def test_presets_are_arguments_of_render_and_make_no_new_program(preset):
    settings = preset() | {"num_steps": 2}
    found = render(lambda x: x.mean((1, 2)), custom(jnp.mean), key=KEY, shape=(12, 14, 3), **settings)
    assert found.images.shape == (1, 12, 14, 3)
    assert isinstance(preset()["optimizer"], optax.GradientTransformation)
    assert preset()["optimizer"] is preset()["optimizer"]
    assert preset()["augment"] == preset()["augment"]
    assert jax.tree.structure(preset().get("priors", ())) == jax.tree.structure(preset().get("priors", ()))


def test_priors_are_those_that_the_docstring_names():
    assert [prior.penalty for prior in presets.tf_keras_vis()["priors"]] == [
        priors.total_variation(1.0).penalty,
        priors.lp_norm(1.0, p=1, center=0.0).penalty,
    ]

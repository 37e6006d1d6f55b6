"""Priors against naive loops."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxviz.maximize import priors

PIXELS = np.random.default_rng(0).random((2, 5, 6, 3)).astype(np.float32)


def naive_variation(picture, isotropic):
    height, width, channels = picture.shape
    total = 0.0
    for row in range(height):
        for col in range(width):
            for channel in range(channels):
                here = picture[row, col, channel]
                down = picture[row + 1, col, channel] - here if row + 1 < height else 0.0
                right = picture[row, col + 1, channel] - here if col + 1 < width else 0.0
                total += np.hypot(down, right) if isotropic else abs(down) + abs(right)
    return total / picture.size


def naive_blur(picture):
    height, width, _ = picture.shape
    total = 0.0
    for row in range(height):
        for col in range(width):
            mean = 0.0
            for i, first in ((-1, 1), (0, 2), (1, 1)):
                for j, second in ((-1, 1), (0, 2), (1, 1)):
                    near = np.clip(row + i, 0, height - 1), np.clip(col + j, 0, width - 1)
                    mean = mean + first * second / 16 * picture[near]
            total += ((picture[row, col] - mean) ** 2).sum()
    return total / picture.size


TABLE = {
    "anisotropic": (priors.total_variation(3.0), lambda picture: 3 * naive_variation(picture, False)),
    "isotropic": (priors.total_variation(3.0, "isotropic"), lambda picture: 3 * naive_variation(picture, True)),
    "l2": (priors.lp_norm(3.0), lambda picture: 3 * np.sqrt(((picture - 0.5) ** 2).mean())),
    "l1": (priors.lp_norm(3.0, p=1, center=0.2), lambda picture: 3 * abs(picture - 0.2).mean()),
    "l6": (priors.lp_norm(3.0, p=6), lambda picture: 3 * (abs(picture - 0.5) ** 6).mean() ** (1 / 6)),
    "blur": (priors.blur(3.0), lambda picture: 3 * naive_blur(picture)),
    "bounds": (
        priors.bounds(3.0, 0.2, 0.7),
        lambda picture: 3 * (np.maximum(picture - 0.7, 0) ** 2 + np.maximum(0.2 - picture, 0) ** 2).mean(),
    ),
}


@pytest.mark.parametrize("name", TABLE)
def test_penalty_is_the_mean_of_a_loop(name):
    prior, naive = TABLE[name]
    expected = np.mean([naive(picture.astype(np.float64)) for picture in PIXELS])
    np.testing.assert_allclose(prior(PIXELS), expected, rtol=1e-5)


@pytest.mark.parametrize("name", TABLE)
def test_a_flat_picture_has_a_gradient_that_is_a_number(name):
    prior, _ = TABLE[name]
    assert jnp.isfinite(jax.grad(prior)(jnp.full((1, 5, 6, 3), 0.5))).all()


def test_isotropic_charges_a_slanted_edge_no_more_than_a_straight_one():
    rows, cols = np.mgrid[:40, :40]
    # A ramp of the same slope, upright and along the diagonal.
    straight = np.repeat((cols / 80)[..., None], 3, -1)[None]
    slanted = np.repeat(((rows + cols) / np.sqrt(2) / 80)[..., None], 3, -1)[None]
    for kind, ratio in (("isotropic", 1.0), ("anisotropic", np.sqrt(2))):
        prior = priors.total_variation(1.0, kind)
        np.testing.assert_allclose(prior(slanted) / prior(straight), ratio, rtol=0.02)


def test_a_step_against_the_blur_prior_blurs():
    picture = jnp.asarray(PIXELS)
    slope = jax.grad(priors.blur(1.0))(picture)
    # The blurred picture is held still: half the slope of the mean square is what a step would take away.
    smoother = picture - slope * picture.size / 2
    assert float(priors.total_variation(1.0)(smoother)) < 0.6 * float(priors.total_variation(1.0)(picture))


def test_the_weight_is_a_leaf_and_the_rest_structure():
    assert jax.tree.leaves(priors.lp_norm(3.0, p=4)) == [3.0]
    assert jax.tree.structure(priors.lp_norm(3.0, p=4)) == jax.tree.structure(priors.lp_norm(2.0, p=4))
    assert jax.tree.structure(priors.lp_norm(3.0, p=4)) != jax.tree.structure(priors.lp_norm(3.0, p=2))


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (
            lambda: priors.total_variation(1.0, "round"),
            "`kind` must be one of 'anisotropic', 'isotropic', got 'r",
        ),
        (lambda: priors.lp_norm(1.0, p=0.5), "`p` must be at least 1, got 0.5."),
        (
            lambda: priors.blur(np.ones((2, 2))).size,
            "`weight` must be a number or one per objective, got shape (2",
        ),
    ],
)
def test_what_is_no_prior_is_refused(call, text):
    with pytest.raises(ValueError, match=re.escape(text)):
        call()


def test_near_is_the_mean_squared_distance():
    random = np.random.default_rng(0)
    picture, pixels = random.uniform(size=(2, 4, 5, 3)).astype(np.float32)
    found = priors.near(2.0, picture)(pixels[None])
    np.testing.assert_allclose(found, 2 * np.square(pixels - picture).mean(), rtol=1e-5)
    with pytest.raises(ValueError, match=r"^`picture` must have the shape of the images, \(4, 4, 3\), got \(4, 5, 3\)"):
        priors.near(1.0, picture)(pixels[None, :, :4])

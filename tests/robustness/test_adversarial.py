"""Patches and perturbations against closed forms, loops, and what their own definition says."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxviz as jv
from tests import networks

KEY = jax.random.key(0)
SGD = optax.sgd(0.5)


def test_a_patch_lies_whole_and_unchanged_at_an_even_choice_of_places():
    images = jax.random.normal(KEY, (300, 6, 8, 2))
    patch = jax.random.normal(jax.random.key(1), (3, 3, 2))
    pasted = jax.jit(lambda key: jv.robustness.paste_patch(images, patch, key=key))(KEY)
    corners = []
    for image, mask, before in zip(*map(np.asarray, (*pasted, images)), strict=True):
        row, col = np.argwhere(mask > 0.5).min(0)
        corners.append((row, col))
        expected = before.copy()
        expected[row : row + 3, col : col + 3] = patch
        np.testing.assert_allclose(image, expected, atol=1e-5)
    counts = np.unique(corners, axis=0, return_counts=True)[1]
    assert len(counts) == 4 * 6
    assert counts.min() > 2


@pytest.mark.slow
def test_a_quarter_turn_is_counterclockwise_and_twice_the_size_is_four_times_the_area():
    patch = jax.random.normal(KEY, (4, 4, 1))
    turned = jv.robustness.paste_patch(jnp.zeros((1, 4, 4, 1)), patch, key=KEY, degrees=(90, 90))
    np.testing.assert_allclose(turned.images[0], np.rot90(patch), atol=1e-4)
    # Of the bilinear reading, a weight of one per pixel of the patch and its share of the larger grid.
    large = jv.robustness.paste_patch(
        jnp.zeros((2, 20, 20, 1)), jnp.ones((4, 4, 1)), key=KEY, scales=(2, 2), degrees=(-90, 90)
    )
    np.testing.assert_allclose(large.masks.sum((1, 2)), 4 * 16, rtol=0.03)
    np.testing.assert_allclose(large.images[..., 0], large.masks, atol=1e-6)


def test_a_circle_has_the_area_of_a_circle_and_fits_whatever_its_turn():
    pasted = jv.robustness.paste_patch(
        jnp.zeros((2, 20, 20, 1)), jnp.ones((20, 20, 1)), key=KEY, degrees=(0, 90), circular=True
    )
    np.testing.assert_allclose(pasted.masks.sum((1, 2)), np.pi * 100, rtol=0.02)


@pytest.mark.slow
def test_the_gradient_of_pasting_is_its_transpose():
    images, patch = jax.random.normal(KEY, (3, 16, 16, 2)), jax.random.normal(jax.random.key(1), (5, 5, 2))
    signal = jax.random.normal(jax.random.key(2), images.shape)

    def paste(patch):
        found = jv.robustness.paste_patch(images, patch, key=KEY, scales=(0.7, 1.5), degrees=(-60, 60), circular=True)
        return found.images

    pasted, pull = jax.vjp(paste, patch)
    forward = jnp.vdot(pasted - paste(jnp.zeros_like(patch)), signal)
    np.testing.assert_allclose(forward, jnp.vdot(patch, pull(signal)[0]), rtol=1e-4)


@pytest.mark.slow
def test_the_ascent_is_that_of_a_loop_where_the_patch_covers_the_image():
    weights = np.asarray(jax.random.normal(KEY, (4, 4, 2, 3)))
    low, high = np.array([-1.0, -2.0]), np.array([3.0, 1.0])
    found = jv.robustness.adversarial_patch(
        lambda x: jnp.einsum("nhwc,hwck->nk", x, weights) / 8,
        jnp.ones((2, 4, 4, 2)),
        2,
        key=KEY,
        size=4,
        num_steps=6,
        optimizer=SGD,
        scales=(1, 1),
        degrees=(0, 0),
        bounds=(low, high),
    )
    start = jax.random.uniform(jax.random.split(KEY)[0], (4, 4, 2))
    pixels, trace = np.asarray(start, np.float64), []
    for _ in range(6):
        logits = np.einsum("hwc,hwck->k", low + (high - low) * pixels, weights) / 8
        probabilities = np.exp(logits) / np.exp(logits).sum()
        trace.append(np.log(probabilities[2]))
        slope = (high - low)[:, None] * weights / 8 @ (np.eye(3)[2] - probabilities)
        pixels = np.clip(pixels + 0.5 * slope, 0, 1)
    np.testing.assert_allclose(found.trace, trace, rtol=1e-4)
    np.testing.assert_allclose(found.patch, low + (high - low) * pixels, atol=1e-4)
    assert (pixels == 0).any()


@pytest.mark.slow
def test_a_patch_works_on_images_and_places_that_it_was_not_made_with():
    f, images = networks.FAMILIES["plain"](), networks.images(8)
    settings = {"scales": (0.8, 1.2), "degrees": (-20.0, 20.0)}
    made = jv.robustness.adversarial_patch(f, images[:4], 3, key=KEY, size=5, num_steps=40, bounds=(-2, 2), **settings)
    assert -2 <= made.patch.min() < made.patch.max() <= 2
    random = jax.random.uniform(KEY, made.patch.shape, minval=-2, maxval=2)

    def seen(patch):
        pasted = jv.robustness.paste_patch(images[4:], patch, key=jax.random.key(5), **settings)
        return jax.nn.log_softmax(f(pasted.images))[:, 3].mean()

    # The network knows no class: a few of a thousandth of a nat would be noise.
    assert seen(made.patch) > seen(random) + 0.2
    assert made.trace[-5:].mean() > made.trace[:5].mean() + 0.2


def linear(x):
    # Small logits: a probability that rounds to one has no gradient.
    return 0.05 * jnp.einsum("nhwc,hwck->nk", x, jax.random.normal(KEY, (3, 4, 2, 2)))


def test_of_a_linear_function_both_perturbations_are_the_corner_of_the_cube():
    images = jax.random.uniform(jax.random.key(1), (2, 3, 4, 2), minval=-1.0)
    weights = jax.random.normal(KEY, (3, 4, 2, 2))
    target = np.array([0, 1])
    sign = np.sign((weights[..., 0] - weights[..., 1])[None] * np.array([1, -1])[:, None, None, None])
    expected = np.clip(images + 0.2 * np.array([2.0, 4.0]) * sign, [-1, -1], [1, 3])
    options = {"epsilon": 0.2, "bounds": (-1.0, np.array([1.0, 3.0]))}
    np.testing.assert_allclose(jv.robustness.fgsm(linear, images, target, **options), expected, atol=1e-6)
    np.testing.assert_allclose(
        jv.robustness.pgd(linear, images, target, key=KEY, num_steps=5, **options), expected, atol=1e-6
    )


@pytest.mark.slow
def test_many_steps_come_closer_than_one_and_stay_as_near():
    f, images = networks.FAMILIES["plain"](), networks.images(4)
    options = {"epsilon": 0.1, "bounds": (-4.0, 4.0)}

    def seen(images):
        return jax.nn.log_softmax(f(images))[:, 1].mean()

    one = jv.robustness.fgsm(f, images, 1, **options)
    many = jv.robustness.pgd(f, images, 1, key=KEY, num_steps=8, **options)
    assert seen(images) < seen(one) < seen(many)
    assert jnp.abs(many - images).max() <= 0.8 + 1e-6


def test_a_network_that_can_normalize_brings_its_bounds():
    @jax.tree_util.register_static
    class Normalizing:
        def __call__(self, images):
            return linear(images)

        def normalize(self, pixels):
            return 4 * pixels[..., :2] - 1

    images = jnp.zeros((1, 3, 4, 2))
    np.testing.assert_array_equal(
        jv.robustness.fgsm(Normalizing(), images, 0, epsilon=0.1),
        jv.robustness.fgsm(linear, images, 0, epsilon=0.1, bounds=(-1, 3)),
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"bounds": None}, r"^`bounds` must be given for a function that has no normalize"),
        ({"bounds": (1, 0)}, r"^`bounds` must be a smaller and a larger value"),
        ({"bounds": (np.zeros(3), 1)}, r"^`bounds` must be numbers or hold one per channel, got shape \(3,\)"),
        ({"target": 2}, r"^`target` must be in 0\.\.1, got 2"),
        ({"size": 4}, r"^`size` must be such that the patch fits into images of 3x4, got 4, up to 4 pixels"),
        ({"degrees": (0, 60)}, r"got 3, up to 4 pixels with its scales and degrees"),
        ({"scales": (0, 1)}, r"^`scales` must be above 0, got 0"),
        ({"scales": (1, 0.5)}, r"^`scales` must be a smallest and a largest number, got \(1, 0\.5\)"),
        ({"num_steps": 0}, r"^`num_steps` must be at least 1"),
    ],
)
def test_what_does_not_fit_is_refused(change, message):
    arguments = {"target": 0, "size": 3, "scales": (1, 1), "degrees": (0, 0), "bounds": (0, 1), **change}
    with pytest.raises(ValueError, match=message):
        jv.robustness.adversarial_patch(linear, jnp.zeros((1, 3, 4, 2)), key=KEY, **arguments)


@pytest.mark.slow
def test_a_network_that_gives_nan_is_named():
    options = {"scales": (1, 1), "degrees": (0, 0), "bounds": (0, 1)}
    with pytest.raises(FloatingPointError, match=r"^`f` must give finite logits, got a log-probability of nan at step"):
        jv.robustness.adversarial_patch(
            lambda x: linear(x) * jnp.nan, jnp.zeros((1, 3, 4, 2)), 0, key=KEY, size=2, num_steps=3, **options
        )
    for found in (
        jv.robustness.fgsm(
            lambda x: linear(jax.nn.relu(x + jnp.nan)), jnp.ones((1, 3, 4, 2)), 0, epsilon=0.1, bounds=(0, 1)
        ),
        jv.robustness.pgd(
            lambda x: linear(jax.nn.relu(x + jnp.nan)), jnp.ones((1, 3, 4, 2)), 0, key=KEY, epsilon=0.1, bounds=(0, 1)
        ),
    ):
        assert jnp.isnan(found).all()
    with pytest.raises(ValueError, match=r"^`epsilon` must be at least 0, got -1"):
        jv.robustness.fgsm(linear, jnp.zeros((1, 3, 4, 2)), 0, epsilon=-1, bounds=(0, 1))
    with pytest.raises(ValueError, match=r"^`patch` must have shape \(size, size, 2\)"):
        jv.robustness.paste_patch(jnp.zeros((1, 3, 4, 2)), jnp.zeros((2, 2, 3)), key=KEY)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_patches_are_those_of_single_precision_where_double_is_enabled(dtype):
    def f(images):
        return images.mean((1, 2))

    images = np.full((2, 8, 8, 2), 0.5, np.float32)
    options = {"key": jax.random.key(0), "size": 3, "num_steps": 3, "bounds": (0, 1)}
    single = jv.robustness.adversarial_patch(f, images, 1, **options)
    place = {"key": jax.random.key(1), "scales": (0.8, 1.2), "degrees": (-20, 20)}
    pasted = jv.robustness.paste_patch(images, np.ones((3, 3, 2), np.float32), **place)
    with jax.enable_x64(True):
        wide = jv.robustness.adversarial_patch(f, jnp.asarray(images, dtype), 1, **options)
        again = jv.robustness.paste_patch(jnp.asarray(images, dtype), np.ones((3, 3, 2), np.float32), **place)
        assert (again.images.dtype, wide.patch.dtype) == (dtype, jnp.float32)
    # The images that are drawn are others; the places are the same.
    np.testing.assert_allclose(again.images, pasted.images, atol=1e-5)
    assert wide.patch.shape == single.patch.shape

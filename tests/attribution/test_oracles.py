"""Attributions against naive loops, published formulas and closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.ad_checkpoint import checkpoint_name

import jaxviz as jv
from tests import networks

RNG = np.random.default_rng(0)
MAPS = jnp.asarray(RNG.random((2, 4, 5, 3)), jnp.float32)
LAYOUT = ("NHWC", "HWIO", "NHWC")
WEIGHTS = RNG.normal(size=(4, 5, 3, 2)).astype(np.float32)


def named(images):
    """Outputs whose gradient with respect to the layer is known: WEIGHTS."""
    return jnp.einsum("nhwc,hwck->nk", checkpoint_name(images, "maps"), WEIGHTS)


def test_grad_cam_is_the_published_formula():
    expected = np.maximum(np.einsum("nhwc,c->nhw", MAPS, WEIGHTS[..., 1].mean((0, 1))), 0)
    np.testing.assert_allclose(jv.grad_cam(named, MAPS, 1, "maps"), expected, atol=1e-6)


def test_layer_cam_is_the_published_formula():
    expected = np.maximum((np.maximum(WEIGHTS[..., 1], 0) * np.asarray(MAPS)).sum(-1), 0)
    np.testing.assert_allclose(jv.attribution.layer_cam(named, MAPS, 1, "maps"), expected, atol=1e-6)


def test_grad_cam_pp_is_the_published_formula():
    g, a = WEIGHTS[..., 1].astype(np.float64), np.asarray(MAPS, np.float64)
    alpha = g**2 / (2 * g**2 + a.sum((1, 2), keepdims=True) * g**3)  # equation 19, exp(S) canceled
    weights = (alpha * np.maximum(g, 0)).sum((1, 2))  # equation 5
    expected = np.maximum(np.einsum("nhwc,nc->nhw", a, weights), 0)
    np.testing.assert_allclose(jv.attribution.grad_cam_pp(named, MAPS, 1, "maps"), expected, rtol=1e-5)


@pytest.mark.parametrize(
    "method", [jv.grad_cam, jv.attribution.grad_cam_pp, jv.attribution.layer_cam, jv.attribution.score_cam]
)
def test_dead_maps_give_numbers(method):
    dead = MAPS.at[..., 1].set(0)
    assert (method(named, dead, 0, "maps") >= 0).all()
    assert (method(named, jnp.zeros_like(MAPS), 0, "maps") == 0).all()
    assert jnp.isfinite(method(lambda x: 0 * named(x), dead, 0, "maps")).all()
    assert jnp.isfinite(method(lambda x: 1e-30 * named(x), dead, 0, "maps")).all()


@pytest.mark.parametrize("batch_size", [1, 6, 100])
def test_score_cam_is_a_loop_over_channels(batch_size):
    f, x, target = networks.FAMILIES["plain"](), networks.images(), np.array([1, 4])
    maps = np.asarray(jv.upto(f, "last")(x))
    expected = []
    for i in range(2):
        scores = []
        for channel in range(4):
            mask = jax.image.resize(maps[i, :, :, channel], networks.SHAPE[:2], "bilinear")
            spread = mask.max() - mask.min()
            mask = (mask - mask.min()) / spread if spread > 0 else 0 * mask
            scores.append(float(networks.by_hand(x[i : i + 1] * mask[None, :, :, None])[0, target[i]]))
        weights = np.exp(scores) / np.exp(scores).sum()
        expected.append(np.maximum((maps[i] * weights).sum(-1), 0))
    found = jv.attribution.score_cam(f, x, target, "last", batch_size=batch_size)
    np.testing.assert_allclose(found, np.stack(expected), rtol=1e-4, atol=1e-5)


def test_guided_grad_cam_is_the_product():
    f, x = networks.FAMILIES["plain"](), networks.images()
    cam = jax.image.resize(jv.grad_cam(f, x, 1, "last"), x.shape[:3], "bilinear")
    found = jv.guided_grad_cam(f, x, 1, "last")
    expected = jv.saliency(f, x, 1, rule="guided") * cam[..., None]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)  # one program for three: rounded elsewhere


@pytest.mark.parametrize("batch_size", [1, 4, 100])
def test_integrated_gradients_are_the_weighted_sum_over_nodes(batch_size):
    f, x, base = networks.FAMILIES["plain"](), networks.images(), networks.images(3)[2]
    nodes, weights = np.polynomial.legendre.leggauss(5)
    grads = [jv.saliency(f, base + (1 + node) / 2 * (x - base), 2) for node in nodes]
    expected = sum(weight / 2 * grad for weight, grad in zip(weights, grads, strict=True)) * (x - base)
    found = jv.integrated_gradients(f, x, 2, baseline=base, num_steps=5, batch_size=batch_size)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_integrated_gradients_are_complete():
    f, x = networks.FAMILIES["plain"](), networks.images()
    gaps = [
        jnp.abs(
            jv.metrics.completeness_gap(
                f, x, 2, jv.integrated_gradients(f, x, 2, baseline=0.2, num_steps=n), baseline=0.2
            )
        )
        for n in (2, 200)
    ]
    difference = jnp.abs(f(x) - f(jnp.full_like(x, 0.2)))[:, 2]
    assert (gaps[1] < 1e-2 * difference).all()
    assert (gaps[1] < gaps[0]).all()


def test_integrated_gradients_of_a_polynomial_are_exact():
    x = jnp.array([1.0, 2.0, 3.0]).reshape(1, 1, 3, 1)
    f = lambda images: (images**3 + images**2).sum((1, 2, 3))[:, None]  # noqa: E731
    # Two Gauss-Legendre nodes integrate polynomials up to the third degree; the gradient has the second.
    np.testing.assert_allclose(jv.integrated_gradients(f, x, 0, num_steps=2), x**3 + x**2, rtol=1e-6)


def test_gradient_x_input_is_complete_without_biases():
    f, x = networks.FAMILIES["plain"](), networks.images()
    gap = jv.metrics.completeness_gap(f, x, 3, jv.gradient_x_input(f, x, 3))
    np.testing.assert_allclose(gap, 0, atol=1e-5)


@pytest.mark.slow
def test_smoothgrad_does_not_depend_on_the_batch_size():
    f, x, key = networks.FAMILIES["plain"](), networks.images(), jax.random.key(1)
    found = [jv.smoothgrad(f, x, 2, key=key, num_samples=5, batch_size=size) for size in (1, 4, 100)]
    for other in found[1:]:
        np.testing.assert_allclose(other, found[0], atol=1e-5)
    assert jnp.abs(found[0] - jv.smoothgrad(f, x, 2, key=jax.random.key(2), num_samples=5)).max() > 1e-3


def test_smoothgrad_noise_is_a_share_of_each_images_range():
    # The gradient of x**3 is 3 x**2; its mean under noise of deviation s is 3 (x**2 + s**2).
    x = jnp.stack([jnp.linspace(0, 1, 400), jnp.linspace(0, 4, 400)]).reshape(2, 20, 20, 1)
    f = lambda images: (images**3).sum((1, 2, 3))[:, None]  # noqa: E731
    found = jv.smoothgrad(f, x, 0, key=jax.random.key(0), num_samples=200, noise=0.5)
    extra = (found - 3 * x**2).mean((1, 2, 3))
    np.testing.assert_allclose(extra, [3 * 0.5**2, 3 * 2.0**2], rtol=0.05)  # 80,000 samples
    np.testing.assert_allclose(jv.smoothgrad(f, x, 0, key=jax.random.key(0), noise=0.0), 3 * x**2, rtol=1e-5)


@pytest.mark.parametrize("batch_size", [1, 2, 100])
def test_occlude_regions_is_a_loop_over_boxes(batch_size):
    f, image, base = networks.FAMILIES["plain"](), networks.images()[0], networks.images()[1]
    boxes = np.array([[0, 0, 3, 4], [2, 5, 9, 11], [4, 4, 5, 5]])
    expected = []
    for top, left, bottom, right in boxes:
        covered = np.array(image)
        covered[top:bottom, left:right] = base[top:bottom, left:right]
        expected.append(networks.by_hand(jnp.asarray(covered)[None])[0])
    found = jv.occlude_regions(f, image, boxes, baseline=base, batch_size=batch_size)
    np.testing.assert_allclose(found, np.stack(expected), atol=1e-5)
    np.testing.assert_allclose(
        jv.occlude_regions(f, image, boxes, baseline=image), jnp.tile(f(image[None]), (3, 1)), atol=1e-5
    )


@pytest.mark.parametrize("rule", ["deconvnet", "guided", "gradient"])
@pytest.mark.slow
def test_a_projection_starts_from_one_unit_alone(rule):
    f, x = networks.FAMILIES["plain"](), networks.images()
    units = np.array([[[0, 1, 2], [3, 4, 1], [2, 2, 3]], [[1, 1, 0], [0, 0, 1], [2, 3, 2]]])
    act, pull = jax.vjp(jv.with_rule(jv.upto(f, "last"), rule), x)
    for batch_size in (1, 2, 100):
        found = jv.project(f, x, "last", units, rule=rule, batch_size=batch_size)
        assert found.shape == (2, 3, *networks.SHAPE)
        for u in range(3):
            alone = np.zeros(act.shape, np.float32)
            for n in range(2):
                alone[(n, *units[n, u])] = act[(n, *units[n, u])]
            np.testing.assert_allclose(found[:, u], pull(jnp.asarray(alone))[0], atol=1e-5)


@pytest.mark.parametrize("pool", [False, True])
def test_without_switches_a_projection_is_the_same_pattern_for_all_images(pool):
    rng = np.random.default_rng(0)
    kernel = jnp.asarray(rng.normal(size=(3, 3, 3, 4)), jnp.float32)

    def f(images):
        act = jax.nn.relu(jax.lax.conv_general_dilated(images, kernel, (1, 1), "SAME", dimension_numbers=LAYOUT))
        if pool:
            act = jax.lax.reduce_window(act, -jnp.inf, jax.lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
        return checkpoint_name(jax.nn.relu(act.sum(-1, keepdims=True)), "top")

    x = jnp.asarray(rng.random((2, 6, 6, 3)), jnp.float32)
    one, other = jv.project(f, x, "top", [(1, 1, 0)])[:, 0]
    act = jv.upto(f, "top")(x)[:, 1, 1, 0]
    assert jnp.allclose(one / act[0], other / act[1], atol=1e-5) == (not pool)


@pytest.mark.parametrize(("rule", "expected"), [("deconvnet", 6.0), ("guided", 0.0), ("gradient", 0.0)])
def test_a_unit_at_the_upper_bound_of_a_relu6_has_no_gradient(rule, expected):
    def f(images):
        return checkpoint_name(jax.nn.relu6(images), "top")

    found = jv.project(f, jnp.array([7.0, 5.0]).reshape(1, 1, 2, 1), "top", [(0, 0, 0), (0, 1, 0)], rule=rule)
    np.testing.assert_allclose(found.reshape(2, 2), [[expected, 0], [0, 5]])


def test_a_traced_unit_that_does_not_exist_gives_nan():
    f, x = networks.FAMILIES["plain"](), networks.images(1)
    found = jax.jit(lambda units: jv.project(f, x, "last", units))(jnp.array([[0, 1, 2], [0, 5, 2]]))
    assert jnp.isfinite(found[:, 0]).all()
    assert jnp.isnan(found[:, 1]).all()


def test_strongest_units_are_sorted_by_activation():
    act = np.array(RNG.permutation(60).reshape(4, 5, 3), np.float32)
    found = jv.strongest_units(act, 7)
    assert [act[unit] for unit in found] == list(range(59, 52, -1))
    each = jv.strongest_units(act, 3, per_channel=1)
    assert sorted(channel for *_, channel in each) == [0, 1, 2]
    assert [act[unit] for unit in each] == sorted(act.max((0, 1)), reverse=True)


CAMS = {
    "grad_cam": jv.grad_cam,
    "grad_cam_pp": jv.attribution.grad_cam_pp,
    "layer_cam": jv.attribution.layer_cam,
    "score_cam": jv.attribution.score_cam,
}


def of_means(x):
    return 100 * checkpoint_name(x, "maps").mean((1, 2))


@pytest.mark.parametrize("dtype", [jnp.float16, jnp.bfloat16])
@pytest.mark.parametrize("method", CAMS)
def test_sums_over_large_maps_are_taken_in_single_precision(method, dtype):
    # The sum of the map, 91 * 91 * 8, is beyond the numbers of float16.
    x = jnp.full((1, 91, 91, 1), 8.0).at[0, 5, 7].set(16.0)
    found = CAMS[method](of_means, x.astype(dtype), 0, "maps")
    assert found.dtype == dtype
    np.testing.assert_allclose(found.astype(jnp.float32), CAMS[method](of_means, x, 0, "maps"), rtol=2e-2)


def test_the_gap_of_half_precision_is_taken_in_single():
    x = jnp.full((1, 91, 91, 1), 8.0)
    attribution = jnp.full(x.shape, 800 / 91**2).astype(jnp.float16)
    gap = jv.metrics.completeness_gap(of_means, x.astype(jnp.float16), 0, attribution)
    np.testing.assert_allclose(gap, attribution.astype(jnp.float32).sum() - 800, atol=1e-3)


def test_grad_cam_pp_of_activations_that_leave_it_undefined_is_nan():
    """Equation 19 divides by 2 g**2 + sum(A) g**3; here the gradient of every entry is 1."""

    def f(x):
        return checkpoint_name(x, "maps").sum((1, 2))

    totals = jnp.array([-3.0, -2.0, -1.0, 0.0, 2.0])
    found = jv.attribution.grad_cam_pp(f, (totals[:, None] * jnp.array([-1.0, 2.0])).reshape(5, 1, 2, 1), 0, "maps")
    assert jnp.isnan(found).all((1, 2)).tolist() == [True, True, False, False, False]
    # Two entries, each with the weight 1 / (2 - 1).
    np.testing.assert_allclose(found[2], [[2.0, 0.0]])
    np.testing.assert_allclose(found[4], [[0.0, 2 * 4 / 4]])
    # Where the gradient is not positive nothing counts, and so nothing is undefined.
    flipped = jv.attribution.grad_cam_pp(lambda x: -f(x), jnp.full((1, 1, 2, 1), 3.0), 0, "maps")
    np.testing.assert_array_equal(flipped, jnp.zeros((1, 1, 2)))

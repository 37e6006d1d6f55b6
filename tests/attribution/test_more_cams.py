"""The class activation maps that are no row of the golden arrays, against loops and closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.ad_checkpoint import checkpoint_name

import jaxviz as jv
from tests import networks
from tests.quick import jit

TARGETS = np.array([0, 2, 4])


@pytest.fixture(scope="module")
def parts():
    """The network, its images, the activations of its last layer, and what follows them, in NumPy's precision."""
    f, x = networks.FAMILIES["plain"](), networks.images(3)
    return f, x, np.asarray(jv.upto(f, "last")(x), np.float64), np.asarray(networks.PARAMS["dense"], np.float64)


def test_hires_cam_is_the_exact_share_of_a_logit_above_a_mean_and_a_dense_layer(parts):
    f, x, acts, dense = parts
    found = jv.attribution.hires_cam(f, x, TARGETS, "last")
    expected = np.einsum("nhwc,cn->nhw", acts, dense[:, TARGETS]) / (acts.shape[1] * acts.shape[2])
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found.sum((1, 2)), np.asarray(f(x))[range(3), TARGETS], rtol=1e-4)


def test_hires_cam_is_the_exact_share_above_a_flattening_where_grad_cam_is_not():
    weights = jax.random.normal(jax.random.key(5), (3 * 4 * 2, 5))

    def f(x):
        return checkpoint_name(jnp.tanh(x), "maps").reshape(len(x), -1) @ weights

    x = jax.random.normal(jax.random.key(6), (3, 3, 4, 2))
    found = jit(lambda x: jv.attribution.hires_cam(f, x, TARGETS, "maps"))(x)
    expected = np.einsum("nhwc,hwcn->nhw", np.tanh(x), np.reshape(weights, (3, 4, 2, 5))[..., TARGETS])
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    assert not np.allclose(jv.grad_cam(f, x, TARGETS, "maps"), np.maximum(expected, 0), atol=0.1)


@pytest.mark.slow
def test_xgrad_cam_weighs_a_gradient_by_its_map():
    weights = jax.random.normal(jax.random.key(5), (3, 4, 2, 5))

    def f(x):
        return jnp.einsum("nhwc,hwck->nk", checkpoint_name(jax.nn.relu(x), "maps"), weights)

    x = jax.random.normal(jax.random.key(6), (3, 3, 4, 2)).at[0, ..., 1].set(-1)  # a dead map
    maps, found = np.maximum(x, 0), jv.attribution.xgrad_cam(f, x, TARGETS, "maps")
    expected = np.zeros((3, 3, 4))
    for n, target in enumerate(TARGETS):
        for c in range(2):
            if maps[n, ..., c].any():
                share = maps[n, ..., c] / maps[n, ..., c].sum()
                expected[n] += (share * weights[..., c, target]).sum() * maps[n, ..., c]
    np.testing.assert_allclose(found, np.maximum(expected, 0), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("channels", [2, 9])  # fewer and more than places
def test_eigen_cam_is_numpys_first_singular_vector(channels):
    def f(x):
        return checkpoint_name(x, "maps").mean((1, 2))

    x = jax.random.normal(jax.random.key(1), (3, 2, 3, channels)) + 0.3
    found = jv.attribution.eigen_cam(f, x, "maps")
    for one, image in zip(found, np.asarray(x, np.float64), strict=True):
        places = image.reshape(-1, channels)
        projected = places @ np.linalg.svd(places, full_matrices=False)[2][0]
        projected *= np.sign(projected.sum())
        np.testing.assert_allclose(one.ravel(), np.maximum(projected, 0), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("second", [0.5, 0.999, 1 - 1e-4])
def test_eigen_cam_tells_two_directions_of_nearly_equal_strength(second):
    def f(x):
        return checkpoint_name(x, "maps").mean((1, 2))

    rng = np.random.default_rng(2)
    left, right = (np.linalg.qr(rng.normal(size=(size, 8)))[0] for size in (169, 40))
    left[:, 0] *= np.sign(left[:, 0].sum())
    values = np.array([1, second, *np.linspace(0.4, 0.1, 6)])
    places = jnp.asarray((left * values) @ right.T, jnp.float32)
    for maps in (places, places.T):  # the direction of the smaller side is the one that is looked for
        x = maps.reshape(1, len(maps), 1, -1)
        expected = left[:, 0] if len(maps) == 169 else right[:, 0] * np.sign(right[:, 0].sum())
        # Rounding mixes the two the more, the less they differ.
        found = jv.attribution.eigen_cam(f, x, "maps").ravel()
        np.testing.assert_allclose(found, np.maximum(expected, 0), atol=2e-7 / (1 - second) + 1e-6)


def test_eigen_cam_of_nothing_is_nothing_and_of_nan_is_nan():
    def f(x):
        return checkpoint_name(x, "maps").mean((1, 2))

    x = jnp.stack([jnp.zeros((3, 4, 2)), jnp.full((3, 4, 2), jnp.nan)])
    nothing, broken = jv.attribution.eigen_cam(f, x, "maps")
    assert not nothing.any()
    assert jnp.isnan(broken).all()


def test_eigen_cam_calls_nothing_that_waits_for_other_devices():
    def f(x):
        return checkpoint_name(x, "maps").mean((1, 2))

    program = jax.jit(lambda x: jv.attribution.eigen_cam(f, x, "maps")).lower(jnp.ones((2, 13, 13, 64)))
    assert "lapack" not in program.as_text()


def test_eigen_cam_depends_on_no_class(parts):
    f, x, *_ = parts
    other = jax.tree.map(lambda leaf: -leaf if leaf.ndim == 2 else leaf, f)
    np.testing.assert_array_equal(jv.attribution.eigen_cam(f, x, "last"), jv.attribution.eigen_cam(other, x, "last"))


def test_ablation_cam_is_a_loop_over_channels(parts):
    f, x, acts, dense = parts
    expected = np.zeros(acts.shape[:3])
    for n, target in enumerate(TARGETS):
        for c in range(acts.shape[-1]):
            without = acts[n].copy()
            without[..., c] = 0
            lost = (acts[n].mean((0, 1)) - without.mean((0, 1))) @ dense[:, target]
            expected[n] += lost * acts[n, ..., c]
    for size in (None, 1, 7):
        found = jv.attribution.ablation_cam(f, x, TARGETS, "last", batch_size=size)
        np.testing.assert_allclose(found, np.maximum(expected, 0), rtol=1e-4, atol=1e-4)


def test_recipro_cam_is_a_loop_over_places(parts):
    f, x, acts, dense = parts
    rows, cols = acts.shape[1:3]
    expected = np.zeros(acts.shape[:3])
    for n, target in enumerate(TARGETS):
        for row in range(rows):
            for col in range(cols):
                kept = np.zeros_like(acts[n])
                for down, right in np.ndindex(3, 3):
                    at = row + down - 1, col + right - 1
                    if 0 <= at[0] < rows and 0 <= at[1] < cols:
                        kept[at] = acts[n][at] * (1, 2, 1)[down] * (1, 2, 1)[right] / 16
                expected[n, row, col] = kept.mean((0, 1)) @ dense[:, target]
        expected[n] -= expected[n].min()
    for size in (None, 1, 7):
        found = jv.attribution.recipro_cam(f, x, TARGETS, "last", batch_size=size)
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_the_part_below_the_layer_is_computed_once():
    calls = []

    def f(x):
        x = checkpoint_name(jnp.sin(x), "maps")
        return jnp.tanh(x).mean((1, 2))

    x = jax.random.normal(jax.random.key(0), (1, 4, 4, 32))
    for method in (jv.attribution.ablation_cam, jv.attribution.recipro_cam):
        text = str(jax.make_jaxpr(lambda x, method=method: method(f, x, 0, "maps", batch_size=4))(x))
        assert text.count(" sin ") == 1
        calls.append(text)
    assert len(calls) == 2


def test_a_branch_around_the_layer_keeps_its_own_image():
    def f(x):
        return checkpoint_name(jax.nn.relu(x), "maps").mean((1, 2)) * x[:, :1, 0, 0]

    x = jnp.abs(jax.random.normal(jax.random.key(0), (3, 4, 5, 2)))
    target = np.array([0, 1, 0])
    together = jv.attribution.ablation_cam(f, x, target, "maps")
    alone = [jv.attribution.ablation_cam(f, image[None], one, "maps")[0] for image, one in zip(x, target, strict=True)]
    np.testing.assert_allclose(together, np.stack(alone), rtol=1e-5)
    assert jnp.abs(together).min(axis=(1, 2)).max() >= 0


@pytest.mark.parametrize(
    "method",
    [jv.attribution.hires_cam, jv.attribution.xgrad_cam, jv.attribution.ablation_cam, jv.attribution.recipro_cam],
)
@pytest.mark.slow
def test_channels_first_and_tokens_are_read_as_the_options_say(method):
    weights = jax.random.normal(jax.random.key(5), (4, 5))

    def last(x):
        return checkpoint_name(jax.nn.relu(x), "maps").mean((1, 2)) @ weights

    def first(x):
        return checkpoint_name(jax.nn.relu(x).transpose(0, 3, 1, 2), "maps").mean((2, 3)) @ weights

    def tokens(x):
        return checkpoint_name(jax.nn.relu(x).reshape(len(x), -1, 4), "maps").mean(1) @ weights

    x = jax.random.normal(jax.random.key(6), (3, 2, 3, 4))
    expected = method(last, x, TARGETS, "maps")
    np.testing.assert_allclose(method(first, x, TARGETS, "maps", channel_axis=1), expected, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(method(tokens, x, TARGETS, "maps", grid=(2, 3)), expected, rtol=1e-4, atol=1e-6)

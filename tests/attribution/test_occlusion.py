"""Occlusion maps against a loop over windows, and where the windows lie."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxviz as jv
from tests.networks import FAMILIES, by_hand, images
from tests.transforms.test_incremental import resnet, squeezenet

# Sums of products in another order.
TOLERANCE = 1e-5
EXACT = ["incremental", "dense"]


def naive(f, image, window, stride, baseline, centered=False):
    """One window after the other, in NumPy."""
    image, baseline = np.asarray(image), np.broadcast_to(np.asarray(baseline), image.shape)
    rows, cols = jv.attribution.occlusion_grid(image.shape, window, stride, centered=centered)
    height, width = (window, window) if isinstance(window, int) else window
    maps = []
    for row in rows:
        for col in cols:
            covered = image.copy()
            here = slice(max(row, 0), row + height), slice(max(col, 0), col + width)
            covered[here] = baseline[here]
            maps.append(f(jnp.asarray(covered)[None])[0])
    return np.stack(maps).reshape(len(rows), len(cols), -1)


def assert_same(ours, expected):
    np.testing.assert_allclose(ours, expected, rtol=0, atol=TOLERANCE * np.abs(expected).max())


@pytest.mark.parametrize("exact", EXACT)
@pytest.mark.parametrize("family", FAMILIES)
def test_every_kind_of_network(family, exact):
    image = images()[0]
    ours = jv.occlusion(FAMILIES[family](), image, window=3, stride=2, method=exact)
    assert_same(ours, naive(by_hand, image, 3, 2, 0.0))


@pytest.mark.parametrize("exact", EXACT)
@pytest.mark.parametrize("network", [resnet, squeezenet])
@pytest.mark.parametrize(
    "baseline", [0.7, np.array([1.0, -2.0, 0.5]), np.random.default_rng(1).normal(size=(41, 36, 3))], ids=np.shape
)
@pytest.mark.slow
def test_windows_that_are_no_squares_and_any_baseline(network, baseline, exact):
    image = jax.random.normal(jax.random.key(0), (41, 36, 3))
    ours = jv.occlusion(network, image, window=(7, 10), stride=(9, 8), baseline=baseline, method=exact, batch_size=3)
    assert_same(ours, naive(network, image, (7, 10), (9, 8), baseline))


@pytest.mark.parametrize("exact", EXACT)
@pytest.mark.parametrize("window", [3, 5, 7, 9])
@pytest.mark.slow
def test_windows_centered_on_every_pixel_are_cut_at_the_border(window, exact):
    batch = images(3)
    ours = jv.occlusion(by_hand, batch, window=window, stride=1, centered=True, method=exact)
    assert ours.shape == (3, 9, 11, 5)
    for image, one in zip(batch, ours, strict=True):
        assert_same(one, naive(by_hand, image, window, 1, 0.0, centered=True))


def test_covering_with_the_image_itself_changes_nothing():
    image = images()[0]
    ours = jv.occlusion(by_hand, image, window=4, stride=3, baseline=image)
    assert_same(ours, np.broadcast_to(by_hand(image[None])[0], ours.shape))


def test_the_grid_covers_the_last_row_and_column():
    rows, cols = jv.attribution.occlusion_grid((227, 224, 3), 16, 8)
    assert rows.tolist() == [*range(0, 209, 8), 211]
    assert cols.tolist() == list(range(0, 209, 8))
    assert [c.tolist() for c in jv.attribution.occlusion_grid((5, 4, 1), 3, 2, centered=True)] == [[-1, 1, 3], [-1, 1]]


def test_a_second_image_compiles_nothing():
    compiled = []

    def listen(event, _, **__):
        if event == "/jax/core/compile/backend_compile_duration":
            compiled.append(event)

    jax.monitoring.register_event_duration_secs_listener(listen)
    first, image = jv.occlusion(by_hand, images()[0], window=3, stride=2), images()[1]
    assert compiled
    compiled.clear()
    second = jv.occlusion(by_hand, image, window=3, stride=2)
    assert not compiled
    assert float(jnp.abs(first - second).max()) > 0


def test_inside_jit_and_under_vmap():
    batch = images(2)
    expected = jv.occlusion(by_hand, batch, window=3, stride=3)
    assert_same(jax.jit(lambda x: jv.occlusion(by_hand, x, window=3, stride=3))(batch), expected)
    assert_same(jax.vmap(lambda x: jv.occlusion(by_hand, x, window=3, stride=3))(batch), expected)


def test_memory_does_not_grow_with_the_number_of_windows():
    def temporary(stride):
        function = jax.jit(lambda x: jv.occlusion(squeezenet, x, window=8, stride=stride, batch_size=4))
        compiled = function.lower(jnp.zeros((64, 64, 3))).compile()
        return compiled.memory_analysis().temp_size_in_bytes

    assert temporary(4) < 1.2 * temporary(8)


def test_windows_are_spread_over_the_devices_of_a_mesh():
    count = jax.device_count()
    if count == 1:
        pytest.skip("one device only; XLA_FLAGS=--xla_force_host_platform_device_count=8 simulates eight")
    image = images()[0]
    expected = jv.occlusion(by_hand, image, window=3, stride=1)
    with jax.set_mesh(jax.make_mesh((count,), ("windows",))):
        ours = jv.occlusion(by_hand, image, window=3, stride=1)
    assert len(ours.sharding.device_set) == count
    assert_same(np.asarray(ours), np.asarray(expected))


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        ({"window": 12}, ValueError, "`window` must fit inside the image, got window=12 for an image of 9x11"),
        ({"stride": 0}, ValueError, "`stride` must be at least 1, got 0"),
        ({"window": (2, 0)}, ValueError, r"`window` must be at least 1, got \(2, 0\)"),
        ({"method": "fast"}, ValueError, "`method` must be 'incremental', 'dense', a GrowthCap"),
        ({"baseline": np.zeros(4)}, ValueError, r"`baseline` must broadcast to `images` of \(9, 11, 3\), got \(4,\)"),
        ({"batch_size": 0}, ValueError, "`batch_size` must be at least 1, got 0"),
    ],
)
def test_bad_input_is_named(change, error, text):
    with pytest.raises(error, match=text):
        jv.occlusion(by_hand, images()[0], **{"window": 3, "stride": 2, **change})

"""The distribution of activations, against NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.ad_checkpoint import checkpoint_name

from jaxviz import dataset
from tests.dataset.sets import Unreadable

IMAGES = np.random.default_rng(0).normal(size=(11, 4, 5, 3)).astype(np.float32)


def f(images):
    maps = checkpoint_name(jax.nn.relu(images), "maps")
    return checkpoint_name(maps.mean((1, 2)) - 0.4, "means")


def sample(**options):
    scan = dataset.Scan(batch_size=4)
    return dataset.activation_sample(f, (IMAGES, None), ["maps", "means"], **{"scan": scan, **options})


def test_a_small_data_set_is_sampled_whole():
    found = sample()
    maps = np.maximum(IMAGES, 0)
    assert found["maps"].indices.tolist() == [*range(11)]
    np.testing.assert_array_equal(found["maps"].values, maps.max((1, 2)))
    rows, cols = np.moveaxis(found["maps"].positions, -1, 0)
    np.testing.assert_array_equal(maps[np.arange(11)[:, None], rows, cols, np.arange(3)], maps.max((1, 2)))
    np.testing.assert_allclose(found["maps"].zeros, (maps == 0).mean((0, 1, 2)))
    np.testing.assert_array_equal(found["maps"].highest, maps.max((0, 1, 2)))
    np.testing.assert_array_equal(found["maps"].lowest, maps.min((0, 1, 2)))
    np.testing.assert_allclose(found["means"].values, maps.mean((1, 2)) - 0.4, atol=1e-6)
    assert (found["means"].lowest < 0).all()
    assert not found["means"].positions.any()


@pytest.mark.parametrize("devices", [1, 3])
def test_a_sample_is_spread_over_a_large_one_and_does_not_depend_on_the_devices(devices):
    found = sample(num=3, scan=dataset.Scan(batch_size=2, devices=devices))["maps"]
    assert found.indices.tolist() == [0, 4, 8]
    np.testing.assert_array_equal(found.values, np.maximum(IMAGES, 0).max((1, 2))[[0, 4, 8]])
    # What is true of all images does not depend on the sample.
    np.testing.assert_allclose(found.zeros, (IMAGES <= 0).mean((0, 1, 2)))


def test_what_cannot_be_read_is_left_out():
    found = dataset.activation_sample(
        f,
        Unreadable(IMAGES, np.zeros(5, int)),
        ["maps"],
        scan=dataset.Scan(batch_size=2, skip_corrupt=True, num_threads=0),
    )["maps"]
    assert found.indices.tolist() == [0, 1, 3, 4]
    assert found.skipped == (2,)
    np.testing.assert_allclose(found.zeros, (IMAGES[[0, 1, 3, 4]] <= 0).mean((0, 1, 2)))


def test_an_unknown_layer_is_named():
    with pytest.raises(ValueError, match="nope"):
        dataset.activation_sample(f, (jnp.asarray(IMAGES), None), ["nope"])


def test_the_fingerprint_changes_with_the_data():
    one, other = (dataset.fingerprint(dataset.Examples((images, None))) for images in (IMAGES, IMAGES[::-1]))
    assert one == dataset.fingerprint(dataset.Examples((IMAGES.copy(), None)))
    assert one != other

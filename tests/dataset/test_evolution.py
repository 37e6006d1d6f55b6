import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
from jax.ad_checkpoint import checkpoint_name

import jaxviz as jv
from tests.dataset import sets

IMAGES, _ = sets.integers(30)
SCAN = jv.dataset.Scan(batch_size=8, devices=1)
CHECKPOINTS = {
    epoch: jax.tree.map(lambda leaf, epoch=epoch: jnp.sin(leaf + 2 / epoch), sets.network()) for epoch in (4, 1, 2)
}


@pytest.mark.slow
def test_each_checkpoint_has_its_strongest_image_and_projection():
    found = jv.dataset.evolution(CHECKPOINTS[4], (IMAGES, None), "maps", [3, 1], CHECKPOINTS, scan=SCAN)
    assert (found.epochs, found.channels) == ((1, 2, 4), (3, 1))
    for place, epoch in enumerate(found.epochs):
        f = CHECKPOINTS[epoch]
        act = np.asarray(jv.upto(f, "maps")(jnp.asarray(IMAGES)))
        for c, channel in enumerate(found.channels):
            index = act[..., channel].max((1, 2)).argmax()
            row, col = np.unravel_index(act[index, ..., channel].argmax(), act.shape[1:3])
            assert found.indices[place, c] == index
            assert found.positions[place, c].tolist() == [row, col]
            np.testing.assert_allclose(found.scores[place, c], act[index, row, col, channel], rtol=1e-6)
            np.testing.assert_array_equal(found.images[place, c], IMAGES[index])
            alone = jv.project(f, jnp.asarray(IMAGES[index][None]), "maps", [(row, col, channel)])[0, 0]
            np.testing.assert_allclose(found.projections[place, c], alone, rtol=1e-5, atol=1e-6)
    settled = jv.dataset.settling(CHECKPOINTS[4], (IMAGES, None), ["maps"], CHECKPOINTS, scan=SCAN)
    np.testing.assert_array_equal(found.correlation, settled["maps"])


@pytest.mark.slow
def test_preprocessing_comes_before_the_projection():
    scan = jv.dataset.Scan(batch_size=8, devices=1, preprocess=lambda x: x / 1.0)
    found = jv.dataset.evolution(
        CHECKPOINTS[4], (IMAGES.astype(np.int8), None), "maps", [0], {4: CHECKPOINTS[4]}, scan=scan
    )
    plain = jv.dataset.evolution(CHECKPOINTS[4], (IMAGES, None), "maps", [0], {4: CHECKPOINTS[4]}, scan=SCAN)
    np.testing.assert_array_equal(found.projections, plain.projections)
    assert found.images.dtype == np.float32


def test_settling_is_the_mean_rank_correlation():
    found = jv.dataset.settling(CHECKPOINTS[4], (IMAGES, None), ["maps", "vector"], CHECKPOINTS, scan=SCAN)
    for name in found:
        acts = {epoch: np.asarray(jv.upto(f, name)(jnp.asarray(IMAGES))) for epoch, f in CHECKPOINTS.items()}
        assert name == "vector" or (acts[4] == 0).mean() > 0.05  # zeros of the ReLU tie
        for place, epoch in enumerate(sorted(acts)):
            each = [
                scipy.stats.spearmanr(one.ravel(), other.ravel()).statistic
                for one, other in zip(acts[epoch], acts[4], strict=True)
            ]
            np.testing.assert_allclose(found[name][place], np.mean(each), rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(found[name][-1], 1, rtol=1e-6)


def test_of_a_large_layer_units_of_all_channels_are_ranked():
    net = lambda scale: lambda x: checkpoint_name(x * scale, "big").mean((1, 2))  # noqa: E731
    images = np.random.default_rng(0).normal(size=(4, 16, 16, 16)).astype(np.float32)
    turned = np.where(np.arange(16) == 0, -1.0, 1.0)
    found = jv.dataset.settling(net(1.0), (images, None), ["big"], {1: net(turned)}, scan=SCAN)
    np.testing.assert_allclose(found["big"], [14 / 16], atol=0.06)  # chance, with 512 units in each of 4 images


def test_a_layer_that_is_the_same_everywhere_has_nothing_to_compare():
    net = lambda scale: lambda x: checkpoint_name(x * scale, "maps").mean((1, 2))  # noqa: E731
    found = jv.dataset.settling(net(1.0), (IMAGES, None), ["maps"], {1: net(0.0)}, scan=SCAN)
    assert found["maps"].tolist() == [0]


def test_checkpoints_are_asked_for():
    with pytest.raises(ValueError, match="`checkpoints` must hold at least one network, got none"):
        jv.dataset.settling(sets.network(), (IMAGES, None), ["maps"], {})

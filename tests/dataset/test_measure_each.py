"""Measures of each image of a data set, against the measure of all images at once."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxviz import dataset
from tests.dataset.sets import Unreadable, integers, network

IMAGES, LABELS = integers(11)


def measure(f, images, labels):
    logits = f(images)
    gradient = jax.grad(lambda x: f(x)[:, 0].sum())(images)
    return {"correct": logits.argmax(-1) == labels, "logits": logits, "slope": gradient.sum((1, 2, 3))}


@pytest.mark.parametrize(("size", "devices"), [(4, 1), (2, 3), (11, 1), (16, 1)])
def test_rows_are_those_of_all_images_at_once(size, devices):
    found = dataset.measure_each(network(), (IMAGES, LABELS), measure, scan=dataset.Scan(size, devices))
    whole = measure(network(), jnp.asarray(IMAGES), jnp.asarray(LABELS))
    assert found.values.keys() == whole.keys()
    for name, rows in whole.items():
        np.testing.assert_array_equal(found.values[name], rows)
    assert found.indices.tolist() == [*range(11)]
    assert found.skipped == ()


def test_what_cannot_be_read_has_no_row_and_nan_stays():
    scan = dataset.Scan(batch_size=2, skip_corrupt=True, num_threads=0)
    found = dataset.measure_each(
        network(),
        Unreadable(IMAGES, LABELS),
        lambda f, x, y: {"share": jnp.where(y == y[0], jnp.nan, y.astype(jnp.float32))},
        scan=scan,
    )
    assert (found.indices.tolist(), found.skipped) == ([0, 1, 3, 4], (2,))
    assert len(found.values["share"]) == 4
    assert np.isnan(found.values["share"][0])


def test_an_interrupted_pass_goes_on_and_another_measure_is_refused(tmp_path):
    """What a measure holds counts too."""

    def scaled(factor):
        return jax.tree_util.Partial(lambda factor, f, x, y: {"sum": factor * f(x).sum(-1)}, jnp.array(factor))

    calls = []

    def stop(done, total):
        calls.append(done)
        if done >= 6:
            raise KeyboardInterrupt

    def options(progress=None):
        return dataset.Scan(2, 1, resume=tmp_path / "scan", save_every=1, progress=progress)

    data = (IMAGES, LABELS)
    with pytest.raises(KeyboardInterrupt):
        dataset.measure_each(network(), data, scaled(2.0), scan=options(stop))
    with pytest.raises(ValueError, match="another"):
        dataset.measure_each(network(), data, scaled(3.0), scan=options())
    seen = []
    found = dataset.measure_each(network(), data, scaled(2.0), scan=options(lambda done, total: seen.append(done)))
    assert seen[0] > 0
    whole = 2 * np.asarray(network()(jnp.asarray(IMAGES))).sum(-1)
    np.testing.assert_array_equal(found.values["sum"], whole)


@pytest.mark.parametrize(
    ("bad", "got"),
    [
        (lambda f, x, y: f(x), "PyTreeDef"),
        (lambda f, x, y: {}, "PyTreeDef"),
        (lambda f, x, y: {"mean": f(x).mean()}, r"\(\) under 'mean' for 4 images"),
        (lambda f, x, y: {"all": f(x).T}, r"\(3, 4\) under 'all' for 4 images"),
    ],
)
def test_what_is_no_row_for_each_image_is_refused(bad, got):
    with pytest.raises(ValueError, match=f"`measure` must return arrays by name, a row for each image, got .*{got}"):
        dataset.measure_each(network(), (IMAGES, LABELS), bad, scan=dataset.Scan(4))

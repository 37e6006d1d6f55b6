"""What a kept scan goes on with: the same study of the same function and data, and no other, refused by name."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import jaxviz as jv
from jaxviz.adapters.nnx import name_layers
from tests.dataset import sets

IMAGES, LABELS = sets.integers(300)


class Fingerprinted(sets.Items):
    fingerprint = "first"


class Prepared(sets.Items):
    """A source as `tensorflow-datasets` makes them."""

    split = "test"

    class dataset_info:
        full_name = "set/1.0.0"
        splits = {}  # noqa: RUF012


def twice(images):
    return images * 2


def network(scale=1.0):
    return jax.tree.map(lambda leaf: leaf * scale, sets.network())


def confusion(folder, f=None, dataset=(IMAGES, LABELS), num=5, **options):
    scan = jv.dataset.Scan(batch_size=50, devices=1, resume=folder, **options)
    return jv.dataset.confusion(network() if f is None else f, dataset, num=num, scan=scan)


def refused(folder, differing, *args, **options):
    text = f"of one that differs in {differing}. Give another folder, or delete this one."
    with pytest.raises(ValueError, match=r"^`resume` must be a folder of the same scan, got .*" + re.escape(text)):
        confusion(folder, *args, **options)


def test_another_set_of_labels_is_refused_and_not_given_the_first_result(tmp_path):
    confusion(tmp_path, dataset=(IMAGES, np.full(300, 0)))
    refused(tmp_path, "labels", dataset=(IMAGES, np.full(300, 1)))
    found = confusion(tmp_path / "other", dataset=(IMAGES, np.full(300, 1)))
    assert found.matrix[1].sum() == 300


@pytest.mark.parametrize("index", [0, 1, 173, 299])
def test_any_byte_of_any_image_and_any_label_counts(tmp_path, index):
    confusion(tmp_path)
    images, labels = IMAGES.copy(), LABELS.copy()
    images[index, -1, -1, -1] += 1
    labels[index] = (labels[index] + 1) % 3
    refused(tmp_path, "images", dataset=(images, LABELS))
    refused(tmp_path, "labels", dataset=(IMAGES, labels))
    refused(tmp_path, "images, labels", dataset=(IMAGES[:-1], LABELS[:-1]))
    refused(tmp_path, "images, labels", dataset=list(zip(images, labels, strict=True)))


def test_what_is_computed_counts(tmp_path):
    confusion(tmp_path, preprocess=twice)
    refused(tmp_path, "preprocess")
    refused(tmp_path, "preprocess", preprocess=lambda images: images * 3)
    refused(tmp_path, "weights", network(2.0), preprocess=twice)
    leaves = sets.network().args
    other = jax.tree_util.Partial(lambda params, images: -sets.network().func(params, images), *leaves)
    refused(tmp_path, "function", other, preprocess=twice)
    refused(tmp_path, "study", num=4, preprocess=twice)
    with pytest.raises(ValueError, match=r"differs in study\."):
        jv.dataset.strongest(
            network(), (IMAGES, None), ["maps"], scan=jv.dataset.Scan(batch_size=50, resume=tmp_path, preprocess=twice)
        )["maps"]


def test_weights_in_a_closure_count(tmp_path):
    f, other = (lambda images, scale=scale: network(scale)(images) for scale in (1.0, 2.0))
    confusion(tmp_path, f)
    refused(tmp_path, "function", other)


def test_all_that_is_built_again_alike_goes_on(tmp_path):
    scale = np.float32(0.5)
    first = confusion(tmp_path, preprocess=lambda images: images * scale)
    factor = jnp.array(0.5)
    f = jax.tree.map(lambda leaf: jnp.array(np.array(leaf)), sets.network())
    seen = []
    again = confusion(
        tmp_path,
        f,
        (jnp.array(IMAGES.copy()), LABELS.astype(np.int8)),
        preprocess=lambda images: images * jax.lax.stop_gradient(scale) if factor is None else images * scale,
        progress=lambda done, total: seen.append((done, total)),
    )
    assert seen[0] == (300, 300)
    np.testing.assert_array_equal(again.matrix, first.matrix)
    np.testing.assert_array_equal(again.wrong, first.wrong)


def test_labels_do_not_count_where_none_are_needed(tmp_path):
    scan = jv.dataset.Scan(batch_size=50, devices=1, resume=tmp_path)
    first = jv.dataset.strongest(network(), (IMAGES, LABELS), ["maps"], scan=scan)["maps"]
    again = jv.dataset.strongest(network(), (IMAGES, ["no"] * 300), ["maps"], scan=scan)["maps"]
    np.testing.assert_array_equal(first.indices, again.indices)


def test_a_source_is_told_by_its_own_fingerprint(tmp_path):
    source = Fingerprinted(IMAGES, LABELS)
    confusion(tmp_path, dataset=source, num_threads=0)
    confusion(tmp_path, dataset=Fingerprinted(IMAGES, LABELS), num_threads=0)
    source.fingerprint = lambda: "second"
    refused(tmp_path, "images", dataset=source, num_threads=0)


def test_a_prepared_set_is_told_by_name_version_and_split(tmp_path):
    source = Prepared(IMAGES, LABELS)
    confusion(tmp_path, dataset=source, num_threads=0)
    source.split = "train"
    refused(tmp_path, "images", dataset=source, num_threads=0)
    source.split, source.dataset_info = "test", type("info", (), {"full_name": "set/1.0.1", "splits": {}})
    refused(tmp_path, "images", dataset=source, num_threads=0)


def test_any_source_is_told_by_examples_spread_over_it(tmp_path):
    confusion(tmp_path, dataset=sets.Items(IMAGES, LABELS), num_threads=0)
    refused(tmp_path, "labels", dataset=sets.Items(IMAGES, (LABELS + 1) % 3), num_threads=0)
    refused(tmp_path, "images", dataset=sets.Items(IMAGES + (np.arange(300) > 250)[:, None, None, None], LABELS))
    broken = sets.Items(IMAGES, LABELS, corrupt=(299,))
    refused(tmp_path, "images, labels", dataset=broken, num_threads=0, skip_corrupt=True)


def test_what_was_skipped_is_an_error_where_nothing_is_to_be_skipped(tmp_path):
    broken = sets.Items(IMAGES, LABELS, corrupt=(7,))
    found = confusion(tmp_path, dataset=broken, num_threads=0, skip_corrupt=True)
    assert found.skipped == (7,)
    with pytest.raises(
        ValueError, match="must hold examples that can be read, got an example that cannot be read at 7"
    ):
        confusion(tmp_path, dataset=broken, num_threads=0)


class Dropping(nnx.Module):
    def __init__(self):
        self.conv = nnx.Conv(2, 3, (3, 3), rngs=nnx.Rngs(0))
        self.drop = nnx.Dropout(0.5, rngs=nnx.Rngs(1))

    def __call__(self, images):
        return self.drop(self.conv(images)).mean((1, 2))


def test_a_model_with_random_keys_is_kept(tmp_path):
    def model():
        made = Dropping()
        made.eval()
        return name_layers(made)

    first = confusion(tmp_path, model())
    np.testing.assert_array_equal(confusion(tmp_path, model()).matrix, first.matrix)


def test_a_function_that_calls_python_is_not_kept_but_scanned(tmp_path):
    def f(images):
        shape = jax.ShapeDtypeStruct((len(images), 3), jnp.float32)
        return jax.pure_callback(lambda images: np.asarray(images)[:, 0, :3, 0], shape, images)

    with pytest.raises(NotImplementedError, match="got `pure_callback`, which calls Python"):
        confusion(tmp_path, f)
    assert confusion(None, f).matrix.sum() == 300


@pytest.mark.parametrize(
    ("labels", "text"),
    [
        (np.eye(3)[LABELS], "got shape (300, 3). Give the number of the class of each image, 0..k-1"),
        (np.eye(3, dtype=int)[LABELS], "got shape (300, 3)."),
        (np.array(["cat", "dog", "cow"])[LABELS], "got np.str_('"),
        (LABELS + 0.5, "got np.float64("),
        (LABELS.astype(np.float32), "got np.float32("),
        ([None] * 299 + [1], "got none at 0. This study compares classes."),
    ],
    ids=["one-hot", "one-hot integers", "names", "fractions", "floats", "none"],
)
def test_labels_that_are_no_class_numbers_are_named(labels, text):
    for dataset in ((IMAGES, labels), list(zip(IMAGES, labels, strict=True))):
        shown = text.replace("(300, 3).", "(3,) for one image.") if isinstance(dataset, list) else text
        with pytest.raises((TypeError, ValueError), match="^`dataset` must hold .*" + re.escape(shown)):
            confusion(None, dataset=dataset)


def test_a_later_label_of_another_kind_is_named_with_its_place():
    items = [(image, label) for image, label in zip(IMAGES, LABELS.tolist(), strict=True)]
    items[170] = (IMAGES[170], 1.5)
    with pytest.raises(
        ValueError, match=r"got TypeError: `dataset` must hold class numbers as labels, got .*1\.5.* at 170"
    ):
        confusion(None, dataset=items)
    assert confusion(None, dataset=items, skip_corrupt=True).skipped == (170,)
    labels = LABELS.astype(np.int64)
    labels[170] = 2**32
    with pytest.raises(ValueError, match="got ValueError: the label 4294967296 for 3 classes at 170"):
        confusion(None, dataset=(IMAGES, labels))


@pytest.mark.parametrize("dataset", [(IMAGES[:0], LABELS[:0]), [], sets.Items(IMAGES[:0], LABELS[:0])])
def test_no_example_is_an_error(dataset):
    with pytest.raises(ValueError, match=r"^`dataset` must hold at least one example, got none\.$"):
        confusion(None, dataset=dataset)


def test_no_device_is_an_error():
    with pytest.raises(ValueError, match=r"^`devices` must hold a device, got none\."):
        jv.dataset.confusion(network(), (IMAGES, LABELS), scan=jv.dataset.Scan(devices=[]))


def test_arrays_in_memory_need_no_reader(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "grain", None)
    expected = confusion(None).matrix
    np.testing.assert_array_equal(confusion(None, dataset=list(zip(IMAGES, LABELS, strict=True))).matrix, expected)
    source = sets.Items(IMAGES, LABELS)
    np.testing.assert_array_equal(confusion(None, dataset=source, num_threads=0).matrix, expected)
    with pytest.raises(ModuleNotFoundError, match="`grain` must be installed to read ahead"):
        confusion(None, dataset=source)

"""Frozen features against loops, and the linear softmax against the condition that its optimum meets."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from jax.ad_checkpoint import checkpoint_name

from models import transfer
from models.network import Network, Spec
from models.training import Recipe


class Two(nnx.Module):
    """Two layers of maps, and a dense layer on top, which fits images of 6 pixels only."""

    def __init__(self):
        rngs = nnx.Rngs(0)
        self.first = nnx.Conv(3, 4, (3, 3), padding="VALID", rngs=rngs)
        self.second = nnx.Conv(4, 5, (2, 2), padding="VALID", rngs=rngs)
        self.dense = nnx.Linear(3 * 3 * 5, 2, rngs=rngs)

    def __call__(self, images):
        x = checkpoint_name(jax.nn.relu(self.first(images)), "first")
        x = checkpoint_name(self.second(x), "second")
        return checkpoint_name(self.dense(x.reshape(len(x), -1)), "dense")


@pytest.fixture(scope="module")
def network():
    spec = Spec("two", (6, 6, 3), ("a", "b"), (0.1, 0.2, 0.3), std=(0.5, 0.25, 2.0))
    return Network.of(Two(), spec)


PHOTOS = np.random.default_rng(0).integers(0, 256, (5, 6, 6, 3), np.uint8)


def convolve(images: np.ndarray, conv: nnx.Conv) -> np.ndarray:
    """By its definition, pixel by pixel."""
    kernel, bias = np.asarray(conv.kernel[...]), np.asarray(conv.bias[...])
    rows, cols = images.shape[1] - kernel.shape[0] + 1, images.shape[2] - kernel.shape[1] + 1
    out = np.zeros((len(images), rows, cols, kernel.shape[3]))
    for n, row, col, k in np.ndindex(*out.shape):
        seen = images[n, row : row + kernel.shape[0], col : col + kernel.shape[1]]
        out[n, row, col, k] = (seen * kernel[..., k]).sum() + bias[k]
    return out


def test_features_are_mean_and_maximum_of_every_map(network):
    module = nnx.merge(network.graphdef, network.state)
    images = (PHOTOS / 255 - np.array([0.1, 0.2, 0.3])) / np.array([0.5, 0.25, 2.0])
    first = np.maximum(convolve(images, module.first), 0)
    second = convolve(first, module.second)
    # Batches of two of five photos: the last one overlaps the one before.
    found = transfer.features(network, PHOTOS, ["second", "first"], batch_size=2, progress=False)
    assert list(found) == ["second", "first"]
    for name, maps in (("first", first), ("second", second)):
        assert found[name].shape == (5, 2, maps.shape[-1])
        np.testing.assert_allclose(found[name][:, 0], maps.mean((1, 2)), rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(found[name][:, 1], maps.max((1, 2)), rtol=1e-4, atol=1e-5)


def test_a_dense_layer_has_one_value_a_feature(network):
    found = transfer.features(network, PHOTOS, ["dense"], progress=False)["dense"]
    logits = network(network.normalize(PHOTOS / np.float32(255)))
    np.testing.assert_allclose(found[:, 0], logits, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(found[:, 0], found[:, 1])


def test_nothing_above_the_deepest_layer_is_computed(network):
    text = (
        jax.jit(transfer._features._pool, static_argnames="layers")
        .lower(network, PHOTOS, ("first", "second"))
        .as_text()
    )
    assert text.count("stablehlo.convolution") == 2
    assert "dot_general" not in text


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        (["first", "third"], "`layers` must be some of first, second, dense, got third."),
        ([], "`layers` must be some of first, second, dense, got none."),
    ],
)
def test_layers_that_are_not_there_are_refused(network, layers, message):
    with pytest.raises(ValueError, match="`layers` must be") as error:
        transfer.features(network, PHOTOS, layers)
    assert str(error.value) == message


def test_a_set_without_photos_is_refused(network):
    with pytest.raises(ValueError, match="`photos` must hold a photo, got none"):
        transfer.features(network, PHOTOS[:0], ["first"])


def test_a_network_of_convolutions_takes_other_sizes(network):
    spec = Spec("any", (6, 6, 3), ("a", "b"), (0.0,), any_size=True)
    larger = transfer.sized(Network(network.state, network.graphdef, spec), 9)
    assert larger.input_shape == (9, 9, 3)
    photo = np.arange(20 * 18 * 3, dtype=np.uint8).reshape(20, 18, 3)
    assert larger.crop(photo).shape == (9, 9, 3)
    assert transfer.sized(network, 6).input_shape == (6, 6, 3)
    with pytest.raises(ValueError, match="`size` must be 6 for two, which has dense layers, got 9"):
        transfer.sized(network, 9)
    with pytest.raises(ValueError, match="`size` must be at least 1, got 0"):
        transfer.sized(larger, 0)


ROWS = np.random.default_rng(1).normal(2, 3, (40, 6)).astype(np.float32)
LABELS = np.random.default_rng(2).integers(0, 3, 40)


def gradient(fitted: transfer.Softmax, strength: float) -> np.ndarray:
    """Of the regularized loss, in double precision, by the textbook's formula."""
    rows = (np.float64(ROWS) - ROWS.mean(0)) / ROWS.std(0)
    logits = rows @ np.asarray(fitted.kernel) + np.asarray(fitted.bias)
    shares = np.exp(logits - logits.max(1, keepdims=True))
    error = shares / shares.sum(1, keepdims=True) - np.eye(3)[LABELS]
    return np.concatenate([rows.T @ error / 40 + strength * np.asarray(fitted.kernel), error.mean(0)[None]])


@pytest.mark.parametrize("strength", [0.0, 0.01, 1.0])
def test_the_fit_is_where_the_gradient_vanishes(strength):
    fitted = transfer.fit_softmax(ROWS, LABELS, 3, strength=strength)
    # The loss is convex, so this is its one minimum; L-BFGS takes one more step after it has found 1e-3.
    assert np.linalg.norm(gradient(fitted, strength)) < 1e-3
    assert np.linalg.norm(gradient(fitted._replace(kernel=0 * fitted.kernel), strength)) > 0.05


def test_the_fit_does_not_depend_on_the_units_of_a_feature():
    units = np.array([1e-3, 1.0, 50.0, -2.0, 1.0, 10.0], np.float32)
    one = transfer.fit_softmax(ROWS, LABELS, 3, strength=0.1)(ROWS)
    other = transfer.fit_softmax(ROWS * units + 5, LABELS, 3, strength=0.1)(ROWS * units + 5)
    np.testing.assert_allclose(one, other, atol=2e-2)  # both stop at a gradient of 1e-3, whose strength is 0.1


def test_a_feature_that_never_changes_is_harmless():
    dead = ROWS.copy()
    dead[:, 2] = 3.3
    fitted = transfer.fit_softmax(dead, LABELS, 3, strength=0.1)
    assert np.isfinite(fitted(dead)).all()
    np.testing.assert_allclose(fitted.kernel[2], 0, atol=1e-6)


def test_a_path_ends_where_each_fit_alone_ends():
    path = transfer.softmax_path(ROWS, LABELS, 3, strengths=[0.01, 1.0, 0.1])
    assert list(path) == [1.0, 0.1, 0.01]
    for strength, fitted in path.items():
        assert np.linalg.norm(gradient(fitted, strength)) < 1e-3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((ROWS[:, :, None], LABELS, 3, 1.0), "`features` must have shape (n, d) and `labels` (n,), got (40, 6, 1)"),
        ((ROWS, LABELS[:-1], 3, 1.0), "got (40, 6) and (39,). Flatten the features of each photo."),
        ((ROWS * np.nan, LABELS, 3, 1.0), "`features` must be finite, got NaN or infinity."),
        ((ROWS, LABELS, 2, 1.0), "`labels` must lie in 0..1, got 0..2. Give more classes."),
        ((ROWS, LABELS, 3, -1.0), "`strength` must be at least 0, got -1.0."),
        ((ROWS, LABELS, 3, jnp.nan), "`strength` must be at least 0, got nan."),
    ],
)
def test_arguments_that_do_not_fit_are_refused(arguments, message):
    rows, labels, num_classes, strength = arguments
    with pytest.raises(ValueError, match="must") as error:
        transfer.fit_softmax(rows, labels, num_classes, strength=strength)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("labels", "kind", "text"),
    [
        (
            np.eye(3)[LABELS],
            ValueError,
            "one class number for each image, got shape (40, 3). Take the indices of one-hot rows: labels.argmax(-1).",
        ),
        (LABELS + 0.5, TypeError, "class numbers, got float64. Give the place of each name: names.index(name)."),
        (
            np.array(["cat"] * 40),
            TypeError,
            "class numbers, got 'cat'. Give the place of each name: names.index(name).",
        ),
    ],
)
def test_labels_that_are_no_class_numbers_are_refused(labels, kind, text):
    with pytest.raises(kind, match=f"^{re.escape('`labels` must be ' + text)}$"):
        transfer.fit_softmax(ROWS, labels, 3, strength=1.0)
    with pytest.raises(kind, match=f"^{re.escape('`labels` must be ' + text)}$"):
        next(transfer.fit_head(untrained(), RECIPE, ROWS[:, None], labels, key=jax.random.key(0)))


RECIPE = Recipe("none", epochs=3, batch_size=8, learning_rate=5e-2, weight_decay=0.1, label_smoothing=0.1)


def untrained(width: int = 6, classes: int = 3) -> transfer.Head:
    center, scale = transfer.standardization(ROWS)
    return transfer.Head(center[:width], scale[:width], 7, classes, rngs=nnx.Rngs(0))


def test_a_head_learns_what_can_be_learned_and_the_given_one_is_left_alone():
    rows = ROWS.copy()
    rows[np.arange(40), LABELS] += 12
    head = untrained()
    before = jax.tree.map(np.asarray, nnx.state(head))
    heads = list(transfer.fit_head(head, RECIPE, rows[:, None], LABELS, key=jax.random.key(0)))
    assert len(heads) == 3
    losses = [loss for _, loss in heads]
    assert losses[0] > losses[1] > losses[2]
    last, _ = heads[-1]
    assert np.mean(np.asarray(last(rows)).argmax(1) == LABELS) > 0.9
    assert all(jax.tree.leaves(jax.tree.map(lambda a, b: bool((a == b).all()), before, nnx.state(head))))
    np.testing.assert_array_equal(last.center[...], head.center[...])
    np.testing.assert_array_equal(last.scale[...], head.scale[...])


def test_an_epoch_of_one_step_is_the_optimizers_step():
    # One batch of all photos, so that the order has no say: the gradient is written out.
    recipe = Recipe("none", epochs=1, batch_size=40, learning_rate=1e-2, warmup=0.0)
    head = untrained()
    ((fitted, loss),) = transfer.fit_head(head, recipe, ROWS[:, None], LABELS, key=jax.random.key(0))
    rows = (np.float64(ROWS) - ROWS.mean(0)) / ROWS.std(0)
    first, second = np.asarray(head.hidden.kernel[...]), np.asarray(head.classes.kernel[...])
    hidden = np.maximum(rows @ first, 0)
    shares = np.exp(hidden @ second)
    shares /= shares.sum(1, keepdims=True)
    assert loss == pytest.approx(-np.log(shares[np.arange(40), LABELS]).mean(), rel=1e-4)
    error = (shares - np.eye(3)[LABELS]) / 40
    gradients = {"hidden": rows.T @ (error @ second.T * (hidden > 0)), "classes": hidden.T @ error}
    for name, gradient in gradients.items():
        moved = np.asarray(getattr(fitted, name).kernel[...]) - np.asarray(getattr(head, name).kernel[...])
        # Adam's first step has the size of the learning rate, against the sign of the gradient.
        steep = abs(gradient) > 1e-5
        np.testing.assert_allclose(moved[steep], -0.01 * np.sign(gradient[steep]), rtol=1e-2)
        assert steep.mean() > 0.5


def test_each_epoch_sees_one_view_of_a_photo():
    views = np.stack([ROWS, np.full_like(ROWS, np.nan)], axis=1)
    ((_, loss),) = transfer.fit_head(
        untrained(), Recipe("none", 1, 40, 1e-3), views[:, :1], LABELS, key=jax.random.key(0)
    )
    assert np.isfinite(loss)
    ((_, loss),) = transfer.fit_head(untrained(), Recipe("none", 1, 40, 1e-3), views, LABELS, key=jax.random.key(0))
    assert np.isnan(loss)


def test_a_headed_trunk_gives_what_its_head_makes_of_its_features(network):
    found = transfer.flat(transfer.features(network, PHOTOS, ["first", "second"], progress=False))
    assert found.shape == (5, 18)
    head = transfer.Head(*transfer.standardization(found), 7, 3, rngs=nnx.Rngs(0))
    whole = transfer.Headed(network, ("first", "second"), head)
    images = network.normalize(PHOTOS / np.float32(255))
    np.testing.assert_allclose(whole(images), head(found), rtol=1e-4, atol=1e-4)


def test_recipes_that_do_not_fit_a_head_are_refused():
    with pytest.raises(ValueError, match="`recipe` must be without flip and shift"):
        next(transfer.fit_head(untrained(), Recipe("none", 1, 8, 1e-3, flip=True), ROWS[:, None], LABELS, key=None))
    with pytest.raises(ValueError, match="`batch_size` must be at most the number of photos, got 41 for 40"):
        next(transfer.fit_head(untrained(), Recipe("none", 1, 41, 1e-3), ROWS[:, None], LABELS, key=None))
    with pytest.raises(ValueError, match=r"^`labels` must be one for each photo, got 39 for 40 photos\.$"):
        next(transfer.fit_head(untrained(), RECIPE, ROWS[:, None], LABELS[:-1], key=None))

"""Training on a handful of tiny images: what it computes, and that it can be killed."""

import dataclasses
import signal
import subprocess
import sys
import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from jax.ad_checkpoint import checkpoint_name

import jaxviz as jv
import models
from models import training
from models.cifar import CifarWide
from models.datasets import Examples
from models.training._augment import flip, shift
from models.training._step import _dropping as dropping
from tests import quick


class Tiny(nnx.Module):
    """A convolution, a pool and a dense layer."""

    def __init__(self, *, rngs: nnx.Rngs):
        self.conv1 = nnx.Conv(1, 3, (3, 3), rngs=rngs)
        self.predictions = nnx.Linear(48, 4, rngs=rngs)

    def __call__(self, images):
        x = checkpoint_name(jax.nn.relu(self.conv1(images)), "conv1")
        x = nnx.max_pool(x, (2, 2), (2, 2))
        return self.predictions(x.reshape(len(x), -1))


def tiny(seed=0):
    spec = models.Spec("tiny", (8, 8, 1), tuple("abcd"), mean=(0.5,))
    return quick.jit(lambda: models.Network.of(Tiny(rngs=nnx.Rngs(seed)), spec))()


def corners(count=100, seed=0):
    """A bright square in one of four corners, which is the class, and noise."""
    rng = np.random.default_rng(seed)
    images, labels = rng.integers(0, 120, (count, 8, 8, 1), np.uint8), rng.integers(0, 4, count).astype(np.int32)
    for image, label in zip(images, labels, strict=True):
        row, col = 4 * (label // 2), 4 * (label % 2)
        image[row : row + 4, col : col + 4] += 120
    return Examples(images, labels)


RECIPE = training.Recipe("corners", epochs=3, batch_size=16, learning_rate=0.05, dropout=(("conv1", 0.1),), shift=1)


def leaves(network):
    return [np.asarray(leaf) for leaf in jax.tree.leaves(network)]


def same(one, other):
    for a, b in zip(leaves(one), leaves(other), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.fixture(scope="module")
def epochs():
    """A training that nothing has interrupted."""
    return list(training.train(tiny(), RECIPE, corners(), key=jax.random.key(1)))


@pytest.mark.slow
def test_it_learns(epochs):
    assert [epoch.number for epoch in epochs] == [1, 2, 3]
    assert epochs[2].loss < epochs[0].loss / 2
    assert epochs[2].accuracy > 0.9
    assert training.evaluate(epochs[2].network, corners(seed=1)).accuracy > 0.95


def test_the_key_decides_the_weights(epochs):
    first = next(training.train(tiny(), RECIPE, corners(), key=jax.random.key(1)))
    same(first.network, epochs[0].network)
    other = next(training.train(tiny(), RECIPE, corners(), key=jax.random.key(2)))
    assert any((a != b).any() for a, b in zip(leaves(other.network), leaves(first.network), strict=True))


@pytest.mark.slow
def test_a_training_goes_on_to_the_same_bits(epochs, tmp_path):
    stopped = training.train(tiny(), RECIPE, corners(), key=jax.random.key(1), folder=tmp_path / "snapshots")
    assert next(stopped).number == 1
    assert next(stopped).number == 2
    stopped.close()  # before the second epoch was saved
    rest = list(training.train(tiny(), RECIPE, corners(), key=jax.random.key(1), folder=tmp_path / "snapshots"))
    assert [epoch.number for epoch in rest] == [2, 3]
    same(rest[-1].network, epochs[-1].network)
    assert not list(training.train(tiny(), RECIPE, corners(), key=jax.random.key(1), folder=tmp_path / "snapshots"))


class Smooth(Tiny):
    """The same parameters, another architecture."""

    def __call__(self, images):
        x = jax.nn.gelu(self.conv1(images))
        x = checkpoint_name(nnx.avg_pool(x, (2, 2), (2, 2)), "conv1")
        return self.predictions(x.reshape(len(x), -1))


@pytest.mark.slow
def test_snapshots_of_another_training_are_refused(tmp_path):
    images, labels = corners()
    given = {"network": tiny(), "recipe": RECIPE, "examples": Examples(images, labels), "key": jax.random.key(1)}
    for _ in zip(range(2), training.train(**given, folder=tmp_path), strict=False):
        pass

    def refused(differing, **other):
        text = rf"^`folder` must hold snapshots of the same training, got some that differ in {differing}\. Give"
        with pytest.raises(ValueError, match=text):
            next(training.train(**given | other, folder=tmp_path))

    spec = given["network"].spec
    smooth = models.Network.of(quick.jit(lambda: Smooth(rngs=nnx.Rngs(0)))(), spec)
    smooth = dataclasses.replace(smooth, state=given["network"].state)
    refused("program", network=smooth)
    refused("program", network=dataclasses.replace(given["network"], spec=dataclasses.replace(spec, mean=(0.25,))))
    refused("weights", network=tiny(seed=1))
    refused("key", key=jax.random.key(2))
    refused("learning_rate, program", recipe=dataclasses.replace(RECIPE, learning_rate=0.01))
    refused("examples", examples=Examples(images, (labels + 1) % 4))
    images = images.copy()
    images[-1, -1, -1] += 1
    refused("examples", examples=Examples(images, labels))


KILLED = """
import json, sys, jax
from pathlib import Path
from models import training
from tests.models.test_training import RECIPE, corners, tiny
out = Path(sys.argv[1])
for epoch in training.train(tiny(), RECIPE, corners(), key=jax.random.key(1), folder=out / "snapshots"):
    (out / f"{epoch.number}.safetensors").write_bytes(training.to_safetensors(epoch.network))
"""


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["while it trains", "while it saves"])
def test_a_killed_training_goes_on_to_the_same_bits(moment, epochs, tmp_path):
    command = [sys.executable, "-c", KILLED, str(tmp_path)]
    process = subprocess.Popen(command)
    unfinished = "*.orbax-checkpoint-tmp*" if moment == "while it saves" else "1"
    while process.poll() is None and not list((tmp_path / "snapshots").glob(unfinished)):
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    subprocess.run(command, check=True)
    assert (tmp_path / "3.safetensors").read_bytes() == training.to_safetensors(epochs[-1].network)
    assert [path.name for path in (tmp_path / "snapshots").iterdir()] == ["3"]


def adamw(parameters, gradients, rate, decay):
    """The first step of AdamW, by its paper: there, the moments' ratio is the gradient's sign."""
    step = [g / (np.abs(g) + 1e-8) for g in gradients]
    return [p - rate * (s + decay * (p if p.ndim > 1 else 0)) for p, s in zip(parameters, step, strict=True)]


def test_a_step_is_that_of_adamw_on_the_plain_gradient():
    network, examples = tiny(), corners(16)
    recipe = training.Recipe("corners", 1, 16, 0.1, warmup=0.0, weight_decay=0.3, label_smoothing=0.2)

    def loss(network):
        logits = network(jnp.asarray(examples.images / np.float32(255) - 0.5))
        targets = 0.8 * jax.nn.one_hot(examples.labels, 4) + 0.2 / 4
        return -jnp.mean(jnp.sum(targets * jax.nn.log_softmax(logits), -1))

    value, gradient = quick.jit(jax.value_and_grad(loss))(network)
    (epoch,) = training.train(network, recipe, examples, key=jax.random.key(0))
    assert epoch.loss == pytest.approx(float(value), rel=1e-5)
    for found, wanted in zip(leaves(epoch.network), adamw(leaves(network), leaves(gradient), 0.1, 0.3), strict=True):
        np.testing.assert_allclose(found, wanted, atol=1e-4)


def test_half_of_the_images_are_mirrored():
    images = np.random.default_rng(0).integers(0, 256, (200, 2, 3, 1), np.uint8)
    found = np.asarray(flip(jnp.asarray(images), key=jax.random.key(0)))
    mirrored = (found == images[:, :, ::-1]).all((1, 2, 3))
    kept = (found == images).all((1, 2, 3))
    assert (mirrored | kept).all()
    assert 70 < mirrored.sum() < 130


def test_images_are_moved_by_all_shifts_and_their_rim_is_repeated():
    image = np.arange(20, dtype=np.uint8).reshape(1, 4, 5, 1)
    found = shift(jnp.asarray(np.repeat(image, 200, axis=0)), 1, key=jax.random.key(0))
    padded = np.pad(image[0], ((1, 1), (1, 1), (0, 0)), mode="edge")
    expected = {padded[row : row + 4, col : col + 5].tobytes() for row in range(3) for col in range(3)}
    assert {np.asarray(one).tobytes() for one in found} == expected


def test_dropout_keeps_the_mean_and_drops_its_share():
    recipe = dataclasses.replace(RECIPE, dropout=(("units", 0.25),))
    dropped = dropping(lambda images: 1 + checkpoint_name(images, "units"), recipe, jax.random.key(0))
    found = np.asarray(dropped(jnp.full((100, 100), 3.0))) - 1
    np.testing.assert_allclose(np.unique(found), [0, 4])
    assert abs((found == 0).mean() - 0.25) < 0.02
    assert abs((found == 0).mean(0) - 0.25).max() < 0.25  # each image drops its own


def naive_confusion(network, examples):
    counts = np.zeros((4, 4), int)
    logits = np.asarray(network(network.normalize(examples.images / np.float32(255))))
    for label, scores in zip(examples.labels, logits, strict=True):
        counts[label, np.argmax(scores)] += 1
    return counts, logits


@pytest.mark.parametrize("batch_size", [7, 100])
def test_an_evaluation_counts_every_example_once(batch_size):
    network, examples = tiny(), corners(30)
    found = training.evaluate(network, examples, batch_size=batch_size)
    counts, logits = naive_confusion(network, examples)
    np.testing.assert_array_equal(found.confusion, counts)
    assert found.accuracy == pytest.approx(np.trace(counts) / 30)
    probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    assert found.loss == pytest.approx(-np.log(probabilities[np.arange(30), examples.labels]).mean(), rel=1e-5)


@pytest.mark.slow
def test_the_wide_network_takes_a_step():
    wide = quick.jit(
        lambda: models.Network.of(
            CifarWide(width=1 / 64, rngs=nnx.Rngs(0)), models.Spec("cifar_wide", (32, 32, 3), tuple("abcd"), (0.5,) * 3)
        )
    )()
    recipe = dataclasses.replace(training.RECIPES["cifar_wide"], batch_size=4, epochs=1)
    images = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), np.uint8)
    (epoch,) = training.train(wide, recipe, Examples(images, np.arange(4, dtype=np.int32)), key=jax.random.key(0))
    assert all((a != b).any() for a, b in zip(leaves(epoch.network), leaves(wide), strict=True))


def test_saved_weights_are_read_back(tmp_path):
    network = quick.jit(lambda: models.initialize("mnist_cnn1"))()
    file = tmp_path / "weights.safetensors"
    file.write_bytes(training.to_safetensors(network))
    same(models.load("mnist_cnn1", file), network)


@pytest.mark.parametrize("name", training.RECIPES)
def test_every_recipe_is_for_a_network_and_its_layers(name):
    network = jax.eval_shape(lambda: models.initialize(name))
    layers = jv.layers(network, jax.ShapeDtypeStruct((1, *network.input_shape), np.float32))
    recipe = training.RECIPES[name]
    assert {layer for layer, _ in recipe.dropout} <= set(layers)
    assert all(epoch <= recipe.epochs for epoch in recipe.keep)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epochs": 0}, "`epochs` must be at least 1, got 0"),
        ({"batch_size": 0}, "`batch_size` must be at least 1, got 0"),
        ({"learning_rate": 0.0}, "`learning_rate` must be positive, got 0.0"),
        ({"dropout": (("conv1", 1.0),)}, "`dropout of conv1` must be at least 0 and below 1, got 1.0"),
        ({"shift": -1}, "`shift` must be at least 0, got -1"),
    ],
)
def test_a_recipe_that_makes_no_sense_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(RECIPE, **changes)


def refused(match, examples, recipe=RECIPE):
    with pytest.raises(ValueError, match=match):
        next(training.train(tiny(), recipe, examples, key=jax.random.key(0)))


@pytest.mark.slow
def test_examples_must_fit_the_network():
    images, labels = corners(20)
    refused(
        r"must hold uint8 images of shape \(n, 8, 8, 1\) for tiny, got float32",
        Examples(images / np.float32(1), labels),
    )
    refused(r"must hold uint8 images .* got uint8 of \(20, 8, 7, 1\)", Examples(images[:, :, :7], labels))
    refused("one label in 0..3 for each image, got 20 in 0..4", Examples(images, np.arange(20, dtype=np.int32) % 5))
    refused(r"^`examples.labels` must be one class number .* got shape \(20, 4\)", Examples(images, np.eye(4)[labels]))
    with pytest.raises(TypeError, match=r"^`examples.labels` must be class numbers, got float64\."):
        next(training.train(tiny(), RECIPE, Examples(images, labels / 2), key=jax.random.key(0)))
    refused("`batch_size` must be at most the number of examples, got 16 for 9", Examples(images[:9], labels[:9]))


@pytest.mark.slow
def test_a_training_that_diverges_says_so():
    refused("`learning_rate` must keep the loss finite", corners(), dataclasses.replace(RECIPE, learning_rate=1e30))

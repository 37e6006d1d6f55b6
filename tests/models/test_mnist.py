import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

import jaxviz as jv
import models
from tests import quick

LAYERS = {
    "mnist_cnn1": {"conv1": (6, 6, 16), "pool1": (3, 3, 16), "conv2": (2, 2, 32), "pool2": (1, 1, 32)},
    "mnist_cnn2": {"conv1": (28, 28, 16), "pool1": (14, 14, 16), "conv2": (14, 14, 32), "pool2": (7, 7, 32)},
    "mnist_cnn3": {
        "conv1": (28, 28, 9),
        "pool1": (14, 14, 9),
        "conv2": (14, 14, 9),
        "pool2": (7, 7, 9),
        "conv3": (7, 7, 16),
        "pool3": (3, 3, 16),
        "dense1": (25,),
    },
}
# By hand: kernel rows x columns x channels x maps + maps, layer by layer.
PARAMETERS = {
    "mnist_cnn1": 100 * 16 + 16 + 25 * 16 * 32 + 32 + 32 * 10 + 10,
    "mnist_cnn2": 25 * 16 + 16 + 25 * 16 * 32 + 32 + 1568 * 10 + 10,
    "mnist_cnn3": 7465,
}


@pytest.fixture(params=LAYERS)
def network(request):
    """Shapes alone: nothing is allocated."""
    return jax.eval_shape(lambda: models.initialize(request.param))


def test_the_number_of_parameters(network):
    assert sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(network)) == PARAMETERS[network.name]


def test_the_shapes_of_the_layers(network):
    layers = jv.layers(network, jax.ShapeDtypeStruct((1, 28, 28, 1), np.float32))
    found = {name: layer.shape[1:] for name, layer in layers.items()}
    assert found == {**LAYERS[network.name], "predictions": (10,)}
    assert list(found)[-1] == "predictions"


def test_a_stride_of_four_takes_every_fourth_patch():
    network = quick.jit(lambda: models.initialize("mnist_cnn1"))()
    image = np.random.default_rng(0).random((1, 28, 28, 1), np.float32)
    kernel, bias = network.state["conv1"]["kernel"][...], network.state["conv1"]["bias"][...]
    padded = np.pad(image[0, :, :, 0], 2)
    maps = np.asarray(jv.upto(network, "conv1")(jnp.asarray(image)))[0]
    patch = padded[8:18, 20:30]
    expected = np.maximum(np.tensordot(patch, kernel[:, :, 0], 2) + bias, 0)
    np.testing.assert_allclose(maps[2, 5], expected, atol=1e-5)


@pytest.fixture(scope="module")
def gray():
    return jax.eval_shape(lambda: models.initialize("mnist_cnn3"))


def test_a_photo_becomes_luma(gray):
    photo = np.random.default_rng(1).integers(0, 256, (28, 28, 3), np.uint8)
    expected = np.asarray(Image.fromarray(photo).convert("L"), np.float32)[None, :, :, None] / 255
    images = gray.preprocess(photo)
    assert images.shape == (1, 28, 28, 1)
    np.testing.assert_allclose(images, expected, atol=1e-6)
    # Pillow rounds to bytes.
    np.testing.assert_allclose(gray.normalize(photo[None] / np.float32(255)), expected, atol=0.6 / 255)


@pytest.mark.parametrize("shape", [(28, 28), (28, 28, 1)])
def test_a_digit_is_taken_as_it_is(gray, shape):
    digit = np.random.default_rng(2).integers(0, 256, shape, np.uint8)
    np.testing.assert_allclose(gray.preprocess(digit)[0, :, :, 0], digit.reshape(28, 28) / np.float32(255))


def test_gray_images_are_shown_in_three_equal_channels(gray):
    images = gray.preprocess(np.random.default_rng(3).integers(0, 256, (28, 28), np.uint8))
    pixels = gray.denormalize(images)
    assert pixels.shape == (1, 28, 28, 3)
    np.testing.assert_array_equal(pixels, np.repeat(images, 3, axis=-1))
    np.testing.assert_allclose(gray.normalize(pixels), images, atol=1e-6)


def test_color_images_are_refused_by_a_gray_network(gray):
    with pytest.raises(ValueError, match=r"must have shape \(n, 28, 28, 1\) for mnist_cnn3, got \(1, 28, 28, 3\)"):
        gray(np.zeros((1, 28, 28, 3), np.float32))

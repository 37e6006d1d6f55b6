import math

import jax
import numpy as np
import pytest
from flax import nnx

import jaxviz as jv
import models
from models.cifar import CifarSmall, CifarWide

LAYERS = {
    "cifar_small": {
        "conv1": (32, 32, 16),
        "pool1": (16, 16, 16),
        "conv2": (16, 16, 32),
        "pool2": (8, 8, 32),
        "conv3": (8, 8, 32),
        "dense1": (128,),
    },
    "cifar_wide": {
        "conv1": (28, 28, 256),
        "pool1": (14, 14, 256),
        "conv2": (12, 12, 1024),
        "pool2": (6, 6, 1024),
        "conv3": (4, 4, 2048),
        "pool3": (2, 2, 2048),
        "conv4": (2, 2, 2048),
        "pool4": (1, 1, 2048),
        "dense1": (1024,),
        "dense2": (256,),
    },
}
PARAMETERS = {
    "cifar_small": 277_898,
    "cifar_wide": (75 * 256 + 256)
    + (9 * 256 * 1024 + 1024)
    + (9 * 1024 * 2048 + 2048)
    + (2048 * 2048 + 2048)
    + (2048 * 1024 + 1024)
    + (1024 * 256 + 256)
    + (256 * 10 + 10),
}


def count(tree):
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(tree))


def shapes(name):
    """A network of shapes alone: nothing is allocated."""
    return jax.eval_shape(lambda: models.initialize(name))


def variant(module):
    """The network of a module made by `module()`, as shapes."""
    return jax.eval_shape(lambda: models.Network.of(module(), shapes("cifar_small").spec))


def layers(network):
    found = jv.layers(network, jax.ShapeDtypeStruct((1, 32, 32, 3), np.float32))
    return {name: layer.shape[1:] for name, layer in found.items()}


@pytest.fixture(params=LAYERS)
def network(request):
    return shapes(request.param)


def test_the_number_of_parameters(network):
    assert count(network) == PARAMETERS[network.name]


def test_the_shapes_of_the_layers(network):
    assert layers(network) == {**LAYERS[network.name], "predictions": (10,)}


def test_a_convolution_can_be_left_out_and_its_pool_stays():
    network = variant(lambda: CifarSmall(maps=(16, 0, 32), rngs=nnx.Rngs(0)))
    assert layers(network) == {
        "conv1": (32, 32, 16),
        "pool1": (16, 16, 16),
        "pool2": (8, 8, 16),
        "conv3": (8, 8, 32),
        "dense1": (128,),
        "predictions": (10,),
    }
    assert count(network) == 448 + (9 * 16 * 32 + 32) + (2048 * 128 + 128) + 1290


def test_both_dense_layers_can_go():
    assert list(layers(variant(lambda: CifarSmall(dense=(), rngs=nnx.Rngs(0)))))[-2:] == ["conv3", "predictions"]


def test_the_wide_network_can_be_narrowed():
    assert layers(variant(lambda: CifarWide(width=1 / 64, rngs=nnx.Rngs(0))))["conv3"] == (4, 4, 32)


def test_pixels_come_back_from_the_networks_range():
    network = shapes("cifar_small")
    photo = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    np.testing.assert_allclose(network.denormalize(network.preprocess(photo))[0], photo / np.float32(255), atol=1e-6)

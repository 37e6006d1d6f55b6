"""The networks that come without weights: their size and their layers."""

import math
import re

import jax
import numpy as np
import pytest

import jaxviz as jv
import models

PARAMETERS = {"vgg16": 138_357_544, "resnet18": 11_689_512}
SHAPES = {
    "vgg16": {"conv1_1": (1, 224, 224, 64), "pool5": (1, 7, 7, 512), "fc1": (1, 4096), "predictions": (1, 1000)},
    "resnet18": {"conv1": (1, 112, 112, 64), "pool1": (1, 56, 56, 64), "block4_2": (1, 7, 7, 512), "pooled": (1, 512)},
}


@pytest.fixture(scope="module", params=PARAMETERS)
def network(request):
    """Shapes alone: nothing is allocated."""
    return jax.eval_shape(lambda: models.initialize(request.param))


def test_the_number_of_parameters_is_the_published_one(network):
    leaves = jax.tree_util.tree_leaves_with_path(network)
    trained = [leaf for path, leaf in leaves if not re.search(r"\['(mean|var)'\]", jax.tree_util.keystr(path))]
    assert sum(math.prod(leaf.shape) for leaf in trained) == PARAMETERS[network.name]


def test_the_layers_have_the_published_shapes(network):
    layers = jv.layers(network, jax.ShapeDtypeStruct((1, 224, 224, 3), np.float32))
    expected = SHAPES[network.name]
    assert {name: layers[name].shape for name in expected} == expected
    assert len(layers) == {"vgg16": 21, "resnet18": 11}[network.name]


def test_without_weights_the_way_out_is_said():
    with pytest.raises(FileNotFoundError, match=re.escape("take models.initialize('vgg16') for random ones")):
        models.load("vgg16")

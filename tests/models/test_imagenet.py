"""The networks for ImageNet that come without weights: their size and their layers."""

import math
import re

import jax
import numpy as np
import pytest

import jaxviz as jv
import models

PARAMETERS = {
    "vgg16": 138_357_544,
    "alexnet": 61_100_840,
    "zfnet": 62_357_608,
    "resnet18": 11_689_512,
    "resnet50": 25_557_032,
}
FIVE = "conv1 pool1 conv2 pool2 conv3 conv4 conv5 pool5 fc1 fc2 predictions"
VGG16 = (
    "conv1_1 conv1_2 pool1 conv2_1 conv2_2 pool2 conv3_1 conv3_2 conv3_3 pool3 conv4_1 conv4_2 conv4_3 pool4 "
    "conv5_1 conv5_2 conv5_3 pool5 fc1 fc2 predictions"
)
RESNET18 = "conv1 pool1 block1_1 block1_2 block2_1 block2_2 block3_1 block3_2 block4_1 block4_2 pooled"
RESNET50 = (
    "conv1 pool1 block1_1 block1_2 block1_3 block2_1 block2_2 block2_3 block2_4 block3_1 block3_2 block3_3 block3_4 "
    "block3_5 block3_6 block4_1 block4_2 block4_3 pooled"
)
LAYERS = {"vgg16": VGG16, "alexnet": FIVE, "zfnet": FIVE, "resnet18": RESNET18, "resnet50": RESNET50}
SHAPES = {
    "vgg16": {
        "conv1_1": (224, 224, 64),
        "pool1": (112, 112, 64),
        "pool2": (56, 56, 128),
        "pool3": (28, 28, 256),
        "pool4": (14, 14, 512),
        "pool5": (7, 7, 512),
        "fc1": (4096,),
        "fc2": (4096,),
        "predictions": (1000,),
    },
    "alexnet": {
        "conv1": (55, 55, 64),
        "pool1": (27, 27, 64),
        "conv2": (27, 27, 192),
        "pool2": (13, 13, 192),
        "conv3": (13, 13, 384),
        "conv4": (13, 13, 256),
        "pool5": (6, 6, 256),
        "fc1": (4096,),
        "predictions": (1000,),
    },
    "zfnet": {
        "conv1": (110, 110, 96),
        "pool1": (55, 55, 96),
        "conv2": (26, 26, 256),
        "pool2": (13, 13, 256),
        "conv3": (13, 13, 384),
        "conv4": (13, 13, 384),
        "conv5": (13, 13, 256),
        "pool5": (6, 6, 256),
        "fc2": (4096,),
        "predictions": (1000,),
    },
    "resnet18": {"conv1": (112, 112, 64), "pool1": (56, 56, 64), "block4_2": (7, 7, 512), "pooled": (512,)},
    "resnet50": {
        "conv1": (112, 112, 64),
        "block1_3": (56, 56, 256),
        "block2_4": (28, 28, 512),
        "block3_6": (14, 14, 1024),
        "block4_3": (7, 7, 2048),
        "pooled": (2048,),
    },
}


@pytest.fixture(scope="module", params=PARAMETERS)
def network(request):
    """Shapes alone: nothing is allocated."""
    return jax.eval_shape(lambda: models.initialize(request.param))


def test_the_number_of_parameters_is_the_published_one(network):
    leaves = jax.tree_util.tree_leaves_with_path(network)
    trained = [leaf for path, leaf in leaves if not re.search(r"\['(mean|var)'\]", jax.tree_util.keystr(path))]
    assert sum(math.prod(leaf.shape) for leaf in trained) == PARAMETERS[network.name]


def test_the_layers_have_the_published_names_and_shapes(network):
    layers = jv.layers(network, jax.ShapeDtypeStruct((2, 224, 224, 3), np.float32))
    assert " ".join(layers) == LAYERS[network.name]
    expected = SHAPES[network.name]
    assert {name: layers[name].shape for name in expected} == {name: (2, *shape) for name, shape in expected.items()}


def test_without_weights_the_way_out_is_said():
    with pytest.raises(FileNotFoundError, match=re.escape("take models.initialize('vgg16') for random ones")):
        models.load("vgg16")

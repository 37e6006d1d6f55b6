import hashlib
import json
import os
from pathlib import Path

import jax
import numpy as np
import pytest
import skimage

import jaxviz as jv
import models
from models.registry import CHECKPOINTS
from scripts._harness import photo_folder as _photo_folder
from scripts.accuracy.__main__ import accuracy

LAYERS = "conv1 pool1 fire2 fire3 pool3 fire4 fire5 pool5 fire6 fire7 fire8 fire9 conv10".split()
SHAPES = {"conv1": (1, 113, 113, 64), "fire3": (1, 56, 56, 128), "fire9": (1, 13, 13, 512), "conv10": (1, 13, 13, 1000)}


@pytest.fixture(scope="module")
def network():
    return models.load("squeezenet")


def test_it_has_the_published_number_of_parameters(network):
    assert sum(leaf.size for leaf in jax.tree.leaves(network)) == 1_235_496


def test_its_layers_are_named_after_relu_and_concat(network):
    layers = jv.layers(network, jax.ShapeDtypeStruct((1, 227, 227, 3), np.float32))
    assert list(layers) == LAYERS
    assert {name: layers[name].shape for name in SHAPES} == SHAPES


def test_logits_are_the_spatial_mean_of_the_last_layer(network):
    logits, acts = jax.jit(jv.tap(network, "conv10"))(network.preprocess(skimage.data.chelsea()))
    np.testing.assert_allclose(logits, acts["conv10"].mean((1, 2)), rtol=1e-6)
    assert float(acts["conv10"].min()) == 0


def test_a_cat_is_a_cat_and_a_cup_is_a_cup(network):
    for photo, label in [(skimage.data.chelsea(), "Egyptian_cat"), (skimage.data.coffee(), "espresso")]:
        logits = jax.jit(lambda network, images: network(images))(network, network.preprocess(photo))
        assert network.labels[int(logits[0].argmax())] == label


def test_preprocessing_undone_gives_the_center_of_the_photo(network):
    photo = np.random.default_rng(0).integers(0, 256, (240, 300, 3), np.uint8)
    pixels = network.denormalize(network.preprocess(photo))[0]
    np.testing.assert_allclose(pixels, photo[6 : 6 + 227, 36 : 36 + 227] / 255, atol=1e-5)


def test_the_first_channel_of_an_image_is_blue(network):
    blue = np.zeros((227, 227, 3), np.uint8)
    blue[..., 2] = 255
    np.testing.assert_allclose(network.preprocess(blue)[0, 0, 0], [255 - 103.939, -116.779, -123.68], atol=1e-3)


def test_the_committed_weights_have_the_checksum_of_the_readme():
    digest = hashlib.sha256((CHECKPOINTS / "squeezenet.safetensors").read_bytes()).hexdigest()
    assert digest in (CHECKPOINTS / "README.md").read_text()


@pytest.mark.skipif("JAXVIZ_PHOTOS" not in os.environ, reason="JAXVIZ_PHOTOS does not point to the ImageNet photos")
@pytest.mark.slow
def test_photos_land_in_their_classes(network):
    entries = _photo_folder.entries(Path(os.environ["JAXVIZ_PHOTOS"]))
    found = accuracy(network, [entry.path for entry in entries], _photo_folder.classes(entries, network.labels, "it"))
    assert found["top1"] == pytest.approx(0.64, abs=0.02), json.dumps(found)
    assert found["top5"] == pytest.approx(0.84, abs=0.02), json.dumps(found)

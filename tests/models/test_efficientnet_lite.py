import dataclasses
import functools
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
from models import registry
from models.registry import CHECKPOINTS
from scripts._harness import photo_folder as _photo_folder
from scripts.accuracy.__main__ import accuracy
from tests import quick

GOLDEN = Path(__file__).parents[1] / "golden"
# Trained parameters of the files in the packages.
PARAMETERS = {"efficientnet_lite0": 4_652_008, "efficientnet_lite1": 5_416_680, "efficientnet_lite2": 6_092_072}
SIZES = {"efficientnet_lite0": 224, "efficientnet_lite1": 240, "efficientnet_lite2": 260}
SHAPES = {
    "conv1": (112, 112, 32),
    "block1_1_depthwise": (112, 112, 32),
    "block1_1": (112, 112, 16),
    "block2_1_expand": (112, 112, 96),
    "block2_1_depthwise": (56, 56, 96),
    "block2_2": (56, 56, 24),
    "block3_2": (28, 28, 40),
    "block4_3": (14, 14, 80),
    "block5_3": (14, 14, 112),
    "block6_4": (7, 7, 192),
    "block7_1": (7, 7, 320),
    "head": (7, 7, 1280),
    "pooled": (1280,),
}


@pytest.fixture(scope="module")
def network():
    return models.load("efficientnet_lite0")


@pytest.fixture(scope="module", params=PARAMETERS)
def shapes(request):
    """Shapes alone: nothing is allocated."""
    return jax.eval_shape(lambda: models.initialize(request.param))


@pytest.mark.slow
def test_it_has_the_number_of_parameters_of_the_package(shapes):
    leaves = jax.tree_util.tree_leaves_with_path(shapes)
    trained = [leaf for path, leaf in leaves if path[-2].key not in ("mean", "var")]
    assert sum(np.prod(leaf.shape, dtype=int) for leaf in trained) == PARAMETERS[shapes.name]


def test_a_photo_is_cropped_and_scaled_as_in_training(shapes):
    side = SIZES[shapes.name]
    photo = np.random.default_rng(0).integers(0, 256, (side + 32, side + 32, 3), np.uint8)
    images = shapes.preprocess(photo)
    assert images.shape == (1, side, side, 3)
    np.testing.assert_allclose(images[0], (photo[16:-16, 16:-16].astype(np.float32) - 127) / 128, atol=1e-5)


@pytest.mark.slow
def test_layers_are_named_with_their_shapes(network):
    layers = jv.layers(network, jax.ShapeDtypeStruct((2, 224, 224, 3), np.float32))
    assert {name: layers[name].shape for name in SHAPES} == {name: (2, *shape) for name, shape in SHAPES.items()}
    # A stem, two or three layers in each of 16 blocks, the first of which does not widen, head and pooled.
    assert len(layers) == 1 + 16 * 3 - 1 + 2


@pytest.mark.slow
def test_a_narrow_one_gives_what_torch_gives(monkeypatch):
    entry = registry._NETWORKS["efficientnet_lite0"]
    narrow = functools.partial(entry.module, num_classes=10, width=1 / 16, depth=0.5)
    layouts = (registry._lite_layout("efficientnet_lite0", 0.5, 224),)
    entry = dataclasses.replace(entry, module=narrow, layouts=layouts)
    monkeypatch.setitem(registry._NETWORKS, "efficientnet_lite0", entry)
    network = models.load("efficientnet_lite0", GOLDEN / "efficientnet_lite.pth")
    images = np.random.default_rng(0).normal(size=(1, 224, 224, 3)).astype(np.float32)
    tapped = quick.jit(lambda network, images: jv.tap(network, "block5_2_depthwise", "block7_1")(images))
    logits, acts = tapped(network, images)
    golden = np.load(GOLDEN / "efficientnet_lite.npz")
    np.testing.assert_allclose(logits, golden["narrow"], atol=1e-4)
    np.testing.assert_allclose(acts["block5_2_depthwise"], golden["narrow_block5_2_depthwise"], atol=1e-4)
    np.testing.assert_allclose(acts["block7_1"], golden["narrow_block7_1"], atol=1e-4)


@pytest.mark.slow
def test_the_committed_weights_give_what_torch_gives_and_rounding_changes_little(network):
    random = np.random.default_rng(0)
    random.normal(size=(1, 224, 224, 3))  # the images of the narrow one come first in the generator
    images = np.kron(random.normal(size=(1, 14, 14, 3)), np.ones((1, 16, 16, 1))).astype(np.float32)
    logits = quick.jit(lambda network, images: network(images))(network, images)
    golden = np.load(GOLDEN / "efficientnet_lite.npz")
    np.testing.assert_allclose(logits, golden["lite0_half"], atol=1e-4)
    np.testing.assert_allclose(logits, golden["lite0"], atol=0.01)


def test_a_cup_is_a_cup(network):
    logits = quick.jit(lambda network, images: network(images))(network, network.preprocess(skimage.data.coffee()))
    assert network.labels[int(logits[0].argmax())] == "espresso"


def test_the_committed_weights_are_half_and_have_the_checksum_of_the_readme():
    path = CHECKPOINTS / "efficientnet_lite0.safetensors"
    assert hashlib.sha256(path.read_bytes()).hexdigest() in (CHECKPOINTS / "README.md").read_text()
    assert path.stat().st_size < 9.5e6


@pytest.mark.skipif("JAXVIZ_PHOTOS" not in os.environ, reason="JAXVIZ_PHOTOS does not point to the ImageNet photos")
@pytest.mark.slow
def test_photos_land_in_their_classes(network):
    entries = _photo_folder.entries(Path(os.environ["JAXVIZ_PHOTOS"]))
    found = accuracy(network, [entry.path for entry in entries], _photo_folder.classes(entries, network.labels, "it"))
    assert found["top1"] == pytest.approx(0.896, abs=0.01), json.dumps(found)
    assert found["top5"] == pytest.approx(0.97, abs=0.01), json.dumps(found)

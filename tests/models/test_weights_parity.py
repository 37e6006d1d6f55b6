"""Networks that torch and Keras wrote, narrow but whole, give here what they give there (tests/golden/make_*.py)."""

import dataclasses
import functools
from pathlib import Path

import numpy as np
import pytest

import jaxviz as jv
import models
from models import registry
from tests import quick

GOLDEN = Path(__file__).parents[1] / "golden"
CAFFE = (103.939, 116.779, 123.68)
IMAGENET = (0.485, 0.456, 0.406)
# Network, divisor of its widths, file, arrays, layer before the dense ones, mean that the file's weights expect.
FILES = {
    "a zip of torch": ("vgg16", 64, "vgg16_torchvision.pth", "torchvision.npz", "pool5", IMAGENET),
    "timm's safetensors in bfloat16": ("vgg16", 64, "vgg16_timm.safetensors", "torchvision.npz", "pool5", IMAGENET),
    "a plain file of torch, views in float16": ("alexnet", 64, "alexnet.pth", "torchvision.npz", "pool5", IMAGENET),
    "kernels with channels last": ("resnet18", 32, "resnet18.pth", "torchvision.npz", "block4_2", IMAGENET),
    "bottlenecks in bfloat16": ("resnet50", 32, "resnet50.pth", "torchvision.npz", "block4_3", IMAGENET),
    "a whole model of Keras": ("vgg16", 64, "vgg16_keras.h5", "keras.npz", "pool5", CAFFE),
    "weights of Keras 3": ("vgg16", 64, "vgg16_keras.weights.h5", "keras.npz", "pool5", CAFFE),
}


@pytest.mark.parametrize("case", FILES)
@pytest.mark.slow
def test_logits_and_features_are_theirs(case, monkeypatch):
    name, divisor, file, arrays, layer, mean = FILES[case]
    entry = registry._NETWORKS[name]
    narrow = functools.partial(entry.module, num_classes=10, width=1 / divisor)
    monkeypatch.setitem(registry._NETWORKS, name, dataclasses.replace(entry, module=narrow))
    network = models.load(name, GOLDEN / file)
    assert network.spec.mean == mean
    assert network.spec.bgr == (mean == CAFFE)

    images = np.random.default_rng(0).normal(size=(1, 224, 224, 3)).astype(np.float32)
    logits, acts = quick.jit(lambda network, images: jv.tap(network, layer)(images))(network, images)
    golden = np.load(GOLDEN / arrays)
    prefix = "" if arrays == "keras.npz" else f"{name}_"
    np.testing.assert_allclose(logits, golden[f"{prefix}logits"], atol=1e-4)
    np.testing.assert_allclose(acts[layer], golden[f"{prefix}features"], atol=1e-4)


def test_a_photo_is_prepared_for_the_file_that_was_read(monkeypatch):
    entry = registry._NETWORKS["vgg16"]
    narrow = functools.partial(entry.module, num_classes=10, width=1 / 64)
    monkeypatch.setitem(registry._NETWORKS, "vgg16", dataclasses.replace(entry, module=narrow))
    photo = np.full((224, 224, 3), (255, 0, 0), np.uint8)
    keras = models.load("vgg16", GOLDEN / "vgg16_keras.h5").preprocess(photo)[0, 0, 0]
    torch = models.load("vgg16", GOLDEN / "vgg16_torchvision.pth").preprocess(photo)[0, 0, 0]
    np.testing.assert_allclose(keras, [-103.939, -116.779, 255 - 123.68], atol=1e-3)
    np.testing.assert_allclose(torch, [(1 - 0.485) / 0.229, -0.456 / 0.224, -0.406 / 0.225], atol=1e-5)

import dataclasses
import functools
import re
import shutil
from pathlib import Path

import jax
import numpy as np
import pytest
from flax import nnx
from safetensors.numpy import load_file, save_file

import models
from models import registry
from models.registry import CHECKPOINTS
from models.weights import read

GOLDEN = Path(__file__).parents[1] / "golden"


@pytest.fixture
def arrays():
    return load_file(CHECKPOINTS / "squeezenet.safetensors")


def refused(tmp_path, arrays, match):
    save_file(arrays, tmp_path / "weights.safetensors")
    with pytest.raises(ValueError, match=match):
        models.load("squeezenet", tmp_path / "weights.safetensors")


def test_all_that_does_not_fit_is_said_at_once(tmp_path, arrays):
    arrays["conv1/kernel"] = arrays["conv1/kernel"][..., :32]
    arrays["conv11/kernel"] = arrays.pop("conv10/kernel")
    refused(
        tmp_path,
        arrays,
        re.escape(
            "conv1/kernel has shape (3, 3, 3, 32) and not (3, 3, 3, 64); conv10/kernel is missing; "
            "conv11/kernel is unknown. Give the weights of this network."
        ),
    )


def test_nan_weights_are_refused(tmp_path, arrays):
    arrays["fire5/expand1x1/bias"] = np.full(128, np.nan, np.float32)
    refused(tmp_path, arrays, "fire5/expand1x1/bias is not finite")


def test_a_truncated_file_is_refused(tmp_path):
    whole = (CHECKPOINTS / "squeezenet.safetensors").read_bytes()
    (tmp_path / "half.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="`weights` must be a whole safetensors file"):
        models.load("squeezenet", tmp_path / "half.safetensors")


def test_an_unknown_network_is_told_the_closest():
    with pytest.raises(ValueError, match=re.escape("got 'squeezent'. Did you mean 'squeezenet'?")):
        models.load("squeezent")


def test_images_of_the_wrong_size_are_refused():
    with pytest.raises(
        ValueError, match=re.escape("`images` must have shape (n, 227, 227, 3) or larger for squeezenet")
    ):
        models.load("squeezenet")(np.zeros((1, 32, 32, 3), np.float32))


def test_a_photo_must_hold_bytes():
    with pytest.raises(TypeError, match="`photo` must hold uint8"):
        models.load("squeezenet").preprocess(np.zeros((300, 300, 3), np.float32))


@pytest.fixture
def narrow(monkeypatch):
    """VGG16 as narrow as the golden file's."""
    entry = registry._NETWORKS["vgg16"]
    module = functools.partial(entry.module, num_classes=10, width=1 / 64)
    monkeypatch.setitem(registry._NETWORKS, "vgg16", dataclasses.replace(entry, module=module))
    return {key: np.array(array) for key, array in read(GOLDEN / "vgg16_torchvision.pth").items()}


def test_what_does_not_fit_is_said_in_the_names_and_shapes_of_the_file(tmp_path, narrow):
    narrow["classifier.0.weight"] = narrow["classifier.0.weight"][:, :-1]
    narrow["features.0.weight"] = narrow["features.0.weight"].transpose(2, 3, 1, 0)
    narrow["features.28.bias"][3] = np.inf
    narrow["features.2.bias"] = np.ones(1, np.int32)
    narrow["features.5.bias"] = np.full(2, 1e300)
    narrow["features.1.weight"] = np.ones(1, np.float32)
    del narrow["classifier.6.bias"]
    save_file(narrow, tmp_path / "weights.safetensors")
    expected = (
        "classifier.0.weight has shape (64, 391) and not (64, 392); classifier.6.bias is missing; "
        "features.0.weight has shape (3, 3, 3, 1) and not (1, 3, 3, 3); features.1.weight is unknown; "
        "features.2.bias holds int32 and no floating point; features.28.bias is not finite; "
        "features.5.bias is not finite. Give the weights of this network."
    )
    with pytest.raises(ValueError, match=re.escape(expected)):
        models.load("vgg16", tmp_path / "weights.safetensors")


def test_weights_of_another_network_say_what_they_hold(tmp_path, narrow):
    with pytest.raises(
        ValueError, match=re.escape("it has none of its parameters, but conv1/bias, conv1/kernel, conv10/bias.")
    ):
        models.load("vgg16", CHECKPOINTS / "squeezenet.safetensors")


def test_parameters_are_in_single_precision_whatever_the_file_has(tmp_path, narrow):
    halves = {key: array.astype(np.float16) for key, array in narrow.items()}
    save_file(halves, tmp_path / "weights.safetensors")
    network = models.load("vgg16", tmp_path / "weights.safetensors")
    assert {leaf.dtype for leaf in jax.tree.leaves(network)} == {np.dtype(np.float32)}
    kernel = halves["features.7.weight"].astype(np.float32).transpose(2, 3, 1, 0)
    np.testing.assert_array_equal(network.state["conv2_2"]["kernel"][...], kernel)


def test_a_network_outlives_the_file_that_it_was_read_from(tmp_path, narrow):
    path = tmp_path / "weights.pth"
    shutil.copy(GOLDEN / "vgg16_torchvision.pth", path)
    network = models.load("vgg16", path)
    with path.open("r+b") as file:  # in place, so that a view of the file would change
        file.write(bytes(path.stat().st_size))
    np.testing.assert_array_equal(network.state["fc2"]["kernel"][...], narrow["classifier.3.weight"].T)
    np.testing.assert_array_equal(network.state["fc2"]["bias"][...], narrow["classifier.3.bias"])


def test_a_saved_network_is_read_back_under_its_own_names(tmp_path, narrow):
    network = models.load("vgg16", GOLDEN / "vgg16_torchvision.pth")
    flat = {"/".join(map(str, path)): np.asarray(leaf[...]) for path, leaf in nnx.to_flat_state(network.state)}
    save_file(flat, tmp_path / "own.safetensors")
    again = models.load("vgg16", tmp_path / "own.safetensors")
    jax.tree.map(np.testing.assert_array_equal, again.state, network.state)

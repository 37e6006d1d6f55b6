import dataclasses
import functools
import re
import shutil
from pathlib import Path

import jax
import ml_dtypes
import numpy as np
import pytest
from flax import nnx
from safetensors.numpy import load_file, save_file

import models
from models import registry
from models.registry import CHECKPOINTS
from models.weights import read, unprefixed

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


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "model.module.", "params/"])
def test_what_a_wrapper_puts_before_all_names_is_taken_off(tmp_path, arrays, prefix):
    save_file({prefix + key: array for key, array in arrays.items()}, tmp_path / "weights.safetensors")
    found = models.load("squeezenet", tmp_path / "weights.safetensors")
    jax.tree.map(np.testing.assert_array_equal, found, models.load("squeezenet"))


def test_a_name_that_ends_like_another_is_no_wrapped_one(tmp_path):
    # `layer1.0.conv1.weight` of a residual network ends as its `conv1.weight` does.
    wrapped = {f"module.{key}": np.ascontiguousarray(array) for key, array in read(GOLDEN / "resnet18.pth").items()}
    save_file(wrapped, tmp_path / "weights.safetensors")
    keys = registry._NETWORKS["resnet18"].layouts[0].table()
    assert unprefixed(read(tmp_path / "weights.safetensors"), keys).keys() == keys.keys()
    plain = read(GOLDEN / "resnet18.pth")
    assert unprefixed(plain, keys) is not None
    assert unprefixed(plain, keys).keys() == plain.keys()


def test_a_prefix_that_not_all_have_is_said(tmp_path, arrays):
    wrapped = {f"backbone.{key}": array for key, array in arrays.items()} | {"neck.weight": np.zeros(3, np.float32)}
    way_out = "Give those under 'backbone.' alone, which is taken off where all have it: neck.weight has not."
    refused(tmp_path, wrapped, f"it has none of its parameters, .* {re.escape(way_out)}$")
    partly = wrapped | {"conv10/bias": wrapped.pop("backbone.conv10/bias")}
    partly.pop("neck.weight")
    refused(tmp_path, partly, re.escape(way_out.replace("neck.weight", "conv10/bias")) + "$")


@pytest.mark.parametrize("dtype", [ml_dtypes.float8_e4m3fn, ml_dtypes.float8_e5m2])
def test_weights_of_eight_bits_are_read(tmp_path, arrays, dtype):
    narrow = {key: array.astype(dtype) if array.ndim == 4 else array for key, array in arrays.items()}
    save_file(narrow, tmp_path / "weights.safetensors")
    found = models.load("squeezenet", tmp_path / "weights.safetensors")
    expected = {key: array.astype(np.float32) for key, array in narrow.items()}
    for path, leaf in jax.tree.leaves_with_path(found):
        key = jax.tree_util.keystr(path, simple=True, separator="/")
        (name,) = [name for name in expected if name in key]
        assert leaf.dtype == np.float32
        np.testing.assert_array_equal(leaf, expected[name])


def test_weights_of_four_bits_are_refused(tmp_path):
    header = b'{"a":{"dtype":"F4","shape":[4],"data_offsets":[0,2]}}   '
    (tmp_path / "weights.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + b"12")
    text = "it holds a in F4, which is not read: save it in a wider format. Get it again."
    with pytest.raises(ValueError, match=re.escape(text)):
        models.load("squeezenet", tmp_path / "weights.safetensors")


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

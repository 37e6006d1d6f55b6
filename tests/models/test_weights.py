import re

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import models
from models.registry import CHECKPOINTS


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

"""Weights in eight bits, written and read again."""

import re

import numpy as np
import pytest
from safetensors.numpy import save_file

import models
from models._quantized import quantized, restored


def test_each_weight_is_within_half_a_step_and_the_largest_of_a_channel_exact():
    random = np.random.default_rng(0)
    kernel = (random.normal(size=(3, 3, 4, 5)) * 10.0 ** np.arange(-2, 3)).astype(np.float32)
    bias = random.normal(size=5).astype(np.float32)
    small = quantized({"conv/kernel": kernel, "conv/bias": bias})
    assert {key: array.dtype for key, array in small.items()} == {
        "conv/kernel": np.int8,
        "conv/kernel.scale": np.float32,
        "conv/bias": np.float32,
    }
    found = restored(small)
    np.testing.assert_array_equal(found["conv/bias"], bias)
    step = np.abs(kernel).max((0, 1, 2)) / 127
    assert np.all(np.abs(found["conv/kernel"] - kernel) <= step * 0.5001)
    # A single scale for all channels would lose the small ones.
    assert np.all(np.abs(found["conv/kernel"]).max((0, 1, 2)) == pytest.approx(np.abs(kernel).max((0, 1, 2)), rel=1e-6))


def test_a_channel_of_zeros_stays_one():
    np.testing.assert_array_equal(restored(quantized({"a": np.zeros((2, 3), np.float32)}))["a"], np.zeros((2, 3)))


def test_a_scale_of_another_array_is_refused(tmp_path):
    arrays = {"a": np.zeros((2, 3), np.int8), "a.scale": np.zeros(2, np.float32)}
    save_file(arrays, tmp_path / "weights.safetensors")
    text = "a.scale of shape (2,) is no scale of int8 a (2, 3)"
    with pytest.raises(ValueError, match=re.escape(text)):
        models.load("mnist_cnn3", tmp_path / "weights.safetensors")


@pytest.mark.slow  # 28 million weights
def test_the_wide_network_is_read_from_eight_bits():
    network = models.load("cifar_wide")
    logits = network(network.preprocess(np.zeros((1, 32, 32, 3), np.uint8)))
    assert logits.shape == (1, 10)
    assert np.isfinite(logits).all()

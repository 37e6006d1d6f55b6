"""Parity with captum 0.9.0 on SqueezeNet, by golden arrays: see tests/golden/make_captum.py."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import jit

import jaxviz as jv
import models

# In double precision, on the whole of SqueezeNet.
pytestmark = pytest.mark.slow

FOLDER = Path(__file__).parents[1] / "golden"
STEP = 3  # of the rows and columns that were kept
TOLERANCE = 1e-6  # the goldens are made in double precision, and kept in single
LAYERS = ("pool1", "fire5", "conv10")


@pytest.fixture(scope="module")
def golden():
    with np.load(FOLDER / "captum.npz") as arrays:
        return dict(arrays)


def load(dtype):
    with np.load(FOLDER / "images.npz") as arrays:
        return jax.tree.map(lambda leaf: jnp.asarray(leaf, dtype), (models.load("squeezenet"), arrays["images"]))


@pytest.fixture(scope="module")
def double():
    """The network and the images in double precision."""
    with jax.enable_x64(True):
        yield load("float64")


@pytest.fixture
def single():
    return load("float32")


def check(found, name, golden, tolerance):
    found = np.asarray(found, np.float64)
    expected = golden[name].astype(np.float64)
    if f"{name}_norm" in golden:
        norms = np.sqrt((found**2).sum((1, 2, 3)))
        np.testing.assert_allclose(norms, golden[f"{name}_norm"], rtol=tolerance)
        found = found[:, ::STEP, ::STEP]
    for one, other in zip(found, expected, strict=True):
        assert np.linalg.norm(one - other) <= tolerance * np.linalg.norm(other)


def test_the_networks_are_the_same(double, golden):
    network, images = double
    check(network(images), "logits", golden, 1e-6)


def test_saliency_in_single_precision_is_close_to_captum(single, golden):
    network, images = single
    found = jit(jv.saliency)(network, images, golden["targets"])
    # A max-pool or a ReLU falls the other way where two values agree to the last digits; captum in single precision is
    # as far from captum in double.
    check(found, "saliency", golden, 3e-3)


@pytest.mark.parametrize(("name", "rule"), [("saliency", "gradient"), ("guided", "guided"), ("deconvnet", "deconvnet")])
def test_gradients_equal_captum(double, golden, name, rule):
    network, images = double
    found = jit(lambda network, images: jv.saliency(network, images, golden["targets"], rule=rule))(network, images)
    check(found, name, golden, TOLERANCE)


@pytest.mark.slow
def test_integrated_gradients_equal_captum(double, golden):
    network, images = double
    # One image of the two, and few points: each takes seconds in double precision.
    first = {name: array[:1] for name, array in golden.items()}
    found = jv.integrated_gradients(network, images[:1], first["targets"], num_steps=8)
    check(found, "integrated_gradients", first, TOLERANCE)
    gap = jv.metrics.completeness_gap(network, images[:1], first["targets"], found)
    np.testing.assert_allclose(gap, first["completeness_gap"], rtol=1e-4)  # a small difference of sums


@pytest.mark.parametrize("layer", ["fire5", "fire9"])
def test_grad_cam_equals_captum(double, golden, layer):
    network, images = double
    found = jit(lambda network, images: jv.grad_cam(network, images, golden["targets"], layer))(network, images)
    check(found, f"grad_cam_{layer}", golden, TOLERANCE)


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("rule", ["deconvnet", "guided"])
def test_projections_equal_captum(double, golden, layer, rule):
    network, images = double
    units, activations = golden[f"units_{layer}"], golden[f"activations_{layer}"]
    found = jit(lambda network, images: jv.project(network, images, layer, units[:, None], rule=rule))(network, images)
    # captum starts from 1 and not from the activation.
    check(found[:, 0] / activations[:, None, None, None], f"project_{rule}_{layer}", golden, TOLERANCE)


@pytest.mark.parametrize("layer", LAYERS)
def test_the_strongest_unit_is_the_one_of_torch(double, golden, layer):
    network, images = double
    for act, unit, value in zip(
        jit(jv.upto(network, layer))(images), golden[f"units_{layer}"], golden[f"activations_{layer}"], strict=True
    ):
        assert jv.strongest_units(act, 1) == [tuple(unit.tolist())]
        np.testing.assert_allclose(act[tuple(unit)], value, rtol=TOLERANCE)

"""A Keras model as an argument of `jit`: its values, its layers, and its weights are those of the model itself."""

import os

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxviz as jv
from jaxviz.adapters.keras import stateless

os.environ.setdefault("KERAS_BACKEND", "jax")
keras = pytest.importorskip("keras", reason="keras is not installed")

IMAGES = jax.random.normal(jax.random.key(0), (2, 8, 8, 3))
LAYERS = ["conv", "norm", "pool", "head"]


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            layers.Conv2D(4, 3, activation="relu", name="conv"),
            layers.BatchNormalization(name="norm"),
            layers.Dropout(0.5),
            layers.GlobalAveragePooling2D(name="pool"),
            layers.Dense(5, name="head"),
        ]
    )
    model.get_layer("norm").moving_mean.assign([0.1, 0.2, 0.3, 0.4])
    return model


def by_hand(model, x):
    kernel, bias = (v.value for v in model.get_layer("conv").variables)
    x = jax.lax.conv_general_dilated(x, kernel, (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC"))
    x = (jnp.maximum(x + bias, 0) - jnp.array([0.1, 0.2, 0.3, 0.4])) / jnp.sqrt(1 + 1e-3)
    kernel, bias = (v.value for v in model.get_layer("head").variables)
    return x.mean((1, 2)) @ kernel + bias


def test_the_variables_cross_jit_as_arguments(model):
    f = stateless(model)
    assert len(jax.tree.leaves(f)) == len(model.variables)
    np.testing.assert_allclose(f(IMAGES), by_hand(model, IMAGES), rtol=1e-4, atol=1e-6)
    traced = []

    def call(f, x):
        traced.append(1)
        return jv.saliency(f, x, 1), jv.grad_cam(f, x, 1, "conv")

    gradient, cam = jax.jit(call)(f, IMAGES)
    expected = jax.grad(lambda x: by_hand(model, x)[:, 1].sum())(IMAGES)
    np.testing.assert_allclose(gradient, expected, rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(cam, jv.grad_cam(model, IMAGES, 1, "conv"), rtol=1e-4, atol=1e-7)
    assert list(jv.layers(f, IMAGES)) == LAYERS


def test_another_model_of_the_same_structure_is_no_other_program(model):
    traced = []

    @jax.jit
    def call(f, x):
        traced.append(1)
        return f(x)

    f = stateless(model)
    other = jax.tree.map(lambda leaf: 2 * leaf, f)
    assert jnp.abs(call(f, IMAGES) - call(other, IMAGES)).max() > 1e-3
    assert traced == [1]


def test_one_of_several_outputs(model):
    two = keras.Model(model.inputs, {"head": model.outputs[0], "pool": model.get_layer("pool").output})
    f = stateless(two, select="head")
    np.testing.assert_allclose(f(IMAGES), by_hand(model, IMAGES), rtol=1e-4, atol=1e-6)


def test_what_is_no_built_model_is_named():
    with pytest.raises(TypeError, match=r"^`model` must be a keras.Model with the JAX backend, got function\."):
        stateless(lambda x: x)
    with pytest.raises(ValueError, match=r"^`model` must be built, got one without variables\. Call it once"):
        stateless(keras.Sequential([keras.layers.Dense(3)]))

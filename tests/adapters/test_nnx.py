"""NNX models that keep state: what a call updates is dropped, and what it draws is refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import jaxviz as jv
from jaxviz.adapters.nnx import name_layers


class Keeper(nnx.Module):
    """A linear model of the mean color, with a counter, batch statistics and dropout, each in training alone."""

    def __init__(self, *, rate=0.0):
        self.norm = nnx.BatchNorm(3, rngs=nnx.Rngs(0))
        self.drop = nnx.Dropout(rate, rngs=nnx.Rngs(1))
        self.calls = nnx.Variable(jnp.zeros((), jnp.int32))

    def __call__(self, x):
        self.calls[...] += 1
        return self.drop(self.norm(x)).mean((1, 2))


IMAGES = jax.random.normal(jax.random.key(0), (2, 4, 4, 3)) + 5


def expected(images, training):
    mean, variance = (images.mean((0, 1, 2)), images.var((0, 1, 2))) if training else (0, 1)
    return ((images - mean) / jnp.sqrt(variance + 1e-5)).mean((1, 2))


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.slow
def test_what_a_call_updates_is_dropped_by_every_kind_of_method(training, tmp_path):
    model = Keeper()
    if not training:
        model.eval()
    f = name_layers(model)
    assert list(jv.layers(f, IMAGES)) == ["norm", "drop"]
    for _ in range(2):
        np.testing.assert_allclose(f(IMAGES), expected(IMAGES, training), rtol=1e-4, atol=1e-5)
    found = jv.integrated_gradients(f, IMAGES, 1, num_steps=2)
    own = jv.integrated_gradients(lambda x: expected(x, training), IMAGES, 1, num_steps=2)
    np.testing.assert_allclose(found, own, rtol=1e-3, atol=1e-5)
    dataset = (np.asarray(IMAGES), np.zeros(2, int))
    for _ in range(2):
        assert jv.dataset.confusion(f, dataset, scan=jv.dataset.Scan(resume=tmp_path / "scan")).matrix.sum() == 2
    assert int(model.calls[...]) == 0
    assert model.norm.mean[...].tolist() == [0, 0, 0]


def test_a_model_that_draws_random_numbers_is_told_to_be_put_into_eval():
    model = Keeper(rate=0.5)
    f = name_layers(model)
    for call in (f, lambda x: jv.saliency(f, x, 0), lambda x: jv.layers(f, x)):
        with pytest.raises(ValueError, match=r"^`model` must compute.* from 'drop/rngs'. Call model\.eval"):
            call(IMAGES)
    model.eval()
    assert jv.saliency(name_layers(model), IMAGES, 0).shape == IMAGES.shape


class Coder(nnx.Module):
    """Used by other methods than `__call__`, and by itself."""

    def __init__(self, rngs):
        self.inner = nnx.Linear(3, 4, rngs=rngs)
        self.width = 4

    def encode(self, x):
        return {"code": self.squash(self.inner(x)), "width": self.width}

    def squash(self, x):
        return jnp.tanh(x)

    def decode(self, x):
        return x @ self.inner.kernel[...].T

    def owner(self):
        return self


class Autoencoder(nnx.Module):
    def __init__(self):
        self.coder = Coder(nnx.Rngs(3))
        self.coders = nnx.List([self.coder])
        self.head = nnx.Linear(3, 2, rngs=nnx.Rngs(4))

    def features(self, x, *, scale=1.0):
        found = self.coders[0].owner().encode(x)
        assert found["width"] == 4
        return scale * found["code"].mean((1, 2))

    def __call__(self, x):
        code = self.coder.encode(x)["code"]
        return self.head(self.coder.decode(self.coder.squash(code))).mean((1, 2))


@pytest.mark.slow
def test_a_submodule_that_is_used_by_another_method_is_named_by_both():
    model = Autoencoder()
    f = name_layers(model)
    names = ["coder/inner", "coder.encode", "coder.squash", "coder.decode", "head"]
    assert list(jv.layers(f, IMAGES)) == names
    code = jnp.tanh(model.coder.inner(IMAGES))
    out, found = jv.tap(f, "coder.encode", "coder.squash", "coder.decode")(IMAGES)
    np.testing.assert_allclose(out, model(IMAGES), rtol=1e-5)
    np.testing.assert_allclose(found["coder.encode"], code, rtol=1e-5)
    np.testing.assert_allclose(found["coder.squash"], jnp.tanh(code), rtol=1e-5)
    np.testing.assert_allclose(found["coder.decode"], jnp.tanh(code) @ model.coder.inner.kernel[...].T, rtol=1e-5)


def test_another_method_of_the_model_is_a_function_like_the_first():
    model = Autoencoder()
    f = name_layers(model, method="features")
    assert list(jv.layers(f, IMAGES)) == ["coder/inner", "coder.encode"]
    np.testing.assert_array_equal(f(IMAGES, scale=2.0), 2 * f(IMAGES))
    found = jax.jit(lambda f, x: jv.saliency(f, x, 1))(f, IMAGES)
    expected = jax.grad(lambda x: model.features(x)[:, 1].sum())(IMAGES)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-7)
    with pytest.raises(TypeError, match=r"^`model` must be an nnx.Module that has a method 'nothing', got Autoencoder"):
        name_layers(model, method="nothing")
    with pytest.raises(TypeError, match=r"^`model` must be an nnx.Module that can be called, got Coder"):
        name_layers(model.coder)

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
        assert jv.confusion(f, dataset, scan=jv.Scan(resume=tmp_path / "scan")).matrix.sum() == 2
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

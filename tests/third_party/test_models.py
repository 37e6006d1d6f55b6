"""What every method says of models that nobody here wrote, against what their own libraries say."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxviz as jv
from tests import quick
from tests.third_party.zoo import CASES, case

# Of the packages themselves, which were written for other releases of JAX.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]
models = pytest.mark.parametrize("name", CASES)
TARGET = 3


@functools.cache
def images(name):
    return jax.random.normal(jax.random.key(1), (2, *case(name).shape))


@functools.cache
def own(name):
    """The library's call, compiled."""
    return quick.jit(case(name).own)


def close(found, expected, share=1e-4):
    """Sums of thousands of products in another order."""
    scale = float(jnp.abs(expected).max())
    assert scale > 0
    np.testing.assert_allclose(found, expected, atol=share * scale)


@models
def test_values_are_those_of_the_model(name):
    close(quick.jit(case(name).f)(images(name)), own(name)(images(name)), 1e-5)


@models
def test_layers_have_the_names_of_the_library(name):
    found = list(jv.layers(case(name).f, images(name)))
    bare = [layer.split("#")[0] for layer in found]
    places = [bare.index(layer) for layer in case(name).names]
    assert places == sorted(places)


@models
def test_guided_gradients_are_those_of_the_model_with_other_relus(name):
    if case(name).guided is None:
        with pytest.raises(ValueError, match=r"^`rule` must"):
            jv.saliency(case(name).f, images(name), TARGET, rule="guided")
        return
    expected = quick.jit(jax.grad(lambda x: case(name).guided(x)[:, TARGET].sum()))(images(name))
    close(jv.saliency(case(name).f, images(name), TARGET, rule="guided"), expected)
    assert any(match.op in ("relu", "relu6") for match in jv.matches(case(name).f, images(name), "guided"))


@models
def test_grad_cam_is_that_by_hand(name):
    model = case(name)
    layer = jv.layers(model.f, images(name))[model.layer]

    def out(x, delta, target):
        outputs, maps = model.changed(x, delta)
        return outputs[:, target].sum(), maps

    by_hand = quick.jit(jax.grad(out, 1, has_aux=True))
    for target in range(10):
        gradient, maps = by_hand(images(name), jnp.zeros(layer.shape), target)
        if "grid" in model.options:
            rows, cols = model.options["grid"]
            maps, gradient = (a[:, -rows * cols :].reshape(len(a), rows, cols, -1) for a in (maps, gradient))
        expected = jax.nn.relu((maps * gradient.mean((1, 2), keepdims=True)).sum(-1))
        if expected.any():  # random weights may speak against a class everywhere
            break
    close(jv.grad_cam(model.f, images(name), target, model.layer, **model.options), expected)


@models
def test_occlusion_is_a_loop_over_covered_images(name):
    image = images(name)[0]
    found = jv.occlusion(case(name).f, image, window=16, stride=16)
    for row, col in [(0, 0), (1, 1)]:
        covered = np.asarray(image).copy()
        covered[16 * row : 16 * row + 16, 16 * col : 16 * col + 16] = 0
        pair = own(name)(np.stack([covered, image]))
        close(found[row, col] - pair[1], pair[0] - pair[1], 1e-3)

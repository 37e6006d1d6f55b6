"""Networks that segment and that detect, whole: an output of theirs explained by `select`, against plain JAX."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxviz as jv

IMAGES = jax.random.normal(jax.random.key(0), (2, 8, 8, 3))


class UNet(nn.Module):
    """Down, up with what was there before, and classes for each pixel."""

    @nn.compact
    def __call__(self, x):
        before = nn.relu(nn.Conv(4, (3, 3), name="down")(x))
        x = nn.relu(nn.Conv(6, (3, 3), name="middle")(nn.max_pool(before, (2, 2), (2, 2))))
        x = jnp.concatenate([nn.ConvTranspose(4, (2, 2), (2, 2), name="up")(x), before], -1)
        return {"masks": nn.Conv(3, (1, 1), name="head")(nn.relu(x)), "stride": 2}


class Detector(nn.Module):
    """Scores and places of two boxes around each cell of a grid."""

    @nn.compact
    def __call__(self, x):
        x = nn.relu(nn.Conv(6, (3, 3), (2, 2), name="trunk")(x))
        rows = (len(x), -1)
        scores, boxes = nn.Conv(2 * 3, (1, 1), name="scores")(x), nn.Conv(2 * 4, (1, 1), name="boxes")(x)
        return {"scores": scores.reshape(*rows, 3), "boxes": boxes.reshape(*rows, 4)}


HEADS = {
    "the mean of a mask": (UNet(), lambda out: out["masks"].mean((1, 2))),
    "a pixel of a mask": (UNet(), lambda out: out["masks"][:, 3, 5]),
    "the best box": (Detector(), lambda out: out["scores"].max(1)),
    "a side of a box": (Detector(), lambda out: out["boxes"][:, 7]),
}


QUICK = ("a pixel of a mask", "the best box")


@pytest.fixture(
    scope="module", params=[pytest.param(name, marks=[] if name in QUICK else pytest.mark.slow) for name in HEADS]
)
def head(request):
    model, select = HEADS[request.param]
    variables = jax.jit(model.init)(jax.random.key(1), IMAGES)
    return jv.bind(model.apply, variables, select=select), jax.jit(lambda x: select(model.apply(variables, x)))


def test_a_map_is_the_gradient_of_what_was_selected(head):
    f, plain = head
    found = jv.saliency(f, IMAGES, 1)
    np.testing.assert_allclose(found, jax.grad(lambda x: plain(x)[:, 1].sum())(IMAGES), atol=1e-6)
    assert jnp.abs(found).max() > 1e-3


@pytest.mark.slow
def test_windows_are_those_of_a_loop(head):
    f, plain = head
    found = jv.occlusion(f, IMAGES[0], window=3, stride=2)
    corners = (0, 2, 4, 5)
    assert found.shape[:2] == (4, 4)
    for i, row in enumerate(corners):
        for j, col in enumerate(corners):
            covered = IMAGES[:1].at[:, row : row + 3, col : col + 3].set(0)
            np.testing.assert_allclose(found[i, j], plain(covered)[0], atol=1e-5)


@pytest.mark.slow
def test_a_layer_has_its_class_activation_map(head):
    f, _ = head
    layer = next(name for name in ("middle", "trunk") if name in jv.layers(f, IMAGES))
    out, acts = jv.tap(f, layer)(IMAGES)
    above = jv.after(f, layer)
    gradient = jax.grad(lambda maps: above(maps, IMAGES)[:, 1].sum())(acts[layer])
    expected = jax.nn.relu((gradient.mean((1, 2), keepdims=True) * acts[layer]).sum(-1))
    np.testing.assert_allclose(jv.grad_cam(f, IMAGES, 1, layer), expected, atol=1e-6)
    np.testing.assert_allclose(above(acts[layer], IMAGES), out, atol=1e-6)

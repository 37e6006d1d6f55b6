"""What is no layer of maps is refused, in words that say what it is; whatever is one is taken."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.ad_checkpoint import checkpoint_name

import jaxviz as jv
import models
from jaxviz._core import maps
from jaxviz._core.check import check_layer
from tests import networks

X = jax.random.normal(jax.random.key(0), (2, 4, 6, 4))
SET, TWO = (np.asarray(X), np.array([0, 1])), jv.dataset.Scan(batch_size=2)


def attention(x):
    """One block of global attention, whose tokens are maps again."""
    heads = x.reshape(len(x), 24, 2, 2)
    weights = jnp.einsum("ntqd,nkqd->nqtk", heads, heads)
    weights = checkpoint_name(jax.nn.softmax(weights), "weights")
    tokens = checkpoint_name(jnp.einsum("nqtk,nkqd->ntqd", weights, heads), "heads")
    maps = checkpoint_name(tokens.reshape(x.shape), "maps")
    return maps.mean((1, 2))


def channels_first(x):
    x = checkpoint_name(x.transpose(0, 3, 1, 2), "maps")
    return x.mean((2, 3))


def columns_before_rows(x):
    return checkpoint_name(x.transpose(0, 2, 1, 3), "maps").mean((1, 2))


def tokens(x):
    return checkpoint_name(x.reshape(len(x), 24, 4), "maps").mean(1)


def channels_last(x):
    return checkpoint_name(x, "maps").mean((1, 2))


def batch_last(x):
    x = checkpoint_name(jnp.moveaxis(x, 0, -1), "maps")
    return x.mean((0, 1)).T


def of_a_part(x):
    x = checkpoint_name(jnp.concatenate([x, x]), "maps")
    return x[: len(x) // 2].mean((1, 2))


WAY_OUT = "name that value with jax.ad_checkpoint.checkpoint_name, and go on from it."
REFUSED = {
    "attention": (
        (attention, "weights"),
        "`layer` must have maps (n, rows, cols, channels), got 'weights' of (2, 2, 24, 24), whose axes 1 and 2 are not "
        "the rows and columns of the images. Choose another, or name a value of that form.",
    ),
    "tokens": (
        (attention, "heads"),
        "`layer` must have maps (n, rows, cols, channels), got 'heads' of (2, 24, 2, 2), whose axes 1 and 2 are not "
        "the rows and columns of the images. Choose another, or name a value of that form.",
    ),
    "channels first": (
        (channels_first, "maps"),
        "`layer` must have maps (n, rows, cols, channels), got 'maps' of (2, 4, 4, 6), whose rows and columns are axes "
        "2 and 3. Give channel_axis=1.",
    ),
    "columns before rows": (
        (columns_before_rows, "maps"),
        "`layer` must have maps (n, rows, cols, channels), got 'maps' of (2, 6, 4, 4), whose rows and columns are axes "
        f"2 and 1. In the model, bring them to axes 1 and 2, {WAY_OUT}",
    ),
    "tokens without a grid": (
        (tokens, "maps"),
        "`layer` must have maps (n, rows, cols, channels), got 'maps' of (2, 24, 4). Give grid=(4, 6). A unit of a "
        "layer without places is explained by saliency(upto(f, layer), images, unit).",
    ),
    "batch last": (
        (batch_last, "maps"),
        "`layer` must have the batch first, got 'maps' of (4, 6, 4, 2), whose batch is axis 3. In the model, bring it "
        f"to the front, {WAY_OUT}",
    ),
    "more than the batch": (
        (of_a_part, "maps"),
        "`layer` must have one activation for each image, got 'maps' of (4, 4, 6, 4) for 2 images. Choose another, or "
        "name a value that has.",
    ),
}
UNIT = [[0, 0, 0]]
METHODS = {
    "grad_cam": lambda f, layer: jv.grad_cam(f, X, 0, layer),
    "guided_grad_cam": lambda f, layer: jv.guided_grad_cam(f, X, 0, layer),
    "score_cam": lambda f, layer: jv.attribution.score_cam(f, X, 0, layer),
    "project": lambda f, layer: jv.project(f, X, layer, UNIT),
    "strongest": lambda f, layer: jv.dataset.strongest(f, SET, [layer], num=1, scan=TWO),
    "class_statistics": lambda f, layer: jv.dataset.class_statistics(f, SET, [layer], scan=TWO),
    "ablate": lambda f, layer: jv.dataset.ablate(f, SET, {layer: [0]}, scan=TWO),
    "ablate_each": lambda f, layer: jv.dataset.ablate_each(f, SET, layer, [[0]], scan=TWO),
    "rank_channels": lambda f, layer: jv.dataset.rank_channels(f, SET, layer, scan=TWO),
}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("what", REFUSED)
def test_what_is_no_layer_of_maps_is_refused(method, what):
    (f, layer), text = REFUSED[what]
    if what == "tokens without a grid" and method in ("ablate", "ablate_each", "rank_channels"):
        return  # where all tokens lose a channel
    with pytest.raises(ValueError, match=r"^`layer` must") as error:
        METHODS[method](f, layer)
    assert str(error.value) == text


@pytest.mark.parametrize("family", networks.FAMILIES)
def test_the_layers_of_every_kind_of_model_are_taken(family):
    f, x = networks.FAMILIES[family](), networks.images()
    for name in ("first", "middle", "last"):
        if name not in jv.layers(f, x):
            continue
        if family == "equinox":
            with pytest.raises(ValueError, match=r"rows and columns are axes 2 and 3\."):
                check_layer(f, x, name)
        else:
            assert check_layer(f, x, name)[1] == jv.layers(f, x)[name].shape


def test_the_layers_of_squeezenet_are_taken():
    f = models.load("squeezenet")
    x = jax.ShapeDtypeStruct((1, *f.input_shape), jnp.float32)
    found = jv.layers(f, x)
    assert len(found) == 13
    for name, of in found.items():
        if len(of.shape) == 4:
            assert check_layer(f, jnp.zeros(x.shape), name)[1] == of.shape


def test_maps_that_are_made_of_tokens_again_are_taken():
    value = jv.grad_cam(attention, X, 0, "maps")
    gradient = jax.grad(lambda maps: maps.mean((1, 2))[:, 0].sum())(jv.upto(attention, "maps")(X))
    expected = jnp.maximum((jv.upto(attention, "maps")(X) * gradient.mean((1, 2), keepdims=True)).sum(-1), 0)
    np.testing.assert_allclose(value, expected, rtol=1e-5, atol=1e-7)


def test_vectors_are_taken_where_each_image_has_its_own():
    dense = lambda x: checkpoint_name(x.mean((1, 2)), "dense")  # noqa: E731
    assert jv.dataset.class_statistics(dense, SET, ["dense"], scan=TWO)["dense"].mean.shape == (4, 4)
    with pytest.raises(
        ValueError, match=r"^`layer` must have the batch first, got 'dense' of \(4, 2\), whose batch is"
    ):
        jv.dataset.class_statistics(lambda x: checkpoint_name(x.mean((1, 2)).T, "dense").T, SET, ["dense"], scan=TWO)[
            "dense"
        ]


def test_distances_do_not_ask_where_the_channels_are():
    blurs = {"blur": jv.robustness.blur((0.0, 1.0))}
    found, expected = (jv.robustness.invariance(f, X, 0, ["maps"], blurs) for f in (channels_first, channels_last))
    np.testing.assert_allclose(found.distances["blur"]["maps"], expected.distances["blur"]["maps"], rtol=1e-5)


def test_a_network_for_one_image_alone_is_taken():
    def f(x):
        (image,) = x
        return checkpoint_name(networks.conv(image[None], jnp.ones((3, 3, 4, 2))), "maps").mean((1, 2))

    assert check_layer(f, X[:1], "maps") == (2, (1, 4, 6, 2))


def test_a_second_check_does_not_trace_again(monkeypatch):
    traced = []
    trace = maps.trace
    monkeypatch.setattr(maps, "trace", lambda *args: traced.append(1) or trace(*args))
    for scale in (1.0, 2.0):
        check_layer(networks.FAMILIES["plain"](), scale * networks.images(3), "last")
    assert traced == [1]

"""Inputs of any form: what is returned has their structure, and each array what its own oracle says."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxviz as jv

RANDOM = np.random.default_rng(0)
KEY = jax.random.key(0)
SHAPES = {"table": (2, 6), "signal": (2, 7, 3), "image": (2, 4, 5, 3), "volume": (2, 3, 4, 5, 2)}


def array(*shape):
    return jnp.asarray(RANDOM.normal(size=shape), jnp.float32)


INPUTS = {name: array(*shape) for name, shape in SHAPES.items()}
WEIGHTS = {name: array(*shape[1:]) for name, shape in SHAPES.items()}


def network(inputs):
    """Two outputs, in which every array has a part of its own: `sum(w * tanh(x))`, and its square."""
    parts = [jnp.tanh(x) * w for x, w in zip(jax.tree.leaves(inputs), _weights(inputs), strict=True)]
    score = sum(part.reshape(len(part), -1).sum(1) for part in parts)
    return jnp.stack([score, score**2], 1)


def _weights(inputs):
    shapes = [leaf.shape[1:] for leaf in jax.tree.leaves(inputs)]
    return [next(w for w in WEIGHTS.values() if w.shape == shape) for shape in shapes]


def slopes(inputs, target=0):
    """The gradient, by hand."""
    factor = 2 * network(inputs)[:, 0] if target else jnp.ones(2)

    def slope(x, w):
        return factor.reshape(-1, *[1] * (x.ndim - 1)) * w * (1 - jnp.tanh(x) ** 2)

    leaves, tree = jax.tree.flatten(inputs)
    return tree.unflatten([slope(x, w) for x, w in zip(leaves, _weights(inputs), strict=True)])


def parts(inputs):
    """The share of each entry in the first output, which integrated gradients give exactly from zero."""
    leaves, tree = jax.tree.flatten(inputs)
    return tree.unflatten([w * jnp.tanh(x) for x, w in zip(leaves, _weights(inputs), strict=True)])


def same(found, expected, **tolerance):
    assert jax.tree.structure(found) == jax.tree.structure(expected)
    jax.tree.map(lambda one, other: np.testing.assert_allclose(one, other, **tolerance), found, expected)


# One array each, and all of them at once.
FORMS = {**INPUTS, "tree": {"pair": (INPUTS["signal"], INPUTS["image"]), "table": INPUTS["table"]}}
forms = pytest.mark.parametrize("form", FORMS)


@forms
def test_a_gradient_has_the_structure_of_the_inputs(form):
    inputs = FORMS[form]
    same(jv.saliency(network, inputs, 1), slopes(inputs, 1), rtol=1e-4, atol=1e-5)
    products = jax.tree.map(jnp.multiply, slopes(inputs), inputs)
    same(jv.gradient_x_input(network, inputs, 0), products, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("form", ["table", "tree"])
def test_integrated_gradients_are_the_parts_of_the_output(form):
    inputs = FORMS[form]
    found = jv.integrated_gradients(network, inputs, 0, num_steps=40, batch_size=9)
    same(found, parts(inputs), rtol=1e-3, atol=1e-4)
    assert jnp.abs(jv.metrics.completeness_gap(network, inputs, 0, found)).max() < 1e-3
    # From the inputs themselves there is no way to go, whatever form they are given in.
    still = jv.integrated_gradients(network, inputs, 0, baseline=inputs, num_steps=2)
    same(still, jax.tree.map(jnp.zeros_like, inputs))


@pytest.mark.parametrize("form", ["signal", "tree"])
def test_smoothgrad_is_the_mean_over_noise_of_each_array(form):
    inputs = FORMS[form]
    leaves, tree = jax.tree.flatten(inputs)

    def noisy(number):
        own = jax.random.fold_in(KEY, number)
        keys = [own] if len(leaves) == 1 else jax.random.split(own, len(leaves))
        spread = [jnp.ptp(x.reshape(2, -1), axis=1).reshape(-1, *[1] * (x.ndim - 1)) for x in leaves]
        noise = [0.2 * s * jax.random.normal(k, x.shape) for s, k, x in zip(spread, keys, leaves, strict=True)]
        return tree.unflatten([x + e for x, e in zip(leaves, noise, strict=True)])

    samples = [slopes(noisy(number)) for number in range(3)]
    expected = jax.tree.map(lambda *grads: sum(grads) / 3, *samples)
    found = jv.smoothgrad(network, inputs, 0, key=KEY, num_samples=3, noise=0.2, batch_size=4)
    same(found, expected, rtol=1e-4, atol=1e-5)


def test_a_tree_of_inputs_crosses_jit_and_vmap_and_a_wrong_target_is_nan_in_each():
    inputs = FORMS["tree"]
    found = jax.jit(lambda x, t: jv.saliency(network, x, t))(inputs, jnp.array([1, 2]))
    same(jax.tree.map(lambda leaf: leaf[0], found), jax.tree.map(lambda leaf: leaf[0], slopes(inputs, 1)), rtol=1e-4)
    assert all(jnp.isnan(leaf[1]).all() for leaf in jax.tree.leaves(found))
    single = jax.vmap(lambda x: jv.saliency(lambda y: network(_twice(y))[:1], _alone(x), 0))(inputs)
    same(jax.tree.map(lambda leaf: leaf[:, 0], single), slopes(inputs), rtol=1e-4, atol=1e-6)


def _alone(inputs):
    return jax.tree.map(lambda leaf: leaf[None], inputs)


def _twice(inputs):
    return jax.tree.map(lambda leaf: jnp.concatenate([leaf, leaf]), inputs)


MATRICES = {"table": array(6, 4), "signal": array(3, 4)}


def layered(inputs):
    """A layer of ReLUs of a linear function: `(n, 4)` of a table, `(n, t, 4)` of a signal, together with a table."""
    signal, table = inputs["signal"], inputs["table"]
    summed = signal @ MATRICES["signal"] + (table @ MATRICES["table"])[:, None]
    return jax.ad_checkpoint.checkpoint_name(jax.nn.relu(summed), "relu").mean((1, 2))


def test_a_unit_is_projected_down_to_every_array_of_the_inputs():
    inputs = {"signal": INPUTS["signal"], "table": INPUTS["table"]}
    layer = np.asarray(jv.upto(layered, "relu")(inputs))
    units = [jv.strongest_units(of_one, 3) for of_one in layer]
    found = jv.project(layered, inputs, "relu", units, batch_size=2)
    for n, of_one in enumerate(units):
        for u, (place, channel) in enumerate(of_one):
            value = layer[n, place, channel]
            signal = np.zeros((7, 3))
            signal[place] = value * MATRICES["signal"][:, channel]
            np.testing.assert_allclose(found["signal"][n, u], signal, rtol=1e-4, atol=1e-6)
            np.testing.assert_allclose(found["table"][n, u], value * MATRICES["table"][:, channel], rtol=1e-4)


def test_a_unit_of_a_table_is_a_channel_alone():
    f = lambda x: jax.ad_checkpoint.checkpoint_name(jax.nn.relu(x @ MATRICES["table"]), "relu")  # noqa: E731
    table = INPUTS["table"]
    found = jv.project(f, table, "relu", [[2], [0]])
    expected = f(table)[:, jnp.array([2, 0])][..., None] * MATRICES["table"].T[jnp.array([2, 0])]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
    assert jv.strongest_units(f(table)[0], 1) == [(int(f(table)[0].argmax()),)]
    with pytest.raises(
        ValueError, match=r"^`units` must have shape \(u, 1\), or \(2, u, 1\) for 2 images, got \(1, 3\)\."
    ):
        jv.project(f, table, "relu", [(0, 0, 0)])
    with pytest.raises(
        ValueError, match=r"^`units` must lie in \(4,\) of 'relu', got \(4,\)\. A unit is \(channel,\)\.$"
    ):
        jv.project(f, table, "relu", [[4]])
    assert jnp.isnan(jax.jit(lambda u: jv.project(f, table, "relu", u))(jnp.array([[4]]))).all()


X = INPUTS["image"]
ERRORS = [
    ({"a": X, "b": X[:1]}, ValueError, "`images` must hold as many examples in each array, got (2, 4, 5, 3) and (1, 4"),
    ({}, ValueError, "`images` must have the examples along the first axis, got dict. Add it: images[None]."),
    ({"a": X, "b": jnp.zeros((2, 3), int)}, TypeError, "`images` must be floating point, got int32."),
    (jnp.float32(1), ValueError, "`images` must have the examples along the first axis, got ()."),
]


@pytest.mark.usefixtures("unchecked_shapes")
@pytest.mark.parametrize(("inputs", "error", "text"), ERRORS)
def test_inputs_that_do_not_fit_are_named(inputs, error, text):
    with pytest.raises(error, match=f"^{re.escape(text)}"):
        jv.saliency(network, inputs, 0)


def test_a_baseline_has_to_have_the_arrays_of_the_inputs():
    text = (
        "`baseline` must be a number, or have the arrays of `images`, got dict of 'table': () for dict of 'pair': tuple"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(text)}"):
        jv.integrated_gradients(network, FORMS["tree"], 0, baseline={"table": jnp.zeros(())})


def strict(x):
    """Takes rows and columns, as a network does."""
    return jax.lax.conv_general_dilated(
        x, jnp.ones((2, 2, 3, 2)), (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
    ).mean((1, 2))


@pytest.mark.usefixtures("unchecked_shapes")
def test_what_lacks_axes_is_told_which():
    text = (
        "`images` must have all axes that `f` takes, the examples first, got {}. Add those that are missing: "
        "images[{}]."
    )
    for images, axes in ((X[0], "None"), (X[..., 0], "..., None"), (X[0, ..., 0], "None, ..., None")):
        f = strict if axes == "None" else lambda x: strict(jnp.repeat(x, 3, -1) if x.shape[-1] == 1 else x)
        with pytest.raises(ValueError, match=f"^{re.escape(text.format(images.shape, axes))}$"):
            jv.saliency(f, images, 0)


class Output:
    def __init__(self, logits):
        self.logits, self._hidden = logits, None


WRONG = {
    "a dictionary": (
        lambda x: {"logits": x[:, 0, 0], "maps": x},
        "dict of 'logits': (2, 3), 'maps': (2, 4, 5, 3). Say what of it counts: jaxviz.bind(f, select='logits').",
    ),
    "a pair": (lambda x: (x, x[:, 0, 0]), "(2, 4, 5, 3), 1: (2, 3). Say what of it counts: jaxviz.bind(f, select=1)."),
    "an object": (
        lambda x: Output(x[:, 0, 0]),
        "Output of 'logits': (2, 3). Say what of it counts: jaxviz.bind(f, sel",
    ),
    "a number each": (
        lambda x: x.sum((1, 2, 3)),
        "(2,). Add the axis: jaxviz.bind(f, select=lambda outputs: outputs[:",
    ),
    "a segmentation": (
        lambda x: x,
        "(2, 4, 5, 3). Take the mean over the places, jaxviz.bind(f, select=lambda outputs: outputs.mean((1, 2))), or "
        "one of them: outputs[:, 0, 0].",
    ),
    "of one image": (lambda x: x[0, 0, 0], "(3,). Wrap it in a function that does: one that takes a single image is"),
    "many": (lambda x: [x[:, i % 4] for i in range(90)], "list of 0: (2, 5, 3), 1: (2, 5, 3), 2: (2, 5, 3), 3: (2, 5"),
}


@pytest.mark.parametrize("what", WRONG)
@pytest.mark.parametrize("method", [jv.saliency, lambda f, x, t: jv.grad_cam(f, x, t, "maps")], ids=["saliency", "cam"])
def test_an_output_of_another_form_is_told_how_it_becomes_a_row_for_each(what, method):
    f, text = WRONG[what]
    with pytest.raises(ValueError, match=r"^`f` must return an array of shape \(2, k\) for 2 images, got ") as error:
        method(lambda x: f(jax.ad_checkpoint.checkpoint_name(x, "maps")), X, 0)
    assert text in str(error.value)
    assert len(str(error.value)) < 400

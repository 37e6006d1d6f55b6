"""A bound function is the wrapper that one would write by hand, and its parameters cross `jit`."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxviz as jv
from tests import networks

X = networks.images()
SCALE = {"gain": jnp.array([1.0, 2.0, 3.0])}


def by_params(params, x, scale=1.0, *, train=False):
    if train:
        raise AssertionError("a static value has been traced, or lost")
    return jax.nn.relu(x @ params).sum((1, 2)) * scale


PARAMS = jax.random.normal(jax.random.key(5), (3, 5))
FORMS = {
    "the last of all": jv.bind(by_params, PARAMS),
    "with a static value": jv.bind(by_params, PARAMS, train=False),
    "by its place": jv.bind(lambda x, params: by_params(params, x), ..., PARAMS),
    "before others": jv.bind(by_params, PARAMS, ..., 1.0),
    "by name": jv.bind(by_params, PARAMS, x=...),
    "an entry by name": jv.bind(lambda p, x: {"logits": by_params(p, x), "aux": x}, PARAMS, select="logits"),
    "an entry by number": jv.bind(lambda p, x: (x, by_params(p, x)), PARAMS, select=1),
    "an entry of an entry": jv.bind(lambda p, x: {"heads": [by_params(p, x)]}, PARAMS, select=("heads", 0)),
    "a function of the output": jv.bind(lambda p, x: [by_params(p, x)], PARAMS, select=lambda outs: outs[0]),
}


class Output:
    """What is no pytree, as transformers have it."""

    def __init__(self, logits):
        self.logits, self.hidden = logits, None


FORMS["an attribute"] = jv.bind(lambda p, x: Output(by_params(p, x)), PARAMS, select="logits")


def hand(x):
    return by_params(PARAMS, x)


@pytest.mark.parametrize("form", FORMS)
def test_a_bound_function_is_the_wrapper_by_hand(form):
    f = FORMS[form]
    np.testing.assert_array_equal(f(X), hand(X))
    np.testing.assert_array_equal(jv.saliency(f, X, 1), jv.saliency(hand, X, 1))
    assert [match.op for match in jv.matches(f, X, "guided")] == [m.op for m in jv.matches(hand, X, "guided")]


def test_its_arrays_cross_jit_and_others_of_the_same_structure_share_the_program():
    traced = []

    def f(params, x, *, train):
        assert train is False
        traced.append(1)
        return params["gain"] * x.mean((1, 2))

    run = jax.jit(lambda f, x: jv.saliency(f, x, 2))
    networks_ = [jv.bind(f, {"gain": factor * SCALE["gain"]}, train=False) for factor in (1.0, 10.0)]
    found = [run(network, X) for network in networks_]
    assert jax.tree.leaves(networks_[0])[0].shape == (3,)
    number = len(traced)
    np.testing.assert_allclose(found[0][..., 2], np.full(X.shape[:-1], 3 / 99), rtol=1e-6)
    np.testing.assert_allclose(found[1], 10 * found[0], rtol=1e-6)
    run(networks_[1], X)
    assert len(traced) == number
    with pytest.raises(AssertionError):
        run(jv.bind(f, SCALE, train=0), X)


def test_several_inputs_are_one_tuple_or_one_dictionary():
    f = jv.bind(lambda a, p, b: (p * a).sum((1, 2)) + b, ..., 2.0, ...)
    inputs = (X, X[:, 0, 0])
    np.testing.assert_allclose(f(inputs), 2 * X.sum((1, 2)) + X[:, 0, 0], rtol=1e-6)
    g = jv.bind(lambda image, table: image.sum((1, 2)) + table, image=..., table=...)
    np.testing.assert_array_equal(g({"table": X[:, 0, 0], "image": X}), X.sum((1, 2)) + X[:, 0, 0])
    with pytest.raises(ValueError, match=r"^`inputs` must be a tuple of 2, one for each `\.\.\.`, got \(2, 9, 11, 3\)"):
        f(X)
    with pytest.raises(ValueError, match=r"^`inputs` must be a dictionary of 'image', 'table', .* got dict of 'image'"):
        g({"image": X})


def test_transforms_hand_further_arguments_on():
    def f(x, scale, *, train):
        assert train is False
        x = jax.ad_checkpoint.checkpoint_name(scale * x, "scaled")
        return jax.nn.relu(x).sum((1, 2))

    def expected(x):
        return f(x, 3.0, train=False)

    args, kwargs = (X, 3.0), {"train": False}
    np.testing.assert_array_equal(jv.tap(f, "scaled")(*args, **kwargs)[0], expected(X))
    np.testing.assert_array_equal(jv.upto(f, "scaled")(*args, **kwargs), 3 * X)
    np.testing.assert_array_equal(jv.after(f, "scaled")(X, *args, **kwargs), jax.nn.relu(X).sum((1, 2)))
    np.testing.assert_array_equal(
        jv.edit(f, {"scaled": lambda act: -act})(*args, **kwargs), jax.nn.relu(-3 * X).sum((1, 2))
    )
    np.testing.assert_array_equal(jv.with_rule(f, "guided")(*args, **kwargs), expected(X))
    np.testing.assert_array_equal(jv.rewrite(f, lambda *_: None)(*args, **kwargs), expected(X))
    assert list(jv.layers(f, *args, **kwargs)) == ["scaled", "scaled/relu"]
    assert len(jv.matches(f, X, "guided", 3.0, train=False)) == 1


def test_what_depends_on_parameters_alone_is_no_layer_of_a_bound_function():
    def f(params, x):
        kernel = jax.ad_checkpoint.checkpoint_name(params / 2, "kernel")
        return jax.ad_checkpoint.checkpoint_name(x @ kernel, "dense").sum((1, 2))

    assert list(jv.layers(jv.bind(f, PARAMS), X)) == ["dense"]
    assert list(jv.layers(f, PARAMS, X)) == ["kernel", "dense"]


def test_errors_say_what_there_is():
    with pytest.raises(ValueError, match=r"^`\.\.\.` must stand for inputs .* got both\."):
        jv.bind(by_params, ..., x=...)
    with pytest.raises(ValueError, match=r"^`select` must name an entry .* got 'logit' for dict of 'logits'"):
        jv.bind(lambda x: {"logits": x}, select="logit")(X)
    with pytest.raises(ValueError, match=r"^`per_example` must have one row for each example, got 2 for 1 examples\."):
        jv.bind(jnp.multiply, ..., jv.per_example(X))(X[:1])
    with pytest.raises(ValueError, match=r"^`value` must be arrays .* got \[\(2,\), \(3,\)\]\."):
        jv.per_example([jnp.zeros(2), jnp.zeros(3)])
    with pytest.raises(TypeError, match=r"^`args` must be arrays, or values that can be hashed, got set\."):
        jv.bind(by_params, {1})

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen, nnx
from jax.ad_checkpoint import checkpoint_name

import jaxviz as jv
from jaxviz.adapters.nnx import name_layers
from tests import networks


def named(x):
    x = checkpoint_name(jnp.sin(x), "sin")
    return checkpoint_name(x + 1, "plus")


def looped(x):
    return jax.lax.while_loop(lambda x: x.sum() < 3, lambda x: checkpoint_name(x + 1, "inner"), x)


def scanned(x):
    return jax.lax.scan(lambda c, w: (checkpoint_name(c * w, "inner"), None), x, jnp.arange(1.0, 4.0))[0]


def test_layers_come_in_order_of_computation():
    assert jv.layers(named, jnp.ones(3)) == dict.fromkeys(["sin", "plus"], jax.ShapeDtypeStruct((3,), jnp.float32))


def test_a_name_met_twice_is_numbered():
    f = jax.jit(lambda x: checkpoint_name(2 * x, "double"))
    assert list(jv.layers(lambda x: f(f(x)), jnp.ones(3))) == ["double#0", "double#1"]
    _, acts = jv.tap(lambda x: f(f(x)), "double#1", "double#0")(jnp.ones(1))
    assert {name: float(act[0]) for name, act in acts.items()} == {"double#1": 4, "double#0": 2}


def test_a_layer_in_a_scan_comes_out_stacked_and_is_edited_in_each_step():
    _, acts = jax.jit(jv.tap(scanned, "inner"))(jnp.ones(2))
    np.testing.assert_array_equal(acts["inner"], [[1, 1], [2, 2], [6, 6]])
    assert jv.layers(scanned, jnp.ones(2))["inner"].shape == (3, 2)
    np.testing.assert_array_equal(jv.edit(scanned, {"inner": lambda act: act + 1})(jnp.ones(2)), [16, 16])


def test_a_scan_cannot_be_cut():
    for call in (lambda x: jv.upto(scanned, "inner")(x), lambda x: jv.after(scanned, "inner")(x, x)):
        with pytest.raises(NotImplementedError, match="inside `scan`, got 'inner': a program can be cut only where"):
            call(jnp.ones(2))


def test_nothing_comes_out_of_a_while_loop_or_a_branch():
    with pytest.raises(NotImplementedError, match="inside `while`, got 'inner': no value can come out of a loop"):
        jv.tap(looped, "inner")(jnp.ones(2))
    branched = lambda x: jax.lax.cond(x.sum() > 0, lambda x: checkpoint_name(x, "inner"), jnp.cos, x)  # noqa: E731
    with pytest.raises(NotImplementedError, match="inside `cond`, got 'inner'"):
        jv.tap(branched, "inner")(jnp.ones(2))
    assert jv.layers(looped, jnp.ones(2)) == {}


def test_an_edit_reaches_into_a_while_loop():
    np.testing.assert_array_equal(jv.edit(looped, {"inner": lambda act: act + 10})(jnp.zeros(2)), [11, 11])


def test_a_function_with_its_own_derivative_is_not_opened():
    @jax.custom_jvp
    def own(x):
        return checkpoint_name(x, "inner")

    own.defjvp(lambda primals, tangents: (own(*primals), tangents[0]))
    with pytest.raises(NotImplementedError, match="its own derivative rule would be lost"):
        jv.tap(own, "inner")(jnp.ones(2))


def test_a_primitive_that_cannot_be_entered_is_named():
    def f(x):
        return jax.lax.custom_linear_solve(
            lambda y: checkpoint_name(2 * y, "inner"), x, lambda matvec, b: b / 2, symmetric=True
        )

    with pytest.raises(NotImplementedError, match="inside `custom_linear_solve`, got 'inner'"):
        jv.tap(f, "inner")(jnp.ones(2))


def test_a_layer_inside_a_shard_map_comes_out_whole():
    mesh = jax.make_mesh((8,), ("batch",), axis_types=(jax.sharding.AxisType.Auto,))
    f = jax.shard_map(named, mesh=mesh, in_specs=jax.P("batch"), out_specs=jax.P("batch"))
    x = jax.random.normal(jax.random.key(0), (16, 3))
    assert jv.layers(f, x)["sin"].shape == (16, 3)
    np.testing.assert_allclose(jv.tap(f, "sin")(x)[1]["sin"], jnp.sin(x), rtol=1e-6)


def test_an_unknown_layer_is_told_the_others_and_the_closest():
    with pytest.raises(
        ValueError, match=re.escape("`layer` must be one of sin, plus, got 'sine'. Did you mean 'sin'?")
    ):
        jv.tap(named, "sine")(jnp.ones(2))
    with pytest.raises(ValueError, match="for a function that names none"):
        jv.upto(jnp.sin, "sin")(jnp.ones(2))


def test_an_edit_that_changes_the_shape_is_refused():
    with pytest.raises(ValueError, match=re.escape("`edits` must keep the shape of an activation, got () for 'sin'")):
        jv.edit(named, {"sin": jnp.sum})(jnp.ones(2))


def test_a_tap_carries_gradients_to_the_input_and_to_the_parameters():
    gradient = jax.grad(lambda x: jv.tap(named, "sin")(x)[1]["sin"].sum())(jnp.ones(2))
    np.testing.assert_allclose(gradient, jnp.cos(jnp.ones(2)), rtol=1e-6)


def test_linen_modules_are_layers_by_their_paths():
    class Block(linen.Module):
        @linen.compact
        def __call__(self, x):
            return linen.relu(linen.Dense(3)(x))

    class Net(linen.Module):
        @linen.compact
        def __call__(self, x):
            block = Block()
            return linen.Dense(2, name="head")(block(linen.tanh(block(x))))

    x = jnp.ones((1, 3))
    f = jax.tree_util.Partial(Net().apply, Net().init(jax.random.key(0), x))
    assert list(jv.layers(f, x)) == [
        "Block_0/Dense_0#0",
        "Block_0/Dense_0#0/relu",
        "Block_0#0",
        "Block_0/Dense_0#1",
        "Block_0/Dense_0#1/relu",
        "Block_0#1",
        "head",
    ]
    _, acts = jv.tap(f, "Block_0#1", "Block_0/Dense_0#1")(x)
    np.testing.assert_array_equal(acts["Block_0#1"], jax.nn.relu(acts["Block_0/Dense_0#1"]))


@pytest.mark.parametrize("family", ["linen", "nnx"])
def test_what_leaves_the_relu_of_a_module_is_a_layer(family):
    f, x = networks.FAMILIES[family](), networks.images()
    _, acts = jv.tap(f, "middle", "middle/relu")(x)
    np.testing.assert_array_equal(acts["middle/relu"], np.maximum(acts["middle"], 0))
    assert (np.asarray(acts["middle"]) < 0).any()
    np.testing.assert_array_equal(jv.upto(f, "middle/relu")(x), acts["middle/relu"])
    np.testing.assert_allclose(jv.after(f, "middle/relu")(acts["middle/relu"], x), f(x), rtol=1e-6)
    zeroed = jv.edit(f, {"middle/relu": jnp.zeros_like})(x)
    assert float(jnp.abs(zeroed).max()) == 0  # the rest has no biases


def test_the_relu_of_a_module_is_a_layer_under_a_rule_too():
    f, x = networks.FAMILIES["linen"](), networks.images()

    def gradient(f):
        return jax.grad(lambda x: (f(x) ** 2).sum())(x)

    found = gradient(jv.upto(jv.with_rule(f, "guided"), "middle/relu"))
    np.testing.assert_array_equal(found, gradient(jv.with_rule(jv.upto(f, "middle/relu"), "guided")))
    assert not np.allclose(found, gradient(jv.upto(f, "middle/relu")))


class LinenAttention(linen.Module):
    @linen.compact
    def __call__(self, x):
        return linen.Dense(2, name="head")(linen.MultiHeadDotProductAttention(2, name="attn")(x) + x)


class NnxAttention(nnx.Module):
    def __init__(self):
        self.attn = nnx.MultiHeadAttention(2, 6, decode=False, rngs=nnx.Rngs(0))
        self.head = nnx.Linear(6, 2, rngs=nnx.Rngs(1))

    def __call__(self, x):
        return self.head(self.attn(x) + x)


@pytest.mark.parametrize("library", ["linen", "nnx"])
@pytest.mark.slow
def test_attention_weights_and_what_they_are_of_are_layers(library):
    x = jax.random.normal(jax.random.key(0), (2, 5, 6))
    if library == "linen":
        f = jv.bind(LinenAttention().apply, LinenAttention().init(jax.random.key(1), x))
    else:
        f = name_layers(NnxAttention())
    expected = {"attn/query", "attn/key", "attn/value", "attn/softmax", "attn", "attn/out", "head"}
    assert jv.layers(f, x).keys() == expected
    _, acts = jv.tap(f, *expected)(x)
    query, key = (np.asarray(acts[f"attn/{name}"]).reshape(2, 5, 2, 3) for name in ("query", "key"))
    for image in range(2):
        for head in range(2):
            weights = np.exp(query[image, :, head] @ key[image, :, head].T / np.sqrt(3))
            weights /= weights.sum(1, keepdims=True)
            np.testing.assert_allclose(acts["attn/softmax"].reshape(2, 2, 5, 5)[image, head], weights, rtol=1e-5)


def test_a_softmax_in_no_module_has_no_name():
    f = lambda x: jax.nn.softmax(checkpoint_name(x, "a") + checkpoint_name(2 * x, "b"))  # noqa: E731
    assert list(jv.layers(f, jnp.ones(3))) == ["a", "b"]


def test_scopes_are_named_without_what_jax_adds():
    def f(x):
        with jax.named_scope("block"):
            return jnp.einsum("ab,b->a", x, x[0])

    assert list(jv.layers(f, jnp.ones((2, 2)))) == list(jv.layers(jax.vmap(f), jnp.ones((3, 2, 2)))) == ["block"]


RELUS = {
    "relu6": (lambda y: jnp.clip(y, 0, 6), ["y", "y/relu"]),
    "in a loop": (
        lambda y: jax.lax.scan(lambda c, _: (jax.nn.relu(checkpoint_name(c - 1, "c")), None), y, None, 2)[0],
        ["y", "c", "c/relu"],
    ),
    "in a checkpoint": (jax.checkpoint(lambda y: jax.nn.relu(y)), ["y", "y/relu"]),
    "twice": (lambda y: jax.nn.relu(y).sum() + 2 * jax.nn.relu(y), ["y", "y/relu#0", "y/relu#1"]),
    "of a sum": (lambda y: jax.nn.relu(y + y[::-1]), ["y"]),
    "of two names": (lambda y: jax.nn.relu(checkpoint_name(y, "z")), ["y", "z", "z/relu"]),
    "a name of its own": (lambda y: checkpoint_name(2 * jax.nn.relu(y), "y/relu"), ["y", "y/relu"]),
    "no relu": (jax.nn.softplus, ["y"]),
    "no relu either": (jax.nn.gelu, ["y"]),
}


@pytest.mark.parametrize("what", RELUS)
def test_relus_of_layers_in_any_spelling_are_layers(what):
    rest, names = RELUS[what]
    assert list(jv.layers(lambda x: rest(checkpoint_name(3 * x, "y")), jnp.ones(4))) == names


def test_a_name_that_is_none_gets_the_five_closest():
    def f(x):
        for block in range(200):
            x = checkpoint_name(x + 1, f"blocks/{block}/conv")
        return x

    with pytest.raises(ValueError, match=r"^`layer` must") as error:
        jv.upto(f, "block/17/conv")(jnp.ones(2))
    text = str(error.value)
    assert text.startswith("`layer` must be one of blocks/17/conv, blocks/")
    assert text.endswith(" or of 195 others, got 'block/17/conv'. See layers(f, images).")
    assert text.count("blocks/") == 5
    with pytest.raises(ValueError, match=r"one of y, y/relu#0, y/relu#1, got 'y/relu'\. Did you mean 'y/relu#[01]'\?"):
        jv.upto(lambda x: RELUS["twice"][0](checkpoint_name(x, "y")), "y/relu")(jnp.ones(2))


def test_an_explicit_name_beats_a_scopes():
    def f(x):
        with jax.named_scope("block"):
            x = checkpoint_name(x + 1, "block")
            return x + 1

    _, acts = jv.tap(f, "block")(jnp.zeros(1))
    assert float(acts["block"][0]) == 1


def test_the_nnx_adaptor_names_submodules_and_leaves_the_model_alone():
    model = networks.NnxNet(nnx.Rngs(0))
    classes = [type(module) for _, module in nnx.iter_modules(model)]
    f, x = name_layers(model), networks.images()
    behind = ["first", "first/relu", "middle", "middle/relu", "last", "last/relu"]
    assert list(jv.layers(f, x)) == [*behind, "dense"]
    out, acts = jv.tap(f, "first")(x)
    np.testing.assert_array_equal(out, model(x))
    np.testing.assert_array_equal(acts["first"], model.first(x))
    assert [type(module) for _, module in nnx.iter_modules(model)] == classes
    assert jv.layers(model.__call__, x) == {}


def test_the_nnx_adaptor_refuses_what_cannot_be_called():
    with pytest.raises(TypeError, match=r"`model` must be an nnx\.Module that can be called, got Module"):
        name_layers(nnx.Module())

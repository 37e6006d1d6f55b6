"""What is none of a network's ReLUs: guards, clips of pictures, and clamps inside a larger activation."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen, nnx

import jaxviz as jv
from tests import networks

IMAGES = jax.random.normal(jax.random.key(0), (2, 6, 6, 8))
KERNEL = 0.3 * jax.random.normal(jax.random.key(1), (3, 3, 8, 8))
RNGS = nnx.Rngs(0)

NORMS = {
    "linen GroupNorm": (linen.GroupNorm, {"num_groups": 2}),
    "linen LayerNorm": (linen.LayerNorm, {}),
    "linen InstanceNorm": (linen.InstanceNorm, {}),
    "linen BatchNorm": (linen.BatchNorm, {"use_running_average": False}),
    "nnx GroupNorm": (lambda: nnx.GroupNorm(8, num_groups=2, rngs=RNGS), {}),
    "nnx LayerNorm": (lambda: nnx.LayerNorm(8, rngs=RNGS), {}),
    "nnx InstanceNorm": (lambda: nnx.InstanceNorm(8, rngs=RNGS), {}),
    "equinox GroupNorm": (lambda: eqx.nn.GroupNorm(2, 8), {}),
    "equinox LayerNorm": (lambda: eqx.nn.LayerNorm((8, 6, 6)), {}),
}


def norm(name):
    make, options = NORMS[name]
    layer: Any = make(**options)
    if name.startswith("linen"):
        params = layer.init(jax.random.key(0), IMAGES)
        return lambda x: layer.apply(params, x, mutable=["batch_stats"])[0]
    if name.startswith("equinox"):
        return lambda x: jax.vmap(layer)(x.transpose(0, 3, 1, 2)).transpose(0, 2, 3, 1)
    return layer


def reasons(f, x):
    return [match.reason for match in jv.matches(f, x, "guided").passed_over]


def by_hand(x):
    """Guided by a rule written down, nothing rewritten."""

    @jax.custom_vjp
    def relu(x):
        return jnp.maximum(x, 0)

    relu.defvjp(lambda x: (relu(x), x), lambda x, g: (jnp.where((x > 0) & (g > 0), g, 0),))
    return relu(x)


@pytest.mark.parametrize("name", NORMS)
@pytest.mark.slow
def test_the_variance_of_a_norm_layer_is_no_activation(name):
    layer = norm(name)

    def f(x, relu=jax.nn.relu):
        return relu(networks.conv(relu(layer(networks.conv(x, KERNEL))), KERNEL)).mean((1, 2))[:, 0]

    assert [match.op for match in jv.matches(f, IMAGES, "guided")] == ["relu", "relu"]
    guided = jax.grad(lambda x: jv.with_rule(f, "guided")(x).sum())(IMAGES)
    np.testing.assert_allclose(guided, jax.grad(lambda x: f(x, by_hand).sum())(IMAGES), atol=1e-6)
    with pytest.raises(ValueError, match="got 'guided' for a function that has none"):
        jv.with_rule(lambda x: jax.nn.gelu(layer(x)), "guided")(IMAGES)


def test_matches_says_what_it_passes_over_and_why():
    found = jv.matches(lambda x: jax.nn.relu(nnx.GroupNorm(8, num_groups=2, rngs=nnx.Rngs(0))(x)), IMAGES, "guided")
    assert found == [jv.Match("relu", "", IMAGES.shape)]
    assert found.passed_over == [jv.Match("relu", "", (2, 2), None, "feeds rsqrt")]
    assert repr(found).endswith(f", passed over: {found.passed_over}")


GUARDS = {
    "sqrt": (lambda x: jnp.sqrt(jnp.maximum(x, 0)), "feeds sqrt"),
    "sqrt of a little more": (lambda x: jnp.sqrt(jnp.maximum(x, 0).mean(0)[None] * 2 + 1e-3), None),
    "rsqrt": (lambda x: jax.lax.rsqrt(2 * jnp.maximum(x, 0) + 1e-5), "feeds rsqrt"),
    "log": (lambda x: jnp.log(jnp.clip(x, 0, 1)[:, None] + 1e-6), "feeds log"),
    "divisor": (lambda x: 1 / (jnp.maximum(x, 0) + 1e-3), "divides"),
    "reciprocal": (lambda x: jnp.maximum(x, 0) ** -1, "divides"),
    "power": (lambda x: jnp.power(jnp.maximum(x, 0), 0.3), "feeds a root"),
    "index": (lambda x: jnp.arange(5.0)[jnp.clip(3 * x, 0, 4).astype(int)], "feeds an index"),
    "coordinate": (
        lambda x: jax.scipy.ndimage.map_coordinates(jnp.arange(9.0), [jnp.clip(3 * x.ravel(), 0, 7)], 1),
        "feeds an index",
    ),
    "log of one more": (lambda x: jnp.log(1 + jnp.maximum(x, 0)), None),
    "a square": (lambda x: jnp.maximum(x, 0) ** 2, None),
}


@pytest.mark.parametrize("name", GUARDS)
def test_what_only_keeps_a_domain_is_a_guard(name):
    f, reason = GUARDS[name]
    assert reasons(lambda x: (jax.nn.relu(x), f(x)), IMAGES) == ([reason] if reason else [])


def test_the_weights_of_a_resize_are_no_activations():
    def f(x):
        return jax.nn.relu(jax.image.resize(x, (2, 9, 9, 8), "bilinear"))

    assert len(jv.matches(f, IMAGES, "guided")) == 1
    assert reasons(f, IMAGES) == ["does not depend on the input"] * 2


def test_a_clip_of_the_pictures_ahead_of_the_first_layer_is_none_and_elsewhere_it_is_a_relu6():
    def f(x):
        return jax.nn.relu(networks.conv((jnp.clip(x, 0, 1) - 0.5) / 0.2, KERNEL))

    assert [match.op for match in jv.matches(f, IMAGES, "guided")] == ["relu"]
    assert reasons(f, IMAGES) == ["keeps the pictures in their range"]
    decoder = jv.matches(lambda x: jnp.clip(networks.conv(f(x), KERNEL), 0, 1), IMAGES, "guided")
    assert [match.ceiling for match in decoder] == [None, 1.0]
    relu6 = jv.matches(lambda x: networks.conv(jax.nn.relu6(x), KERNEL), IMAGES, "guided")  # a network's upper part
    assert [match.ceiling for match in relu6] == [6.0]


PARTS = {
    "softplus": jax.nn.softplus,
    "celu": jax.nn.celu,
    "mish": jax.nn.mish,
    "log_sigmoid": jax.nn.log_sigmoid,
    "logaddexp": lambda x: jnp.logaddexp(x, 0),
    "PReLU": lambda x: jax.nn.relu(x) - jnp.linspace(0.1, 0.2, 8) * jax.nn.relu(-x),
    "piecewise linear": lambda x: jax.nn.relu(x) - 0.2 * jax.nn.relu(1 - x),
    "soft shrink": lambda x: jnp.sign(x) * jnp.maximum(jnp.abs(x) - 0.5, 0),
    "added to its input": lambda x: x + jax.nn.relu(x),
    "straight through": lambda x: x + jax.lax.stop_gradient(jax.nn.relu(x) - x),
    "custom_jvp": jax.custom_jvp(lambda x: 3 * jax.nn.relu(x)),
}
PARTS["custom_jvp"].defjvp(lambda primals, tangents: (PARTS["custom_jvp"](*primals), 11 * tangents[0]))


@pytest.mark.parametrize("name", PARTS)
@pytest.mark.parametrize("own", [True, False], ids=["of the input", "of a layer"])
def test_a_larger_activation_keeps_its_own_gradient(name, own):
    activation = PARTS[name]

    def f(x):
        return activation(x if own else networks.conv(x, KERNEL))

    with pytest.raises(ValueError, match="got 'guided' for a function that has none"):
        jv.with_rule(f, "guided")(IMAGES)
    ruled = jv.with_rule(lambda x: (jax.nn.relu(x), f(x)), "guided")
    g = jax.random.normal(jax.random.key(2), IMAGES.shape)
    out = jax.vjp(ruled, IMAGES)[1]((jnp.zeros_like(g), g))[0]
    np.testing.assert_allclose(out, jax.vjp(f, IMAGES)[1](g)[0], atol=1e-5)


def test_softplus_beside_a_relu_has_the_gradient_of_softplus():
    ruled = jv.with_rule(lambda x: jax.nn.softplus(x) + jax.nn.relu(x[::-1]), "guided")
    passed = jax.vjp(ruled, jnp.array([0.5]))[1](jnp.array([-1.0]))[0]
    np.testing.assert_allclose(passed, [-jax.nn.sigmoid(0.5)], rtol=1e-6)  # the ReLU passes nothing that is negative


HOLDERS = {
    "scaled and shifted": lambda x: 2 * jax.nn.relu(x + 0.5) - 1,
    "squared": lambda x: jax.nn.relu(x) ** 2,
    "batch norm": lambda x: jax.nn.relu(x * jnp.linspace(0.5, 1, 8) + jnp.linspace(-1, 1, 8)),
    "gate": lambda x: x * jax.nn.relu6(x + 3) / 6,
    "residual": lambda x: x + networks.conv(jax.nn.relu(x), KERNEL),
    "after a residual": lambda x: jax.nn.relu(x + networks.conv(x, KERNEL)),
    "read by the next block too": lambda x: (lambda y: y + networks.conv(y, KERNEL))(jax.nn.relu(x)),
    "long skip": lambda x: (lambda s, y: y + networks.conv(y, KERNEL) + s)(x, jax.nn.relu(x)),
    "beside its input": lambda x: jnp.concatenate([x, jax.nn.relu(x)], -1),
    "gated linear unit": lambda x: x[..., :4] * jax.nn.relu(x[..., 4:]),
    "custom_jvp around layers": jax.custom_jvp(lambda x: networks.conv(jax.nn.relu(x), KERNEL)),
}
HOLDERS["custom_jvp around layers"].defjvps(lambda t, ans, x: t)


@pytest.mark.parametrize("name", HOLDERS)
def test_a_relu_that_is_only_used_further_stays_one(name):
    layered = lambda x: HOLDERS[name](networks.conv(x, KERNEL))  # noqa: E731
    for f in (HOLDERS[name], layered):
        found = jv.matches(f, IMAGES, "guided")
        assert [match.op for match in found] == ["relu6" if name == "gate" else "relu"]
        assert found.passed_over == []


NOT_RELUS = "elu selu silu gelu leaky_relu softplus sparse_plus squareplus soft_sign sigmoid tanh hard_tanh celu mish"
NOT_RELUS += " log_sigmoid glu softmax log_softmax standardize identity"
KINDS = {name: [] for name in NOT_RELUS.split()} | {
    "relu": ["relu"], "relu6": ["relu6"], "hard_sigmoid": ["relu6"], "hard_swish": ["relu6"], "hard_silu": ["relu6"],
    "sparse_sigmoid": ["relu6"],
}  # fmt: skip


@pytest.mark.parametrize("name", KINDS)
def test_each_activation_of_jax_nn(name):
    found = jv.matches(lambda x: (jax.nn.relu(-x), getattr(jax.nn, name)(x)), IMAGES, "guided")
    assert [match.op for match in found[1:]] == KINDS[name]


def test_of_two_equal_clamps_one_is_an_activation_and_one_a_part():
    def f(x):
        return x + jnp.maximum(x, 0), jnp.maximum(x, 0)

    assert len(jv.matches(f, IMAGES, "guided")) == len(reasons(f, IMAGES)) == 1
    g = jax.random.normal(jax.random.key(2), IMAGES.shape)
    passed = jax.vjp(jv.with_rule(f, "guided"), IMAGES)[1]((g, jnp.zeros_like(g)))[0]
    np.testing.assert_array_equal(passed, jnp.where(IMAGES > 0, 2 * g, g))

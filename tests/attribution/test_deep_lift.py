"""DeepLIFT: what adds up, what is linear, what captum gives where it is right, and what is refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxviz as jv
from tests import networks

TARGETS = np.array([0, 2, 4])
X = jax.random.normal(jax.random.key(0), (3, 4, 6, 2))


def difference(f, x, baseline):
    return np.asarray(f(x) - f(jnp.broadcast_to(baseline, x.shape).astype(x.dtype)))


def heads(h):
    return jnp.tensordot(h, jax.random.normal(jax.random.key(1), (*h.shape[1:], 5)), axes=h.ndim - 1)


FUNCTIONS = {
    "relu used twice": lambda x: heads(jax.nn.relu(jax.nn.relu(x) - 0.2)),
    "maximum with a number": lambda x: heads(jnp.maximum(x, 0.1)),
    "maximum of two": lambda x: heads(jnp.maximum(jnp.sin(x), x**2)),
    "minimum of two": lambda x: heads(jnp.minimum(jnp.sin(x), x**2)),
    "gelu, silu, elu, leaky relu": lambda x: heads(
        jax.nn.gelu(x) + jax.nn.silu(x) + jax.nn.elu(x) + jax.nn.leaky_relu(x) + jax.nn.softplus(x) + jax.nn.relu6(x)
    ),
    "a gate": lambda x: heads(x * jax.nn.sigmoid(x.mean((1, 2), keepdims=True))),
    "layer norm": lambda x: heads((x - x.mean(-1, keepdims=True)) * jax.lax.rsqrt(x.var(-1, keepdims=True) + 1e-3)),
    "attention": lambda x: heads(jax.nn.softmax(jnp.einsum("nhwc,nhvc->nhwv", x, x), axis=-1) @ jnp.tanh(x)),
    "a quotient": lambda x: heads(x / (1 + x**2)),
    "max-pool": lambda x: heads(networks.pool(x)),
    "the largest": lambda x: heads(x.max((1, 2))),
    "the smallest": lambda x: heads(x.min((1, 2))),
    "softmax": lambda x: jax.nn.softmax(3 * heads(x)),
    "a choice that does not depend on the image": lambda x: heads(jnp.where(jnp.arange(2) > 0, jnp.exp(x), x)),
    "a scan": lambda x: heads(jax.lax.scan(lambda h, w: (jnp.tanh(w * h), h[:, 0]), x, jnp.array([0.5, 2.0]))[0]),
    "a scan from the end": lambda x: heads(
        jax.lax.scan(lambda h, w: (jnp.tanh(h + w), h), x[:, 0], jnp.moveaxis(x, 1, 0), reverse=True)[1].sum(0)
    ),
}


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("baseline", [0.0, 0.3])
def test_the_entries_add_up_to_the_difference(name, baseline):
    f = FUNCTIONS[name]
    found = jv.attribution.deep_lift(f, X, TARGETS, baseline=baseline)
    expected = difference(f, X, baseline)[range(3), TARGETS]
    np.testing.assert_allclose(found.sum((1, 2, 3)), expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(f(X), jax.jit(f)(X)) if name == "max-pool" else None


def test_of_a_linear_function_it_is_gradient_times_difference():
    f = lambda x: heads(jnp.flip(x, 2).transpose(0, 2, 1, 3)[:, ::2])  # noqa: E731
    found = jv.attribution.deep_lift(f, X, TARGETS, baseline=0.5)
    np.testing.assert_allclose(found, jv.saliency(f, X, TARGETS) * (X - 0.5), rtol=1e-5, atol=1e-6)


def test_an_image_that_is_its_own_baseline_gets_nothing():
    found = jv.attribution.deep_lift(FUNCTIONS["attention"], X, 1, baseline=X)
    np.testing.assert_array_equal(found, 0)


def test_the_rule_rescale_by_hand():
    # y = relu(2 a - b): from (0, 0) to (1, 3) it stays at 0; to (3, 1) it rises by 5 of 5, to (-1, -3) by 1 of 1.
    f = lambda x: jax.nn.relu(2 * x[:, 0, 0] - x[:, 0, 1])  # noqa: E731
    x = jnp.array([[1.0, 3], [3, 1], [-1, -3]]).reshape(3, 1, 2, 1)
    np.testing.assert_allclose(jv.attribution.deep_lift(f, x, 0)[:, 0, :, 0], [[0, 0], [6, -1], [-2, 3]], atol=1e-6)


def test_a_maximum_gives_its_rise_to_where_it_is_and_its_fall_to_where_it_was():
    f = lambda x: x.max((1, 2))  # noqa: E731
    x, baseline = jnp.array([5.0, 0.0]).reshape(1, 1, 2, 1), jnp.array([1.0, 3.0]).reshape(1, 1, 2, 1)
    np.testing.assert_allclose(jv.attribution.deep_lift(f, x, 0, baseline=baseline).ravel(), [2, 0], atol=1e-6)
    np.testing.assert_allclose(jv.attribution.deep_lift(f, baseline, 0, baseline=x).ravel(), [-2, 0], atol=1e-6)


@pytest.mark.slow
def test_many_steps_of_integrated_gradients_are_no_oracle_but_one_relu_is():
    # Above one layer of ReLUs on straight ways the quotient is the mean of the gradient along the way.
    w = jax.random.normal(jax.random.key(2), (2, 7))
    f = lambda x: heads(jax.nn.relu(x @ w))  # noqa: E731
    many = jv.integrated_gradients(f, X, TARGETS, num_steps=2000)
    np.testing.assert_allclose(jv.attribution.deep_lift(f, X, TARGETS), many, atol=5e-3 * float(jnp.abs(many).max()))


@pytest.mark.parametrize(
    ("f", "name"),
    [
        (lambda x: heads(jnp.sort(x, axis=2)), "sort"),
        (lambda x: heads(jnp.where(x > 0, x, 0.5 * x)), "select_n"),
        (lambda x: heads(jax.lax.while_loop(lambda x: x.sum() < 1e9, lambda x: x + jnp.abs(x) + 1, x)), "while"),
    ],
)
def test_what_has_no_quotient_is_named(f, name):
    with pytest.raises(NotImplementedError, match=f"got `{name}` of what depends on the input"):
        jv.attribution.deep_lift(f, X, 0)


@pytest.mark.slow
def test_whole_networks_add_up():
    import models

    for name in ("squeezenet", "efficientnet_lite0", "cifar_small"):
        network = models.load(name)
        images = 2 * jax.random.normal(jax.random.key(3), (1, *network.input_shape))
        found = jv.attribution.deep_lift(network, images, 3)
        assert float(found.sum()) == pytest.approx(float(difference(network, images, 0.0)[0, 3]), rel=1e-4, abs=1e-3)

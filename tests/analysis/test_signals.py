"""Scans over signals, tables and volumes: what a loop by hand finds."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.ad_checkpoint import checkpoint_name

import jaxviz as jv

RNG = np.random.default_rng(0)
LABELS = np.array([0, 1, 2, 1, 0, 2, 1])
HEAD = jnp.asarray(RNG.normal(size=(4, 3)), jnp.float32)


def weights(*shape):
    return jnp.asarray(RNG.normal(size=shape), jnp.float32)


def convolved(x, kernel, axes):
    numbers = (f"N{axes}C", f"{axes}IO", f"N{axes}C")
    return jax.lax.conv_general_dilated(x, kernel, (1,) * len(axes), "SAME", dimension_numbers=numbers)


KERNELS = {"signal": weights(3, 2, 4), "table": weights(5, 4), "volume": weights(2, 2, 2, 1, 4)}
BELOW = {
    "signal": lambda x: jax.nn.relu(convolved(x, KERNELS["signal"], "W")),
    "table": lambda x: jax.nn.relu(x @ KERNELS["table"]),
    "volume": lambda x: jax.nn.relu(convolved(x, KERNELS["volume"], "DHW")),
}
INPUTS = {
    "signal": RNG.normal(size=(7, 6, 2)).astype(np.float32),
    "table": RNG.normal(size=(7, 5)).astype(np.float32),
    "volume": RNG.normal(size=(7, 3, 4, 2, 1)).astype(np.float32),
}
HOW = {"signal": {"grid": (6, 1)}, "table": {}}
kinds = pytest.mark.parametrize("kind", INPUTS)


def network(kind):
    def f(x):
        maps = checkpoint_name(BELOW[kind](x), "layer")
        return maps.mean(tuple(range(1, maps.ndim - 1))) @ HEAD

    return f


def activations(kind):
    """Places flattened: (n, places, channels)."""
    found = np.array(BELOW[kind](INPUTS[kind]))
    return found.reshape(len(found), -1, found.shape[-1])


@kinds
def test_channels_are_ablated(kind):
    found = jv.ablate(network(kind), {"layer": [1, 3]}, (INPUTS[kind], LABELS))
    for off, result in (([], found.before), ([1, 3], found.after)):
        maps = activations(kind)
        maps[..., off] = 0
        predicted = (maps.mean(1) @ HEAD).argmax(1)
        expected = np.zeros((3, 3), int)
        np.add.at(expected, (LABELS, predicted), 1)
        np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize("kind", HOW)
def test_the_strongest_of_each_channel_are_found(kind):
    found = jv.strongest(network(kind), "layer", (INPUTS[kind], None), num=2, **HOW[kind])
    best = activations(kind).max(1)
    np.testing.assert_array_equal(found.indices, np.argsort(-best, axis=0, kind="stable")[:2].T)
    np.testing.assert_allclose(found.scores, -np.sort(-best, axis=0)[:2].T, rtol=1e-6)


@pytest.mark.parametrize("kind", HOW)
def test_means_by_class_are_those_of_a_loop(kind):
    found = jv.class_statistics(network(kind), "layer", (INPUTS[kind], LABELS), **HOW[kind])
    means = activations(kind).mean(1)
    expected = np.stack([means[number == LABELS].mean(0) for number in range(3)])
    np.testing.assert_allclose(found.mean, expected, atol=1e-5)


def test_a_number_is_no_example():
    with pytest.raises(ValueError, match=r"`dataset` must hold arrays for the network, such as images \(h, w, c\)"):
        jv.ablate(network("table"), {"layer": [1]}, (np.zeros(3), LABELS[:3]))

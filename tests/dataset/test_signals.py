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
    found = jv.dataset.ablate(network(kind), (INPUTS[kind], LABELS), {"layer": [1, 3]})
    for off, result in (([], found.before), ([1, 3], found.after)):
        maps = activations(kind)
        maps[..., off] = 0
        predicted = (maps.mean(1) @ HEAD).argmax(1)
        expected = np.zeros((3, 3), int)
        np.add.at(expected, (LABELS, predicted), 1)
        np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize("kind", HOW)
def test_the_strongest_of_each_channel_are_found(kind):
    found = jv.dataset.strongest(network(kind), (INPUTS[kind], None), ["layer"], num=2, **HOW[kind])["layer"]
    best = activations(kind).max(1)
    np.testing.assert_array_equal(found.indices, np.argsort(-best, axis=0, kind="stable")[:2].T)
    np.testing.assert_allclose(found.scores, -np.sort(-best, axis=0)[:2].T, rtol=1e-6)


@pytest.mark.parametrize("kind", HOW)
def test_means_by_class_are_those_of_a_loop(kind):
    found = jv.dataset.class_statistics(network(kind), (INPUTS[kind], LABELS), ["layer"], **HOW[kind])["layer"]
    means = activations(kind).mean(1)
    expected = np.stack([means[number == LABELS].mean(0) for number in range(3)])
    np.testing.assert_allclose(found.mean, expected, atol=1e-5)


def test_a_number_is_no_example():
    with pytest.raises(ValueError, match=r"`dataset` must hold arrays for the network, such as images \(h, w, c\)"):
        jv.dataset.ablate(network("table"), (np.zeros(3), LABELS[:3]), {"layer": [1]})


PHOTOS, ROWS = RNG.normal(size=(7, 4, 5, 2)).astype(np.float32), RNG.integers(0, 9, (7, 3)).astype(np.int16)
MIXED = weights(3, 4)


def joined(inputs):
    """A network of a photo and of a row of a table."""
    maps = checkpoint_name(jax.nn.relu(inputs["photo"] @ KERNELS["signal"][0]), "maps")
    mixed = checkpoint_name(maps.mean((1, 2)) + inputs["row"] @ MIXED, "mixed")
    return mixed @ HEAD


def in_range(inputs):
    return {"photo": inputs["photo"], "row": inputs["row"].astype(jnp.float32) / 9}


SOURCES = {
    "arrays": ({"photo": PHOTOS, "row": ROWS}, LABELS),
    "items": [
        {"image": {"photo": photo, "row": row}, "label": int(label)}
        for photo, row, label in zip(PHOTOS, ROWS, LABELS, strict=True)
    ],
}


@pytest.mark.parametrize("source", SOURCES)
def test_examples_may_be_several_arrays(source, tmp_path):
    scan = jv.dataset.Scan(batch_size=3, devices=2, preprocess=in_range, num_threads=0, resume=tmp_path / "scan")
    maps = np.asarray(jax.nn.relu(PHOTOS @ KERNELS["signal"][0]))
    mixed = maps.mean((1, 2)) + (ROWS / 9) @ np.asarray(MIXED)
    found = jv.dataset.strongest(joined, SOURCES[source], ["maps", "mixed"], num=2, scan=scan)
    for name, best in (("maps", maps.max((1, 2))), ("mixed", mixed)):
        np.testing.assert_array_equal(found[name].indices, np.argsort(-best, axis=0, kind="stable")[:2].T)
        np.testing.assert_allclose(found[name].scores, -np.sort(-best, axis=0)[:2].T, rtol=1e-5)
    expected = np.zeros((3, 3), int)
    np.add.at(expected, (LABELS, (mixed @ np.asarray(HEAD)).argmax(1)), 1)
    scan = jv.dataset.Scan(batch_size=3, devices=2, preprocess=in_range, num_threads=0)
    np.testing.assert_array_equal(jv.dataset.confusion(joined, SOURCES[source], scan=scan).matrix, expected)


def test_bytes_become_what_they_were():
    from jaxviz.dataset._packed import form_of, pack

    examples = (
        np.array([[True, False], [False, True]]),
        {"a": np.arange(4, dtype=np.uint8).reshape(2, 2, 1), "b": np.array([[-1.5], [np.inf]], np.float16)},
        [np.array([[2**31 - 1], [-1]]), np.array([-3, 4], np.int8), PHOTOS[:2]],
    )
    form = form_of(examples, 1)
    rows = pack(examples, form, 1)
    assert (rows.dtype, rows.shape) == (np.uint8, (2, 2 + 2 + 2 + 4 + 1 + 4 * 40))
    for found, given in zip(jax.tree.leaves(form.unpack(jnp.asarray(rows))), jax.tree.leaves(examples), strict=True):
        np.testing.assert_array_equal(found, given)
    assert jax.tree.structure(form.unpack(jnp.asarray(rows))) == jax.tree.structure(examples)


def test_examples_of_another_form_and_projections_of_several_arrays_are_refused():
    items = [*SOURCES["items"][:2], {"image": {"photo": PHOTOS[0], "row": ROWS[0, :2]}, "label": 1}]
    with pytest.raises(ValueError, match=r"an example of \{'photo': .*'row': 'int16\[2\]'\} and not .* at 2"):
        jv.dataset.confusion(joined, items, scan=jv.dataset.Scan(preprocess=in_range, num_threads=0))
    with pytest.raises(ValueError, match="`dataset` must hold one array for each image"):
        jv.dataset.evolution(joined, SOURCES["arrays"], "maps", [0], {1: joined})
    with pytest.raises(TypeError, match="`dataset` must hold floating-point images, got int16"):
        jv.dataset.confusion(joined, SOURCES["arrays"])

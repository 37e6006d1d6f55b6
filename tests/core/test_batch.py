"""How many images go through a network at a time by default."""

import jax
import jax.numpy as jnp
import pytest

from jaxviz._core import batch
from jaxviz._core.batch import default_batch
from jaxviz._core.jaxpr.interpret import trace


def images(size, channels, count=1):
    return jax.ShapeDtypeStruct((count, size, size, channels), jnp.float32)


def weights(*shape):
    return jax.ShapeDtypeStruct(shape, jnp.float32)


def dense(w, x):
    return x.reshape(len(x), -1) @ w


ONES = [  # 16 MB of cache
    (lambda x: x * 2, images(256, 4), 8, "1 MB in, 1 MB out"),
    (lambda x: x * 2, images(256, 4, count=3), 8, "the same for more images"),
    (lambda x: jnp.sin(x)[:, :8] * 2, images(256, 4), 8, "the largest operation counts"),
    (lambda x: x * 2, images(8, 1), 64, "no more than 64"),
    (lambda x: x * 2, images(2048, 4), 1, "at least one, though it does not fit"),
    (jax.tree_util.Partial(dense, weights(4096, 16384)), images(64, 1), 64, "weights much larger than activations"),
    (jax.tree_util.Partial(dense, weights(2**16 * 4, 2**16)), images(256, 4), 64, "up to 64"),
    (jax.tree_util.Partial(lambda w, x: x * w[0, 0], weights(2**9, 2**10)), images(256, 4), 16, "eight times 2 MB"),
    (jax.tree_util.Partial(lambda w, x: x * w[0, 0], weights(2**14, 2**14)), images(2048, 4), 32, "2 GB of maps"),
]


@pytest.mark.parametrize(("f", "shape", "expected", "why"), ONES)
def test_on_a_cpu_the_largest_operation_fits_the_cache_and_weights_do_not_outweigh(f, shape, expected, why):
    assert default_batch(f, shape) == expected, why


class Device:
    def __init__(self, stats):
        self.stats = stats

    def memory_stats(self):
        return self.stats


@pytest.mark.parametrize(
    ("stats", "expected"),
    [({"bytes_limit": 2**30}, 128), ({"bytes_limit": 2**20}, 1), ({"bytes_limit": 3 * 2**26}, 16), (None, 256)],
)
def test_on_an_accelerator_a_quarter_of_the_memory_holds_all_activations(monkeypatch, stats, expected):
    monkeypatch.setattr(batch.jax, "default_backend", lambda: "gpu")
    monkeypatch.setattr(batch.jax, "local_devices", lambda: [Device(stats)])
    # Two activations of 1 MB. Without what is kept for the CPU.
    assert batch._default_batch(lambda x: jnp.sin(x * 2), images(256, 4)) == expected


def test_a_network_is_traced_once_for_that(monkeypatch):
    traced = []
    monkeypatch.setattr(batch, "trace", lambda *args: traced.append(args) or trace(*args))
    network, x = jax.tree_util.Partial(lambda scale, x: x * scale, jnp.float32(2)), jnp.ones((1, 256, 256, 4))
    assert [default_batch(network, x) for _ in range(3)] == [8, 8, 8]
    assert len(traced) == 1
    jax.jit(lambda x: x * default_batch(network, x))(x)

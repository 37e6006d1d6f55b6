"""One compiled program a call, kept for a structure: never stale, never holding a network, never compiled twice."""

import dataclasses
import gc
import sys
import types
import weakref

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import jaxviz as jv
from jaxviz._core import program
from tests import networks

IMAGES = jnp.ones((1, 2, 2, 3))
# What a test counts must not be seen by what is tested: modules count as constant.
counts = types.ModuleType("counts")
WEIGHTS = jnp.ones((3, 2))
SCALES = {"scale": 2.0}

compiled = []
jax.monitoring.register_event_duration_secs_listener(
    lambda event, _, **__: compiled.append(event) if event == "/jax/core/compile/backend_compile_duration" else None
)


@pytest.fixture(autouse=True)
def no_traces_yet():
    counts.traces = 0


def dense(images, weights):
    counts.traces += 1
    return images.sum((1, 2)) @ weights


def weight(f, images=IMAGES):
    """The gradient with respect to a pixel, which is the weight that leads from it to output 0."""
    return jv.saliency(f, images, 0)[0, 0, 0].tolist()


def reads_globals(images):
    return dense(images, WEIGHTS * SCALES["scale"])


class Holder:
    def __init__(self, weights):
        self.weights = weights

    def __call__(self, images):
        return dense(images, self.weights)


def test_a_second_call_neither_traces_nor_compiles():
    weights = jnp.ones((3, 2))
    jitted = jax.jit(lambda images: dense(images, weights))
    holder = Holder(weights)
    numbers = np.ones((3, 2), np.float32)
    model = nnx.Linear(3, 2, rngs=nnx.Rngs(0))
    functions = (
        jax.tree_util.Partial(lambda weights, images: dense(images, weights), weights),
        lambda images: dense(images, weights),
        reads_globals,
        lambda images: jitted(images) + 1,
        lambda images: holder(images),
        holder.__call__,
        lambda images: dense(images, numbers),
        lambda images: model(images.sum((1, 2))) + dense(images, weights),
    )
    for f in functions:
        weight(f)
        counts.traces = 0
        compiled.clear()
        weight(f)
        assert counts.traces == 0
        assert not compiled


def test_an_equal_function_is_not_compiled_again_for_other_weights():
    def fresh(scale):
        weights = scale * jnp.ones((3, 2))
        return lambda images: dense(images, weights)

    first, second = fresh(1.0), fresh(3.0)
    assert weight(first) == [1.0] * 3
    compiled.clear()
    assert weight(second) == [3.0] * 3
    assert not compiled


def test_what_a_closure_holds_is_seen_to_change():
    weights = jnp.ones((3, 2))

    def f(images):
        return dense(images, weights)

    assert weight(f) == [1.0] * 3
    weights = 2 * weights
    assert weight(f) == [2.0] * 3


def test_globals_are_seen_to_change(monkeypatch):
    assert weight(reads_globals) == [2.0] * 3
    monkeypatch.setitem(SCALES, "scale", 3.0)
    assert weight(reads_globals) == [3.0] * 3
    monkeypatch.setitem(globals(), "WEIGHTS", 2 * jnp.ones((3, 2)))
    assert weight(reads_globals) == [6.0] * 3


def test_what_a_function_with_its_own_derivative_holds_is_seen_to_change(monkeypatch):
    @jax.custom_jvp
    def own(images):
        return images.sum((1, 2)) @ WEIGHTS

    own.defjvp(lambda primals, tangents: (own(*primals), tangents[0].sum((1, 2)) @ (SCALES["scale"] * WEIGHTS)))
    assert weight(lambda images: own(images)) == [2.0] * 3
    monkeypatch.setitem(SCALES, "scale", 3.0)
    assert weight(lambda images: own(images)) == [3.0] * 3


def test_a_global_that_an_inner_function_names_is_seen_to_change(monkeypatch):
    def f(images):
        return jax.vmap(lambda image: image.sum((0, 1)) @ WEIGHTS)(images)

    assert weight(f) == [1.0] * 3
    monkeypatch.setitem(globals(), "WEIGHTS", 2 * jnp.ones((3, 2)))
    assert weight(f) == [2.0] * 3


def test_arrays_of_numpy_and_objects_are_seen_to_change_in_place():
    numbers, holder = np.ones((3, 2), np.float32), Holder(jnp.ones((3, 2)))
    functions = (lambda images: dense(images, numbers), lambda images: holder(images), holder.__call__)
    assert [weight(f) for f in functions] == [[1.0] * 3] * 3
    numbers *= 2
    holder.weights = 2 * holder.weights
    assert [weight(f) for f in functions] == [[2.0] * 3] * 3


def test_a_model_of_nnx_is_seen_to_change_in_place():
    model = nnx.Linear(3, 2, use_bias=False, rngs=nnx.Rngs(0))

    def f(images):
        return model(images.sum((1, 2)))

    for scale in (1.0, 2.0):
        model.kernel[...] = scale * jnp.ones((3, 2))
        assert weight(f) == [scale] * 3


def test_defaults_and_partials_are_part_of_a_function():
    def scaled(scale, images, power=1):
        return dense(images, scale**power * jnp.ones((3, 2)))

    def f(images, scale=2.0):
        return scaled(scale, images)

    assert weight(f) == [2.0] * 3
    f.__defaults__ = (3.0,)
    assert weight(f) == [3.0] * 3
    assert [weight(jax.tree_util.Partial(scaled, 3.0, power=power)) for power in (1, 2)] == [[3.0] * 3, [9.0] * 3]


@dataclasses.dataclass(frozen=True)
class Named:
    """Equal to any other of its name."""

    name: str
    held: dict = dataclasses.field(compare=False)

    def __call__(self, images):
        return dense(images, self.held["scale"] * jnp.ones((3, 2)))


class ById(Holder):
    def __eq__(self, other):
        return self is other

    def __hash__(self):
        return id(self)

    def __call__(self, images):
        return dense(images, self.weights["scale"] * jnp.ones((3, 2)))


class Reader:
    def __call__(self, images):
        return dense(images, SCALES["scale"] * jnp.ones((3, 2)))


def test_equal_objects_that_hold_other_values_are_others():
    assert [weight(Named("a", {"scale": scale})) for scale in (2.0, 5.0)] == [[2.0] * 3, [5.0] * 3]
    holder = ById({"scale": 2.0})
    assert weight(holder) == [2.0] * 3
    holder.weights["scale"] = 5.0
    assert weight(holder) == [5.0] * 3


class Scaled(eqx.Module):
    weights: jax.Array
    options: dict = eqx.field(static=True)

    def __call__(self, images):
        return dense(images, self.options["scale"] * self.weights)


def test_a_static_field_is_seen_to_change_in_place():
    module = Scaled(jnp.ones((3, 2)), {"scale": 2.0})
    functions = (module, lambda images: module(images))
    assert [weight(f) for f in functions] == [[2.0] * 3] * 2
    module.options["scale"] = 5.0
    assert [weight(f) for f in functions] == [[5.0] * 3] * 2


def test_what_methods_read_is_seen_to_change(monkeypatch):
    reader, numbers = Reader(), {"scale": 2.0}
    get = numbers.get
    functions = (reader, lambda images: reader(images), lambda images: dense(images, get("scale") * jnp.ones((3, 2))))
    assert [weight(f) for f in functions] == [[2.0] * 3] * 3
    monkeypatch.setitem(SCALES, "scale", 5.0)
    numbers["scale"] = 5.0
    assert [weight(f) for f in functions] == [[5.0] * 3] * 3


def test_a_global_may_have_the_name_of_a_builtin(monkeypatch):
    monkeypatch.setitem(globals(), "filter", 2.0)

    def f(images):
        return dense(images, filter * jnp.ones((3, 2)))

    assert weight(f) == [2.0] * 3
    monkeypatch.setitem(globals(), "filter", 5.0)
    assert weight(f) == [5.0] * 3


def test_without_jit_and_on_another_device():
    weights = jnp.ones((3, 2))

    def f(images):
        return images.sum((1, 2)) @ jax.lax.stop_gradient(weights)

    assert weight(f) == [1.0] * 3
    with jax.disable_jit():
        assert weight(f) == [1.0] * 3
    numbers = np.ones((3, 2), np.float32)
    for device in jax.devices()[:2]:
        assert weight(lambda images: images.sum((1, 2)) @ numbers, jax.device_put(IMAGES, device)) == [1.0] * 3


@pytest.mark.parametrize(
    "method",
    [
        lambda f, x: jv.saliency(f, x, 1),
        lambda f, x: jv.saliency(f, x, 1, rule="guided"),
        lambda f, x: jv.grad_cam(f, x, 1, "last"),
        lambda f, x: jv.guided_grad_cam(f, x, 1, "last"),
        lambda f, x: jv.integrated_gradients(f, x, 1, num_steps=3),
        lambda f, x: jv.smoothgrad(f, x, 1, key=jax.random.key(0), num_samples=3, noise=0.0),
        lambda f, x: jv.attribution.score_cam(f, x, 1, "last"),
        lambda f, x: jv.project(f, x, "last", [(1, 1, 0)]),
        lambda f, x: jv.metrics.deletion(f, x, 1, x[..., 0], num_steps=2).values,
    ],
)
@pytest.mark.slow
def test_a_call_inside_shard_map_is_that_outside(method):
    f, x = networks.FAMILIES["plain"](), networks.images(8)
    mesh = jax.make_mesh((8,), ("d",), axis_types=(jax.sharding.AxisType.Auto,))
    inside = jax.jit(jax.shard_map(lambda x: method(f, x), mesh=mesh, in_specs=jax.P("d"), out_specs=jax.P("d")))
    np.testing.assert_allclose(inside(x), method(f, x), rtol=1e-5, atol=1e-6)  # sums in another order


def test_attributes_of_a_function_are_a_part_of_it():
    def f(images):
        return dense(images, f.scale * jnp.ones((3, 2)))

    for f.scale in (2.0, 3.0):
        assert weight(f) == [f.scale] * 3


def test_a_function_with_hidden_state_is_traced_each_time():
    scales = iter((1.0, 2.0, 3.0, 4.0, 5.0, 6.0))
    assert weight(lambda images: images.sum((1, 2)) * next(scales)) != weight(
        lambda images: images.sum((1, 2)) * next(scales)
    )


def test_settings_of_jax_are_part_of_a_call():
    def f(images):
        return images.sum((1, 2)) * jnp.pi

    assert jv.saliency(f, IMAGES, 0).dtype == jnp.float32
    with jax.enable_x64(True):
        assert jv.saliency(f, jnp.ones((1, 2, 2, 3)), 0).dtype == jnp.float64
        assert jv.saliency(f, IMAGES, 0).dtype == jnp.float32
    assert jv.saliency(f, IMAGES, 0).dtype == jnp.float32


@pytest.mark.slow
def test_no_network_is_kept_alive_and_the_caches_do_not_grow():
    methods = (
        lambda f: jv.saliency(f, IMAGES, 0),
        lambda f: jv.smoothgrad(f, IMAGES, 0, key=jax.random.key(0), num_samples=2),
        lambda f: jv.occlusion(f, IMAGES[0], window=1, stride=1),
    )

    def explain(number):
        weights = number * jnp.ones((3, 2))
        inner = jax.jit(lambda images: dense(images, weights))  # a constant of a function within
        numbers = np.full((1, 2), number, np.float32)

        def f(images):
            return inner(images) + dense(images, weights) + numbers

        methods[number % len(methods)](f)
        return [weakref.ref(value) for value in (f, weights, numbers, inner)]

    explain(0), explain(1), explain(2)
    gc.collect()
    sizes = [len(cache) for cache in (program._kept, program._compiled, program._constant)]
    references = [reference for number in range(3, 103) for reference in explain(3 * number)] + explain(4) + explain(5)
    gc.collect()
    assert not [reference() for reference in references if reference() is not None]
    after = [len(cache) for cache in (program._kept, program._compiled, program._constant)]
    assert all(now <= before for now, before in zip(after, sizes, strict=True))  # what other tests left may go


def test_an_array_may_go_after_the_names_of_the_module(monkeypatch):
    said = []

    def explain():
        weights = jnp.ones((3, 2))
        weight(lambda images: dense(images, weights))
        monkeypatch.setattr(program, "_kept", None)  # as at the end of a process

    monkeypatch.setattr(sys, "unraisablehook", said.append)
    explain()
    gc.collect()
    assert not said


def test_a_model_that_is_dropped_is_collected():
    def explain():
        module = eqx.nn.Linear(3, 2, key=jax.random.key(0))
        jv.saliency(lambda images: jax.vmap(module)(images.sum((1, 2))), IMAGES, 0)
        return weakref.ref(module.weight)

    reference = explain()
    gc.collect()
    assert reference() is None


def test_closures_over_traced_values_are_a_part_of_what_is_around():
    def loss(scale):
        return jv.saliency(lambda images: images.sum((1, 2)) * scale, IMAGES, 0).sum()

    assert float(jax.grad(loss)(2.0)) == 4.0
    assert float(jax.jit(jax.grad(loss))(2.0)) == 4.0
    assert jax.vmap(loss)(jnp.arange(3.0)).tolist() == [0.0, 4.0, 8.0]


def test_calls_under_eager_vmap_and_grad_equal_those_outside():
    f, x = networks.FAMILIES["plain"](), networks.images(2)
    expected = jv.saliency(f, x, 1)
    mapped = jax.vmap(lambda image: jv.saliency(f, image[None], 1)[0])(x)
    np.testing.assert_allclose(mapped, expected, rtol=1e-5, atol=1e-6)  # sums in another order
    inside = jax.grad(lambda x: (jv.saliency(f, x, 1) * x).sum())(x)
    np.testing.assert_allclose(
        inside, jax.jit(jax.grad(lambda x: (jv.saliency(f, x, 1) * x).sum()))(x), rtol=1e-5, atol=1e-6
    )

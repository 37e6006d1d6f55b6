"""The ascent on networks whose best pictures are known."""

import dataclasses
import functools
import re

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.ad_checkpoint import checkpoint_name

import jaxviz as jv
from jaxviz import maximize
from jaxviz.maximize import _ascent, augment, param, priors

KEY = jax.random.key(0)
SHAPE = (6, 8, 3)
RNG = np.random.default_rng(0)
WEIGHTS = RNG.normal(size=(*SHAPE, 4)).astype(np.float32)
ADAM = optax.adam(0.3)
SHAKEN = augment.compose(augment.pad(2), augment.jitter(4))

compiled = []
jax.monitoring.register_event_duration_secs_listener(
    lambda event, _, **__: compiled.append(event) if event == "/jax/core/compile/backend_compile_duration" else None
)


def linear(images):
    """The mean product with four pictures."""
    return jnp.einsum("nhwc,hwck->nk", images, WEIGHTS) / WEIGHTS[..., 0].size


def layered(images):
    """Four maps with a ReLU, one of them dead on every picture, and their means."""
    kernel = jnp.array([[1.0, -1.0, 0.5, 0.2], [0.5, 1.0, -1.0, 0.2], [-1.0, 0.5, 1.0, 0.2]])
    maps = checkpoint_name(jax.nn.relu(images @ kernel + jnp.array([0, 0, 0, -0.5])), "maps")
    return maps.mean((1, 2))


def channels_first(images):
    return checkpoint_name(images.transpose(0, 3, 1, 2), "maps").mean((2, 3))


plainly = functools.partial(
    maximize.render, key=KEY, shape=SHAPE, param=param.pixels, augment=(), optimizer=ADAM, redirected_steps=0
)
shaken = functools.partial(plainly, layered, augment=SHAKEN, num_steps=6)


def test_a_linear_network_gets_its_best_picture():
    found = plainly(linear, maximize.logit(np.arange(4)), param=param.pixels(SHAPE, decorrelated=False), num_steps=120)
    # White where the weight is positive and black elsewhere is the best there is.
    best = (WEIGHTS > 0).astype(float)
    weighted = np.einsum("khwc,hwck->k", np.asarray(found.images), WEIGHTS)
    np.testing.assert_allclose(weighted, (best * WEIGHTS).sum((0, 1, 2)), rtol=5e-3)
    assert (np.diff(np.asarray(found.trace)) > 0).all()
    np.testing.assert_array_equal(found.images, found.pixels)


def test_a_step_is_one_of_the_optimizer_along_the_gradient():
    made = param.pixels(SHAPE)
    start = RNG.uniform(0.2, 0.8, SHAPE).astype(np.float32)
    penalty = priors.total_variation(0.5)
    found = plainly(
        linear,
        maximize.logit(2),
        param=made,
        optimizer=optax.sgd(10.0),
        num_steps=2,
        snapshots=(2, 0, 1),
        start=start,
        priors=penalty,
    )

    def gained(numbers):
        pixels = made.pixels(numbers)[None]
        return linear(pixels)[0, 2] - penalty(pixels)

    numbers = made.invert(start)
    expected = [made.pixels(numbers)]
    for _ in range(2):
        numbers = numbers + 10.0 * jax.grad(gained)(numbers)
        expected.append(made.pixels(numbers))
    order = [expected[step] for step in (2, 0, 1)]
    np.testing.assert_allclose(found.snapshots[:, 0], order, atol=1e-5)
    np.testing.assert_allclose(found.images[0], expected[2], atol=1e-5)
    # The trace leaves the penalty out.
    np.testing.assert_allclose(found.trace[0], [linear(picture[None])[0, 2] for picture in expected[:2]], rtol=1e-4)


@pytest.mark.slow
def test_a_batch_is_a_loop_and_chunks_change_nothing():
    def objective(c, weight):
        return maximize.channel("maps", c) + weight * maximize.unit("maps", 1, 2, c)

    weights = np.array([0.0, 0.5, 1.0], np.float32)
    whole = shaken(objective(np.arange(3), weights), snapshots=(3,), opacity=True)
    chunked = shaken(objective(np.arange(3), weights), snapshots=(3,), opacity=True, batch_size=2)
    for one, other in zip(jax.tree.leaves(whole), jax.tree.leaves(chunked), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
    for c in range(3):
        alone = shaken(objective(c, weights[c]), snapshots=(3,))
        np.testing.assert_allclose(whole.images[c], alone.images[0], atol=1e-5)
        np.testing.assert_allclose(whole.snapshots[:, c], alone.snapshots[:, 0], atol=1e-5)
        np.testing.assert_allclose(whole.trace[c], alone.trace[0], atol=1e-5)


def test_another_class_is_no_other_program_and_the_same_key_the_same_picture():
    first = shaken(maximize.logit(0))
    before = len(compiled)
    other = shaken(2.5 * maximize.logit(1))
    assert len(compiled) == before
    again = shaken(maximize.logit(0))
    np.testing.assert_array_equal(first.images, again.images)
    assert not np.allclose(first.images, other.images)
    another = shaken(maximize.logit(0), key=jax.random.key(1))
    assert len(compiled) == before
    assert not np.allclose(first.images, another.images)


@pytest.mark.slow
def test_weights_of_a_prior_make_a_batch():
    weights = np.array([0.0, 0.1, 10.0], np.float32)
    found = plainly(linear, maximize.logit(0), priors=priors.total_variation(weights), num_steps=30)
    variation = [float(priors.total_variation(1.0)(picture[None])) for picture in found.pixels]
    assert variation[0] > 1.3 * variation[1] > 3 * variation[2]
    alone = plainly(linear, maximize.logit(0), priors=[priors.total_variation(0.1)], num_steps=30)
    np.testing.assert_allclose(found.pixels[1], alone.pixels[0], atol=1e-4)


@pytest.mark.slow
def test_images_of_one_objective_differ_and_diversity_sets_them_apart():
    weights = np.array([0.0, 1000.0], np.float32)
    found = shaken(maximize.channel("maps", 0) + weights * maximize.diversity("maps"), num_images=2, num_steps=12)
    pairs = found.images.reshape(2, 2, *SHAPE)
    assert not np.allclose(pairs[0, 0], pairs[0, 1])
    diverse = [float(maximize.diversity("maps")({"maps": jv.upto(layered, "maps")(pair)})) for pair in pairs]
    assert diverse[1] > diverse[0] + 0.01


@pytest.mark.slow
def test_a_dead_unit_starts_only_when_redirected():
    # On pictures around gray the fourth map is 0.3 - 0.5 before its ReLU.
    assert (layered(jnp.full((1, *SHAPE), 0.5))[:, 3] == 0).all()
    dead = shaken(maximize.channel("maps", 3), num_steps=20, redirected_steps=0)
    alive = shaken(maximize.channel("maps", 3), num_steps=20, redirected_steps=16)
    assert (dead.trace == 0).all()
    assert alive.trace[0, 0] == 0 < alive.trace[0, -1]


def test_redirection_ends_when_it_was_told_to():
    short = shaken(maximize.channel("maps", 3), num_steps=20, redirected_steps=1)
    # One step is not enough to wake the unit, and after it there is no gradient.
    assert (short.trace == 0).all()


@pytest.mark.parametrize("shape", [(6, 8, 1), (7, 9, 3)])
def test_a_network_brings_its_size_and_range(shape):
    @functools.partial(jax.tree_util.register_dataclass, data_fields=["shift"], meta_fields=["input_shape"])
    @dataclasses.dataclass(frozen=True)
    class Net:
        shift: jax.Array
        input_shape: tuple

        def normalize(self, pixels):
            return 255 * pixels - self.shift

        def __call__(self, images):
            return (images / 255).mean((1, 2)) @ jnp.ones((images.shape[-1], 2))

    net = Net(jnp.full(shape[-1], 100.0), shape)
    found = maximize.render(
        net, maximize.logit(1), key=KEY, augment=(), optimizer=ADAM, num_steps=20, redirected_steps=0
    )
    assert found.images.shape == (1, *shape)
    np.testing.assert_allclose(found.images, 255 * found.pixels - 100, rtol=1e-4, atol=1e-3)
    assert float(found.pixels.mean()) > 0.7


def test_a_function_that_is_no_pytree_is_asked_too_and_an_argument_goes_before_its_answer():
    class Plain:
        input_shape = SHAPE

        def normalize(self, pixels):
            return 2 * pixels

        def __call__(self, images):
            return images.mean((1, 2))

    for normalize, factor in ((None, 2), (jnp.negative, -1)):
        seen = plainly(Plain(), maximize.logit(0), shape=None, num_steps=1, normalize=normalize)
        np.testing.assert_allclose(seen.images, factor * seen.pixels, rtol=1e-6)


def test_unbounded_pixels_are_shown_in_their_range():
    found = plainly(linear, maximize.logit(0), param=param.unbounded, optimizer=optax.sgd(1e9), num_steps=3)
    assert set(np.unique(found.pixels)) == {0.0, 1.0}
    np.testing.assert_array_equal(found.images, found.pixels)


@pytest.mark.parametrize("step", [0, 2])
def test_nan_is_an_error_that_says_when(step):
    # A step of 4 darkens the picture by 1 in units of 1 / 4; below 1 - step / 4 the logarithm has no value.
    def f(images):
        return jnp.stack([-images.sum((1, 2, 3)), jnp.log(images - 1 + (step - 0.5) / 4).mean((1, 2, 3))], 1)

    objective = maximize.batch([maximize.logit(0) + 0 * maximize.logit(0), maximize.logit(0) + 0 * maximize.logit(1)])
    with pytest.raises(FloatingPointError, match=f"got nan after {step} of 4 steps for objective 1."):
        plainly(
            f,
            objective,
            param=functools.partial(param.unbounded, levels=4.0),
            optimizer=optax.sgd(4.0),
            start=np.ones(SHAPE, np.float32),
            num_steps=4,
        )


def test_a_gradient_that_is_nan_in_the_last_step_is_an_error_too():
    with pytest.raises(FloatingPointError, match="got pixels that are not after 1 of 1 steps for objective 0"):
        plainly(lambda x: jnp.sqrt(x.sum((1, 2)) * 0), maximize.logit(0), num_steps=1)


OTHERS = [
    (lambda: plainly(linear, "logit"), TypeError, "`objective` must be an Objective, got str. Make one: logit(k)."),
    (lambda: plainly(linear, maximize.logit(4)), ValueError, "`k` must be in 0..3, got 4. It is the index of one of"),
    (lambda: plainly(linear, maximize.logit(-1)), ValueError, "`k` must be in 0..3, got -1."),
    (lambda: plainly(linear, maximize.logit(np.arange(5))), ValueError, "`k` must be in 0..3, got 4."),
    (
        lambda: plainly(layered, maximize.channel("map", 0)),
        ValueError,
        "`layer` must be one of maps, got 'map'. Did you mean 'maps'?",
    ),
    (
        lambda: plainly(layered, maximize.channel("maps", 4) + maximize.logit(0)),
        ValueError,
        "`c` must be in 0..3, got 4. It is the index of one of the 4 channels of 'maps'.",
    ),
    (lambda: plainly(layered, maximize.unit("maps", 6, 0, 0)), ValueError, "`row` must be in 0..5, got 6."),
    (lambda: plainly(layered, maximize.unit("maps", 0, 8, 0)), ValueError, "`col` must be in 0..7, got 8."),
    (lambda: plainly(layered, maximize.unit("maps", 0, 0, -1)), ValueError, "`c` must be in 0..3, got -1."),
    (
        lambda: plainly(lambda x: checkpoint_name(x.mean((1, 2)), "dense"), maximize.unit("dense", 0, 0, 0)),
        ValueError,
        "`layer` must have activations of shape (n, h, w, c) for a unit, got (1, 3) for 'dense'. Use channel(layer, c)",
    ),
    *(
        (
            lambda objective=objective: plainly(channels_first, objective),
            ValueError,
            "`layer` must have maps (n, rows, cols, channels), got 'maps' of (1, 3, 6, 8), whose rows and columns are "
            "axes 2 and 3.",
        )
        for objective in (
            maximize.channel("maps", 0),
            maximize.logit(0) + maximize.unit("maps", 0, 0, 0),
            maximize.direction("maps", np.ones(8)),
            maximize.diversity("maps"),
        )
    ),
    (
        lambda: plainly(layered, maximize.direction("maps", np.ones(3))),
        ValueError,
        "`vector` must have 4 entries, one per channel of 'maps', got shape (3,).",
    ),
    (
        lambda: plainly(layered, maximize.activation_match("maps", np.ones((6, 8, 3)))),
        ValueError,
        "`act` must have the shape (6, 8, 4) of 'maps' for one image, got (6, 8, 3).",
    ),
    (
        lambda: plainly(layered, maximize.diversity("maps")),
        ValueError,
        "`num_images` must be at least 2 for diversity('maps'), got 1.",
    ),
    (lambda: plainly(lambda x: x, maximize.logit(0)), ValueError, "`f` must return an array of shape (1, k) for 1 ima"),
    (
        lambda: maximize.render(linear, maximize.logit(0), key=KEY),
        ValueError,
        "`shape` must be given for a function that has no input_shape, got None.",
    ),
    (
        lambda: plainly(linear, maximize.logit(0), param=param.pixels((9, 9, 3))),
        ValueError,
        "`shape` must be that of `param`, (9, 9, 3), got (6, 8, 3). Leave it out.",
    ),
    (lambda: plainly(linear, maximize.logit(0), num_steps=0), ValueError, "`num_steps` must be at least 1, got 0."),
    (
        lambda: plainly(linear, maximize.logit(0), num_steps=3, snapshots=[4]),
        ValueError,
        "`snapshots` must be in 0..3, got 4.",
    ),
    (
        lambda: plainly(linear, maximize.logit(0), redirected_steps=-1),
        ValueError,
        "`redirected_steps` must be at least 0, got -1.",
    ),
    (
        lambda: plainly(linear, maximize.logit(0), start=np.ones((5, 8, 3))),
        ValueError,
        "`start` must have shape (6, 8, 3), or (1, 6, 8, 3) for each image its own, got (5, 8, 3).",
    ),
    (
        lambda: plainly(linear, maximize.logit(0), start=np.full(SHAPE, 200.0)),
        ValueError,
        "`start` must hold pixels in [0, 1], got values from 200.0 to 200.0. Take a photo / 255.",
    ),
    (
        lambda: plainly(linear, maximize.logit(np.arange(2)), priors=priors.blur(np.ones(3))),
        ValueError,
        "`priors` must have one weight, or one per objective of the batch, got lengths [2, 3].",
    ),
    (
        lambda: plainly(linear, maximize.logit(0), augment=augment.jitter(2)),
        ValueError,
        "`augment` must not make images smaller, got 4x6 from 6x8.",
    ),
    (lambda: plainly(linear, maximize.logit(0), batch_size=0), ValueError, "`batch_size` must be at least 1, got 0."),
]


@pytest.mark.parametrize(("call", "error", "text"), OTHERS)
def test_what_does_not_fit_is_refused_before_anything_runs(call, error, text):
    before = len(compiled)
    with pytest.raises(error, match=re.escape(text)):
        call()
    assert len(compiled) - before <= 2, "an ascent was compiled"


@pytest.mark.slow
@pytest.mark.parametrize("make", [param.pixels, param.fourier, lambda shape: param.pyramid(shape, 2), param.unbounded])
def test_an_ascent_stays_in_single_precision_where_double_is_enabled(make):
    kernel = np.random.default_rng(0).normal(size=(3, 3, 3, 4)).astype(np.float32)

    def f(images):
        # A convolution does not promote: it refuses images of another precision than its kernel.
        maps = jax.lax.conv_general_dilated(
            images, jnp.asarray(kernel), (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
        )
        return jax.nn.relu(maps).mean((1, 2))

    options = {"key": KEY, "shape": (8, 8, 3), "param": make, "num_steps": 3, "snapshots": (1,)}
    with jax.enable_x64(True):
        found = maximize.render(f, maximize.logit(1), **options)
    assert {array.dtype for array in (found.images, found.pixels, found.snapshots)} == {np.dtype(np.float32)}
    assert np.isfinite(found.trace).all()


@pytest.mark.parametrize("axes", [{"all": 3}, pytest.param({"rows": 2, "cols": 2}, marks=pytest.mark.slow)])
@pytest.mark.slow
def test_objectives_are_spread_over_a_mesh(axes, monkeypatch):
    sizes, on_devices = [], _ascent.climb_on_devices

    def counting(*args, **options):
        sizes.append(options["size"])
        return on_devices(*args, **options)

    monkeypatch.setattr(_ascent, "climb_on_devices", counting)
    options = {"key": KEY, "shape": (8, 8, 3), "augment": (), "num_steps": 4, "snapshots": (2,), "opacity": True}
    kernel = np.random.default_rng(0).normal(size=(3, 3, 3, 5)).astype(np.float32)

    def f(images):
        return jax.lax.conv(images.transpose(0, 3, 1, 2), kernel.transpose(3, 2, 0, 1), (1, 1), "SAME").mean((2, 3))

    many = maximize.logit(np.arange(5)), maximize.priors.total_variation(np.linspace(0, 1, 5).astype(np.float32))
    alone = maximize.render(f, many[0], priors=many[1], **options)
    with jax.set_mesh(jax.make_mesh(tuple(axes.values()), tuple(axes))):
        spread = maximize.render(f, many[0], priors=many[1], **options)
        one = maximize.render(f, maximize.logit(2), **options)
    for found, wanted in zip(spread, alone, strict=True):
        np.testing.assert_allclose(found, wanted, atol=1e-5)
    assert one.pixels.shape == (1, 8, 8, 3)
    assert sizes == [2]


def test_the_opacity_is_the_summed_gradient_of_the_pixels():
    weights = np.random.default_rng(0).normal(size=(6, 7, 3)).astype(np.float32)

    def f(images):
        return (images * weights).sum((1, 2, 3))[:, None]

    found = maximize.render(f, maximize.logit(0), key=KEY, shape=(6, 7, 3), augment=(), num_steps=3, opacity=True)
    size = np.abs(weights).mean(-1)
    np.testing.assert_allclose(found.opacity[0], np.minimum(size / np.quantile(size, 0.8), 1), rtol=1e-4)
    assert maximize.render(f, maximize.logit(0), key=KEY, shape=(6, 7, 3), augment=(), num_steps=1).opacity is None


def test_a_unit_of_a_small_field_is_opaque_there_and_nothing_is_opaque_where_nothing_counts():
    def f(images):
        return jnp.stack([images[:, 2, 3].sum(-1), jnp.zeros(len(images))], 1)

    opacity = maximize.render(
        f, maximize.logit([0, 1]), key=KEY, shape=(8, 8, 3), augment=(), num_steps=2, opacity=True
    ).opacity
    expected = np.zeros((2, 8, 8))
    expected[0, 2, 3] = 1
    np.testing.assert_array_equal(opacity, expected)

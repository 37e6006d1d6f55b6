"""Every function with a `layer`, on a layer whose channels are first and on one of tokens: what its twin gives.

A twin is the same network with the same weights whose layer is of maps `(n, rows, cols, channels)`. A new function with
a `layer` inherits the suite by adding a row.
"""

import functools
import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.ad_checkpoint import checkpoint_name

import jaxviz as jv
from jaxviz.maximize import channel, direction, diversity, render, unit
from tests import networks, public

ROWS, COLS, CHANNELS, CLASSES = 3, 4, 5, 3
PATCH = 0.5 * jax.random.normal(jax.random.key(0), (2, 2, 3, CHANNELS))
MIX = 0.5 * jax.random.normal(jax.random.key(1), (3, 3, CHANNELS, CHANNELS))
DENSE = jax.random.normal(jax.random.key(2), (CHANNELS, CLASSES))
PREFIX = jax.random.normal(jax.random.key(3), (1, 2, CHANNELS))  # a class token and a register
IMAGES = jax.random.normal(jax.random.key(4), (5, 2 * ROWS, 2 * COLS, 3))
DATA = (np.asarray(IMAGES), np.array([0, 1, 2, 1, 0]))
TARGETS = np.array([0, 1, 2, 1, 0])
TWO = jv.dataset.Scan(batch_size=2)
KEY = jax.random.key(5)


def below(x):
    """The maps (n, rows, cols, channels)."""
    numbers = ("NHWC", "HWIO", "NHWC")
    return jax.nn.relu(jax.lax.conv_general_dilated(x, PATCH, (2, 2), "VALID", dimension_numbers=numbers))


def last(x):
    x = checkpoint_name(below(x), "maps")
    return jax.nn.relu(networks.conv(x, MIX)).mean((1, 2)) @ DENSE


def first(x):
    x = checkpoint_name(below(x).transpose(0, 3, 1, 2), "maps")
    numbers = ("NCHW", "HWIO", "NCHW")
    x = jax.nn.relu(jax.lax.conv_general_dilated(x, MIX, (1, 1), "SAME", dimension_numbers=numbers))
    return x.mean((2, 3)) @ DENSE


def above(prefix, maps):
    """What goes on from a class token and a register, and from the places: attention of each token to all."""
    tokens = jnp.concatenate([prefix, maps.reshape(len(maps), -1, CHANNELS)], 1)
    weights = jax.nn.softmax(tokens @ tokens.swapaxes(1, 2))
    tokens = tokens + weights @ tokens
    return (tokens[:, 0] + tokens[:, 1:].mean(1)) @ DENSE


def prefix_of(maps):
    return jnp.broadcast_to(PREFIX, (len(maps), 2, CHANNELS)) * maps.mean((1, 2, 3))[:, None, None]


def tokens(x):
    """A class token and a register that also depend on the image, then the places."""
    maps = below(x)
    both = checkpoint_name(jnp.concatenate([prefix_of(maps), maps.reshape(len(x), -1, CHANNELS)], 1), "maps")
    return above(both[:, :2], both[:, 2:].reshape(maps.shape))


def tokens_alone(x):
    maps = below(x)
    return above(prefix_of(maps), checkpoint_name(maps.reshape(len(x), -1, CHANNELS), "maps").reshape(maps.shape))


def tokens_twin(x):
    maps = below(x)
    return above(prefix_of(maps), checkpoint_name(maps, "maps"))


class Knowing:
    """A function that says itself where its channels are, as an adapter's does."""

    channel_axis = 1

    def __call__(self, x):
        return first(x)


OBJECTIVE = channel("maps", 3) + unit("maps", 2, 3, 1) + direction("maps", np.arange(5.0) - 2, 1) + diversity("maps")
UNITS = [[0, 1, 2], [2, 3, 1]]
FUNCTIONS = {
    "grad_cam": lambda f, **how: jv.grad_cam(f, IMAGES, TARGETS, "maps", **how),
    "grad_cam_pp": lambda f, **how: jv.attribution.grad_cam_pp(f, IMAGES, TARGETS, "maps", **how),
    "layer_cam": lambda f, **how: jv.attribution.layer_cam(f, IMAGES, TARGETS, "maps", **how),
    "guided_grad_cam": lambda f, **how: jv.guided_grad_cam(f, IMAGES, TARGETS, "maps", **how),
    "score_cam": lambda f, **how: jv.attribution.score_cam(f, IMAGES, TARGETS, "maps", **how),
    "hires_cam": lambda f, **how: jv.attribution.hires_cam(f, IMAGES, TARGETS, "maps", **how),
    "xgrad_cam": lambda f, **how: jv.attribution.xgrad_cam(f, IMAGES, TARGETS, "maps", **how),
    "eigen_cam": lambda f, **how: jv.attribution.eigen_cam(f, IMAGES, "maps", **how),
    "ablation_cam": lambda f, **how: jv.attribution.ablation_cam(f, IMAGES, TARGETS, "maps", **how),
    "recipro_cam": lambda f, **how: jv.attribution.recipro_cam(f, IMAGES, TARGETS, "maps", **how),
    "concepts": lambda f, **how: jv.attribution.concepts(
        f, IMAGES, "maps", key=KEY, num_concepts=2, num_steps=20, **how
    ),
    "concept_importance": lambda f, **how: jv.attribution.concept_importance(
        f, IMAGES, TARGETS, "maps", jnp.eye(CHANNELS), key=KEY, num_designs=2, num_steps=20, **how
    ),
    "tcav": lambda f, **how: jv.attribution.tcav(
        f, IMAGES, TARGETS, "maps", IMAGES[:2], IMAGES, key=KEY, num_draws=3, **how
    ),
    "project": lambda f, **how: jv.project(f, IMAGES, "maps", UNITS, **how),
    "strongest": lambda f, **how: jv.dataset.strongest(f, DATA, ["maps"], num=2, scan=TWO, **how)["maps"][:5],
    "activation_sample": lambda f, **how: jv.dataset.activation_sample(f, DATA, ["maps"], scan=TWO, **how)["maps"][:6],
    "class_statistics": lambda f, **how: jv.dataset.class_statistics(f, DATA, ["maps"], scan=TWO, **how)["maps"][:6],
    "ablate": lambda f, **how: jv.dataset.ablate(f, DATA, {"maps": [0, 3]}, scan=TWO, **how)[:6],
    "ablate_each": lambda f, **how: jv.dataset.ablate_each(f, DATA, "maps", [[0], [1, 3]], scan=TWO, **how)[:5],
    "rank_channels": lambda f, **how: jv.dataset.rank_channels(f, DATA, "maps", scan=TWO, **how)[:7],
    "evolution": lambda f, **how: jv.dataset.evolution(f, DATA, "maps", [0, 2], {1: f}, scan=TWO, **how)[2:],
    "render": lambda f, **how: rendered(f, OBJECTIVE, **how),
}
LAYOUTS = {
    "channels first": (first, last, {"channel_axis": 1}),
    "behind a class token and a register": (tokens, tokens_twin, {"grid": (ROWS, COLS)}),
}
OTHERS = {
    "channels first, counted from the end": (first, last, {"channel_axis": -3}),
    "channels first, as the function knows": (Knowing(), last, {}),
    "channels first, as a function inside knows": (jv.bind(jv.with_rule(Knowing(), "gradient")), last, {}),
    "tokens without a class token": (tokens_alone, tokens_twin, {"grid": (ROWS, COLS)}),
}
CASES = [(name, layout) for layout in LAYOUTS for name in FUNCTIONS]
CASES += [(name, layout) for layout in OTHERS for name in ("grad_cam", "rank_channels")]
# Quick are the first layout of each kind, and two functions with all others.
QUICK = ("grad_cam", "rank_channels")


def rendered(f, objective, **how):
    made = render(
        f, objective, key=KEY, shape=IMAGES.shape[1:], num_images=2, augment=(), num_steps=1, redirected_steps=0, **how
    )
    return made.images, made.trace


@functools.cache
def of_twin(name, twin):
    return FUNCTIONS[name](twin)


@pytest.mark.parametrize(
    ("name", "layout"),
    [pytest.param(*case, marks=pytest.mark.slow if case[0] not in QUICK else []) for case in CASES],
)
def test_a_layer_gives_what_its_twin_with_maps_gives(name, layout):
    f, twin, how = (LAYOUTS | OTHERS)[layout]
    found, expected = FUNCTIONS[name](f, **how), of_twin(name, twin)
    assert any(np.asarray(leaf).any() for leaf in jax.tree.leaves(expected))
    # Sums in another order.
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-5), found, expected)


def test_every_public_function_with_a_layer_of_maps_takes_the_layout():
    """Those that read no channels are named here."""
    all_alike = {"after", "correspondence", "invariance", "receptive_field", "settling", "upto"}
    all_alike |= {"layer_conductance", "layer_integrated_gradients", "tap_gradients", "unit_outputs"}
    parameters = {name: inspect.signature(value).parameters for name, value in public.FUNCTIONS.items()}
    all_alike |= {"explain", "build"}  # the one chooses among layers of maps, the other is in tests/microscope
    layered = {name for name, found in parameters.items() if {"layer", "layers"} & found.keys()}
    layered |= {"ablate", "strongest_units"}  # a mapping from layers, and an activation
    assert layered - all_alike - {"tap"} == FUNCTIONS.keys() - {"render"} | {"strongest_units"}
    for name in layered - all_alike - {"tap"}:
        assert parameters[name].keys() >= {"channel_axis", "grid"}, name


def test_strongest_units_reads_an_activation_as_it_is():
    maps = np.asarray(below(IMAGES))[0]
    expected = jv.strongest_units(maps, 7)
    assert jv.strongest_units(maps.transpose(2, 0, 1), 7, channel_axis=0) == expected
    assert jv.strongest_units(maps.transpose(2, 0, 1), 7, channel_axis=-3) == expected
    with_prefix = np.concatenate([np.full((2, CHANNELS), 99.0), maps.reshape(-1, CHANNELS)])
    assert jv.strongest_units(with_prefix, 7, grid=(ROWS, COLS)) == expected


@pytest.mark.slow
def test_cams_of_tokens_are_what_reshapes_by_hand_give():
    activation = jv.upto(tokens, "maps")(IMAGES)
    gradient = jax.grad(lambda a: jv.after(tokens, "maps")(a, IMAGES)[jnp.arange(5), TARGETS].sum())(activation)
    maps, slopes = (np.asarray(value)[:, 2:].reshape(5, ROWS, COLS, CHANNELS) for value in (activation, gradient))
    expected = np.zeros((5, ROWS, COLS))
    for n in range(5):
        for c in range(CHANNELS):
            expected[n] += slopes[n, ..., c].mean() * maps[n, ..., c]
    how = {"grid": (ROWS, COLS)}
    np.testing.assert_allclose(
        jv.grad_cam(tokens, IMAGES, TARGETS, "maps", **how), expected.clip(0), rtol=1e-4, atol=1e-6
    )
    expected = (slopes.clip(0) * maps).sum(-1).clip(0)
    np.testing.assert_allclose(
        jv.attribution.layer_cam(tokens, IMAGES, TARGETS, "maps", **how), expected, rtol=1e-4, atol=1e-6
    )


@pytest.mark.slow
def test_without_a_grid_all_tokens_lose_a_channel():
    off = lambda act: act.at[..., 1].set(0)  # noqa: E731
    logits = jv.edit(tokens, {"maps": off})(IMAGES)
    right = np.asarray(logits).argmax(1) == DATA[1]
    found = jv.dataset.ablate(tokens, DATA, {"maps": [1]}, scan=TWO)
    assert found.accuracy[1] == right.mean()
    assert jv.dataset.ablate_each(tokens, DATA, "maps", [[1]], scan=TWO).accuracies.tolist() == [right.mean()]
    kept = jv.edit(tokens, {"maps": lambda act: act.at[:, 2:, 1].set(0)})(IMAGES)
    assert jv.dataset.ablate_each(tokens, DATA, "maps", [[1]], scan=TWO, grid=(ROWS, COLS)).losses[0] == pytest.approx(
        -float(jax.nn.log_softmax(kept)[jnp.arange(5), DATA[1]].mean()), rel=1e-5
    )
    assert not np.allclose(kept, logits)


def test_layers_of_several_kinds_go_in_one_pass():
    def f(x):
        maps = checkpoint_name(below(x).transpose(0, 3, 1, 2), "maps")
        both = checkpoint_name(maps.reshape(len(x), CHANNELS, -1).swapaxes(1, 2), "tokens")
        return checkpoint_name(both.mean(1), "vector") @ DENSE

    found = jv.dataset.strongest(
        f, DATA, ["maps", "tokens", "vector"], num=2, scan=TWO, channel_axis=1, grid=(ROWS, COLS)
    )
    expected = jv.dataset.strongest(last, DATA, ["maps"], num=2, scan=TWO)["maps"]
    for name in ("maps", "tokens"):
        np.testing.assert_array_equal(found[name].positions, expected.positions)
        np.testing.assert_allclose(found[name].scores, expected.scores, rtol=1e-5)
    assert found["vector"].positions.max() == 0


REFUSED = {
    "an axis that is none": (
        first,
        {"channel_axis": 4},
        "`channel_axis` must be one of the axes 1 to 3 of 'maps' of (5, 5, 3, 4), got 4.",
    ),
    "the batch": (
        first,
        {"channel_axis": 0},
        "`channel_axis` must not be that of the batch, got 0. Give 1 for (n, channels, rows, cols).",
    ),
    "rows": (
        first,
        {"channel_axis": 2},
        "`layer` must have maps (n, rows, cols, channels), got 'maps' of (5, 5, 3, 4) with channel_axis=2, whose rows "
        "and columns are axes 2 and 3. Give channel_axis=1.",
    ),
    "channels last after all": (
        last,
        {"channel_axis": 1},
        "`layer` must have maps (n, rows, cols, channels), got 'maps' of (5, 3, 4, 5) with channel_axis=1, whose rows "
        "and columns are axes 1 and 2. Give channel_axis=3.",
    ),
    "no grid": (
        tokens,
        {},
        "`layer` must have maps (n, rows, cols, channels), got 'maps' of (5, 14, 5). Give grid=(3, 4). A unit of a "
        "layer without places is explained by saliency(upto(f, layer), images, unit).",
    ),
    "columns before rows": (
        tokens,
        {"grid": (COLS, ROWS)},
        "`grid` must be the rows and columns of the tokens, got (4, 3) for 'maps' of (5, 14, 5), whose tokens do not "
        "stand for the places of the images in that order. Divide the rows and columns of the images by those of a "
        "patch, and leave out what stands behind the places.",
    ),
    "too many places": (
        tokens,
        {"grid": (4, 4)},
        "`grid` must have at most 14 places, the tokens of 'maps' of (5, 14, 5), got (4, 4). Divide the rows and "
        "columns of the images by those of a patch.",
    ),
    "no place": (tokens, {"grid": (0, 4)}, "`grid` must have at least one row and one column, got (0, 4)."),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_laid_out_otherwise_is_refused(what):
    f, how, text = REFUSED[what]
    with pytest.raises(ValueError, match=r"^`") as error:
        jv.grad_cam(f, IMAGES, TARGETS, "maps", **how)
    assert str(error.value) == text


@pytest.mark.usefixtures("unchecked_shapes")
def test_what_is_no_layout_is_refused():
    with pytest.raises(TypeError, match=r"^`grid` must be rows and columns, got 12\. Give two ints: \(14, 14\)\.$"):
        jv.grad_cam(tokens, IMAGES, TARGETS, "maps", grid=12)
    with pytest.raises(TypeError, match=r"^`channel_axis` must be an int, got str\. Count from 0\.$"):
        jv.grad_cam(first, IMAGES, TARGETS, "maps", channel_axis="1")


def test_a_channel_of_tokens_is_not_read_along_the_places():
    with pytest.raises(
        ValueError, match=r"^`layer` must have channels in axis 1, got 'maps' .* Give channel_axis=2\.$"
    ):
        rendered(tokens, channel("maps", 0), channel_axis=1)

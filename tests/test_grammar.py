"""One grammar for all calls: `(f, images or dataset, target, layer or layers, what is specific, *, options)`."""

import inspect
import typing
from collections.abc import Sequence

import pytest

import jaxviz as jv
from tests import public

FUNCTIONS = public.FUNCTIONS | {"maximize.render": jv.maximize.render}

# The words that several functions share, in the order in which they stand.
ORDER = ("f", "images", "dataset", "target", "layer", "layers")
# Another word for one of these is a second name of the same thing.
SYNONYMS = {
    **dict.fromkeys(("model", "network", "fn", "func"), "f"),
    **dict.fromkeys(("image", "inputs", "x", "batch", "photos"), "images"),
    **dict.fromkeys(("targets", "label", "class_index", "logit"), "target"),
    **dict.fromkeys(("layer_name", "names"), "layer"),
    **dict.fromkeys(("exact", "approximate", "mode", "kind"), "method"),
    **dict.fromkeys(("batch", "chunk", "chunk_size", "windows_at_a_time", "internal_batch_size"), "batch_size"),
    **dict.fromkeys(("rng", "seed", "prng"), "key"),
    **dict.fromkeys(("n_steps", "steps"), "num_steps"),
    **dict.fromkeys(("n_samples", "samples"), "num_samples"),
    **dict.fromkeys(("background", "fill", "reference"), "baseline"),
}
ALLOWED = {
    ("max_pool_with_switches", "x"): "an activation, not images",
    ("confidence_interval", "seed"): "it runs in NumPy",
}
# No `f`, or something else first, and why.
NO_F = {
    **dict.fromkeys(("per_example", "max_pool_with_switches", "unpool"), "acts on arrays"),
    **dict.fromkeys(("strongest_units", "occlusion_grid", "probabilities", "log_probabilities"), "acts on arrays"),
    **dict.fromkeys(
        ("energy_in", "pointing_game", "sparseness", "rank_correlation", "ssim", "confidence_interval"), "acts on maps"
    ),
    **dict.fromkeys(("permuted", "redrawn"), "draws an array"),
    "max_sensitivity": "acts on a method of attribution",
    "allgather_bytes": "acts on bytes",
    "fingerprint": "acts on data",
    "is_free": "acts on a folder",
    "paste_patch": "acts on images",
    **dict.fromkeys(
        (
            "blur", "brightness", "enlargement", "horizontal_translation", "rotation", "standard_transformations",
            "vertical_translation",
        ),
        "makes a transformation",
    ),
}  # fmt: skip


def parameters(name):
    return inspect.signature(FUNCTIONS[name]).parameters


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_shared_words_stand_in_one_order(name):
    shared = [word for word in parameters(name) if word in ORDER]
    assert shared == sorted(shared, key=ORDER.index)
    first = list(parameters(name))[: len(shared)]
    positional = [word for word in first if parameters(name)[word].kind is not inspect.Parameter.KEYWORD_ONLY]
    optional = ("explain", "tap", "tap_gradients")  # `layers` are an option there, or all that follows
    assert name in NO_F or (shared and shared[0] == "f")
    assert positional == shared or name in optional or name in NO_F, "something specific stands before what is shared"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_same_thing_has_one_name(name):
    found = [word for word in parameters(name) if word in SYNONYMS and (name, word) not in ALLOWED]
    assert not found, f"{found[0]} is called {SYNONYMS[found[0]]} elsewhere"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_options_are_given_by_name(name):
    """What has a default is one, but for what completes the data of a plain operation."""
    plain = ("max_pool_with_switches", "unpool", "probabilities", "log_probabilities")
    for word, parameter in parameters(name).items():
        if parameter.default is not inspect.Parameter.empty and name not in plain:
            optional = (name, word) in (("explain", "target"),) or name in NO_F
            assert parameter.kind is inspect.Parameter.KEYWORD_ONLY or optional, word


@pytest.mark.parametrize("name", FUNCTIONS)
def test_one_layer_is_a_name_and_several_are_a_sequence(name):
    hints = typing.get_type_hints(FUNCTIONS[name])
    if "layer" in hints and "layer" in parameters(name):
        assert hints["layer"] is str
    if "layers" in hints and parameters(name)["layers"].kind is inspect.Parameter.POSITIONAL_OR_KEYWORD:
        assert hints["layers"] == Sequence[str]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_choice_among_words_says_which(name):
    """An enumerated string is a Literal: a bare `str` with a default that is a word hides the others."""
    hints = typing.get_type_hints(FUNCTIONS[name])
    for word, parameter in parameters(name).items():
        if isinstance(parameter.default, str) and parameter.default:
            assert hints[word] is not str, word


def test_the_lists_name_functions_that_exist():
    assert NO_F.keys() <= FUNCTIONS.keys()
    assert {name for name, _ in ALLOWED} <= FUNCTIONS.keys()
    assert all(word in parameters(name) for name, word in ALLOWED)


def test_a_string_of_layers_is_refused():
    f = lambda x: x  # noqa: E731
    for call in (jv.dataset.strongest, jv.dataset.class_statistics):
        with pytest.raises(TypeError, match=r"^`layers` must be a sequence of names, got 'maps'\. Give a list: "):
            call(f, ([[0.0]], None), "maps")

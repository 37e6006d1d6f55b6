"""The table of all attributions: every row is one of the public functions, runs, and says what a reader needs."""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxviz as jv
from jaxviz.attribution import METHODS, Settings
from tests import networks

ROOT = Path(__file__).parents[2]


def test_every_row_names_a_public_function_a_paper_and_a_cost():
    for name, method in METHODS.items():
        code = method.code.split("(")[0] or name
        assert callable(getattr(jv.attribution, code))
        assert method.source[1].startswith("https://")
        assert method.title
        assert method.cost
        assert method.reading.endswith(".")
        assert not method.warning or method.warning.endswith(".")


def test_a_verdict_is_what_was_measured():
    measured = json.loads((ROOT / ".assets" / "trust.json").read_text("utf-8"))["methods"]
    found = {one["method"]: one["metrics"] for one in measured if one["method"] in METHODS}
    assert found.keys() == {name for name, method in METHODS.items() if method.verdict}
    for name, metrics in found.items():
        verdict = METHODS[name].verdict
        for metric, words in {"redrawn": "rank correlation", "road": "ROAD"}.items():
            ends = [round(metrics[metric][end], 2) + 0.0 for end in ("mean", "low", "high")]
            assert "({} {:.2f}, {:.2f} to {:.2f})".format(words, *ends) in verdict
        assert verdict.endswith("Measured on squeezenet, 30 images of photos.")
    assert "shows what was learned" in METHODS["grad_cam"].verdict
    assert "does not show what decides" in METHODS["guided"].verdict


def test_what_depends_on_no_class_says_so():
    warned = {name for name, method in METHODS.items() if "class" in method.warning}
    assert warned >= {"eigen_cam", "guided", "deconvnet", "guided_grad_cam"}


@pytest.mark.slow
@pytest.mark.parametrize("name", METHODS)
def test_every_row_gives_a_map_for_each_image_under_jit(name):
    f, x = networks.FAMILIES["plain"](), networks.images(2)
    settings = Settings("last", jax.random.key(0), 4, 20, networks.images(3))
    found = jax.jit(lambda f, x, t: METHODS[name].maps(f, x, t, settings))(f, x, jnp.array([1, 3]))
    assert found.shape[0] == 2
    assert found.ndim == 3
    assert np.isfinite(found).all()
    assert np.abs(found).max() > 0
    if METHODS[name].layer:
        assert found.shape[1:] in ((4, 5), networks.SHAPE[:2])

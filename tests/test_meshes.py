"""Batches that are sharded over a mesh, of axes that the compiler sees to and of those that stand in the types."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, NamedSharding

import jaxviz as jv
from jaxviz.robustness import Transformation
from tests import networks
from tests.test_methods import KEY, METHODS, close, inputs

CONTRAST = {"contrast": Transformation(lambda image, amount: amount * image, np.array([0.5, 0.7, 1.0]), 1.0)}
PARTS = {"eye": np.full((8, 2), 4)}
UNITS = np.tile(np.array([[[0, 1, 2], [3, 3, 1]]]), (8, 1, 1))

# Several points, masks or copies of each image at a time, and what is not in the table of methods.
MESHED = METHODS | {
    "smoothgrad": lambda f, x, t: jv.smoothgrad(f, x, t, key=KEY, num_samples=5, batch_size=24),
    "integrated_gradients": lambda f, x, t: jv.integrated_gradients(f, x, t, num_steps=5, batch_size=24),
    "score_cam": lambda f, x, t: jv.attribution.score_cam(f, x, t, "last", batch_size=24),
    "project, units of each": lambda f, x, t: jv.project(f, x, "last", UNITS),
    "deletion": lambda f, x, t: jv.metrics.deletion(f, x, t, x[..., 0], num_steps=4, batch_size=24).values,
    "insertion": lambda f, x, t: jv.metrics.insertion(f, x, t, x[:, ::2, ::2, 0], num_steps=4, batch_size=24).area,
    "invariance": lambda f, x, t: jv.robustness.invariance(f, x, t, ["last"], CONTRAST).probabilities["contrast"],
    "fgsm": lambda f, x, t: jv.robustness.fgsm(f, x, t, epsilon=0.1, bounds=(-4, 4)),
    "pgd": lambda f, x, t: jv.robustness.pgd(f, x, t, key=KEY, epsilon=0.1, bounds=(-4, 4), num_steps=2),
    "adversarial_patch": lambda f, x, t: (
        jv.robustness.adversarial_patch(f, x, t, key=KEY, size=3, bounds=(-4, 4), num_steps=2, degrees=(0, 0)).patch
    ),
    "correspondence": lambda f, x, t: jv.dataset.correspondence(f, x, ["last"], PARTS, key=KEY, size=2, num_draws=2)[
        "last"
    ].distances["absolute"],
    "paste_patch": lambda f, x, t: jv.robustness.paste_patch(x, jnp.ones((3, 3, 3)), key=KEY).images,
    "occlusion": lambda f, x, t: jv.occlusion(f, x, window=4, stride=4),
    "occlusion, dense": lambda f, x, t: jv.occlusion(f, x, window=4, stride=4, method="dense"),
    "occlusion, from coarse to fine": lambda f, x, t: jv.occlusion(
        f, x, window=3, stride=2, method=jv.attribution.CoarseToFine()
    ),
    "incremental": lambda f, x, t: jv.incremental(f, x)(jnp.ones((8, 3, 3, 3)), (2, 4)),
    "rank_correlation": lambda f, x, t: jv.metrics.rank_correlation(x, x**2),
    "ssim": lambda f, x, t: jv.metrics.ssim(jnp.tile(x[..., 0], (1, 2, 1)), jnp.tile(x[..., 1], (1, 2, 1))),
    "after": lambda f, x, t: jv.after(f, "first")(2 * jv.upto(f, "first")(x), x),
    "edit": lambda f, x, t: jv.edit(f, {"last": lambda act: act * jnp.array([0.0, 1, 1, 1])})(x),
}


# Rows of all images are looked up by number, so that each device holds them all.
QUICK = ("saliency", "smoothgrad", "grad_cam", "occlusion", "deletion", "fgsm")  # the others run with the slow tests
WHOLE = ("invariance", "adversarial_patch", "correspondence")


def run(name, *args):
    # Places are drawn outside of programs.
    return (MESHED[name] if name == "correspondence" else jax.jit(MESHED[name]))(*args)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in MESHED]
)
@pytest.mark.slow
def test_a_sharded_batch_gives_the_same_on_eight_devices(name):
    f, (x, t) = networks.FAMILIES["plain"](), inputs(8)
    expected = run(name, f, x, t)
    for kind in (AxisType.Auto, AxisType.Explicit):
        sharding = NamedSharding(jax.make_mesh((8,), ("batch",), axis_types=(kind,)), jax.P("batch"))
        out = run(name, f, *jax.device_put((x, t), sharding))
        close(out, expected)
        # With axes of its own to choose, the compiler may keep a table of windows whole.
        if name not in WHOLE and not (kind == AxisType.Auto and "occlusion" in name):
            assert len(out.sharding.device_set) == 8
            assert not out.sharding.is_fully_replicated


LATER = [pytest.param(name, marks=pytest.mark.slow) for name in ("grad_cam", "score_cam", "deletion", "fgsm")]


@pytest.mark.parametrize("name", ["saliency", *LATER])
@pytest.mark.slow
def test_one_target_for_a_sharded_batch_and_no_jit(name):
    f, x = networks.FAMILIES["plain"](), networks.images(8)
    sharding = NamedSharding(jax.make_mesh((8,), ("batch",), axis_types=(AxisType.Explicit,)), jax.P("batch"))
    out = MESHED[name](f, jax.device_put(x, sharding), 1)
    assert not out.sharding.is_fully_replicated
    close(out, MESHED[name](f, x, 1))

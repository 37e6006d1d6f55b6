"""What bad input gets: the exact text, before anything is computed."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxviz as jv
from tests import networks

F, X = networks.FAMILIES["plain"](), networks.images()
KEY = jax.random.key(0)

TABLE = [
    (
        lambda: jv.strongest_units(np.array([[[1.0, np.nan]]]), 1),
        ValueError,
        "`activation` must be numbers, got NaN for 1 of 2 units. Look for them",
    ),
    (
        lambda: jv.saliency(F, X[0], 0),
        ValueError,
        "`images` must have all axes that `f` takes, the examples first, got (9, 11, 3). Add those that are missing",
    ),
    (lambda: jv.saliency(F, X.astype(int), 0), TypeError, "`images` must be floating point, got int32. Bring it"),
    (
        lambda: jv.saliency(F, X, 5),
        ValueError,
        "`target` must be in 0..4, got 5. It is the index of one of the 5 outputs.",
    ),
    (lambda: jv.saliency(F, X, 1.0), TypeError, "`target` must be integers, got float64. Use the index"),
    (
        lambda: jv.saliency(F, X, np.arange(3)),
        ValueError,
        "`target` must be one int, or one per image, got shape (3,) for",
    ),
    (
        lambda: jv.saliency(lambda x: x, X, 0),
        ValueError,
        "`f` must return an array of shape (2, k) for 2 images, got (2, 9",
    ),
    (
        lambda: jv.saliency(lambda x: (x, x), X, 0),
        ValueError,
        "`f` must return an array of shape (2, k) for 2 images, got",
    ),
    (lambda: jv.saliency(F, X, 0, rule="nonsense"), ValueError, "`rule` must be one of"),
    (lambda: jv.smoothgrad(F, X, 0, key=KEY, noise=-1.0), ValueError, "`noise` must be at least 0, got -1.0."),
    (lambda: jv.smoothgrad(F, X, 0, key=KEY, num_samples=0), ValueError, "`num_samples` must be at least 1, got 0."),
    (lambda: jv.smoothgrad(F, X, 0, key=KEY, batch_size=0), ValueError, "`batch_size` must be at least 1, got 0."),
    (lambda: jv.integrated_gradients(F, X, 0, num_steps=2.5), TypeError, "`num_steps` must be an int, got float."),
    (
        lambda: jv.integrated_gradients(F, X, 0, baseline=np.zeros(4)),
        ValueError,
        "`baseline` must broadcast to `images` of (2, 9, 11, 3), got (4,). Give a number",
    ),
    (
        lambda: jv.metrics.completeness_gap(F, X, 0, X[..., 0]),
        ValueError,
        "`attribution` must have the shape (2, 9, 11, 3) of `images`, got (2, 9, 11). Do not sum",
    ),
    (lambda: jv.grad_cam(F, X, 0, "lost"), ValueError, "`layer` must be one of first, middle, last, got 'lost'."),
    (
        lambda: jv.attribution.layer_cam(dense, X, 0, "dense"),
        ValueError,
        "`layer` must have activations of shape (n, h, w, c), got (2, 3) for 'dense'. Use a convolutional layer",
    ),
    (
        lambda: jv.project(F, X, "last", [(0, 5, 0)]),
        ValueError,
        "`units` must lie in the 4 rows, 5 columns and 4 channels",
    ),
    (
        lambda: jv.project(F, X, "last", [(-1, 0, 0)]),
        ValueError,
        "`units` must lie in the 4 rows, 5 columns and 4 channels",
    ),
    (
        lambda: jv.project(F, X, "last", [(0, 0)]),
        ValueError,
        "`units` must have shape (u, 3), or (2, u, 3) for 2 images",
    ),
    (
        lambda: jv.project(F, X, "last", np.zeros((0, 3), int)),
        ValueError,
        "`units` must hold at least one unit, got none.",
    ),
    (lambda: jv.project(F, X, "last", [(0.5, 0, 0)]), TypeError, "`units` must be integers, got float64."),
    (lambda: jv.strongest_units(X, 3), ValueError, "`activation` must have shape (h, w, c), got (2, 9, 11, 3)."),
    (lambda: jv.strongest_units(X[0], 298), ValueError, "`num` must be at most 297, the number of units"),
    (
        lambda: jax.jit(lambda x: jv.strongest_units(x, 1))(X[0]),
        TypeError,
        "`activation` must be concrete, got a traced",
    ),
    (
        lambda: jv.occlude_regions(F, X[0, 0], [(0, 0, 1, 1)]),
        ValueError,
        "`images` must have shape (h, w, c) or (n, h, w, c), got (11, 3). Add the axis that is missing",
    ),
    (
        lambda: jv.occlude_regions(F, X[0], [(0, 0, 10, 1)]),
        ValueError,
        "`boxes` must lie in the image of 9x11 and not be",
    ),
    (
        lambda: jv.occlude_regions(F, X[0], [(2, 2, 2, 3)]),
        ValueError,
        "`boxes` must lie in the image of 9x11 and not be",
    ),
    (lambda: jv.occlude_regions(F, X[0], [(0, 0, 1)]), ValueError, "`boxes` must have shape (b, 4), got (1, 3)."),
]


def dense(x):
    return jax.ad_checkpoint.checkpoint_name(x.mean((1, 2)), "dense") @ jnp.ones((3, 2))


@pytest.mark.usefixtures("unchecked_shapes")
@pytest.mark.parametrize(("call", "kind", "text"), TABLE, ids=[text for *_, text in TABLE])
def test_bad_input_is_refused(call, kind, text):
    with pytest.raises(kind, match="^" + re.escape(text)):
        call()

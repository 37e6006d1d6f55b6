"""The errors that the documentation quotes are those that are raised."""

import re
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.ad_checkpoint import checkpoint_name

import jaxviz as jv

PAGE = (Path(__file__).parents[1] / "docs" / "errors.md").read_text("utf-8")
QUOTED = re.findall(r"^`` (.+) ``\n: ", PAGE, re.MULTILINE)
X = jnp.ones((2, 4, 4, 3))


def f(images):
    return checkpoint_name(jax.nn.relu(images), "conv5").mean((1, 2))


def looped(images):
    def body(carry, _):
        return checkpoint_name(jax.nn.relu(carry), "inside"), None

    return jax.lax.scan(body, images, None, 3)[0].mean((1, 2))


def masked(images):
    return (images * jnp.ones((2, 4, 4, 1))).mean((1, 2))


BLANK = (np.full((3, 4, 4, 3), np.nan, np.float32), None)
CALLS = {
    "`layer` must be one of": lambda: jv.grad_cam(f, X, 0, "conv_5"),
    "`rule` must match": lambda: jv.saliency(lambda x: jnp.tanh(x).mean((1, 2)), X, 0, rule="guided"),
    "`f` must return": lambda: jv.saliency(lambda x: {"logits": x.mean((1, 2))}, X, 0),
    "`images` must be": lambda: jv.saliency(f, X.astype(jnp.uint8), 0),
    "`layer` must not": lambda: jv.upto(looped, "inside")(X),
    "`f` must take": lambda: jv.smoothgrad(masked, X, 0, key=jax.random.key(0)),
    "`num` must be": lambda: jv.dataset.strongest(f, BLANK, ["conv5"]),
    "`f` must give": lambda: jv.dataset.strongest(f, BLANK, ["conv5"], num=2),
}


@pytest.mark.usefixtures("unchecked_shapes")
@pytest.mark.parametrize("start", CALLS)
def test_an_error_begins_as_the_page_says(start):
    (quoted,) = (text for text in QUOTED if text.startswith(start))
    with pytest.raises(Exception, match=re.escape(quoted)):
        CALLS[start]()


def test_every_quoted_error_is_made_here():
    assert len(QUOTED) == len(CALLS)

"""The settings of other tools, as keyword arguments of `render`: `render(f, logit(285), key=key, **presets.lucid())`.

Each draws what its tool would draw, where `render` has the same means; the docstrings say where it has not.
"""

import functools
from typing import Any

import numpy as np
import optax

from jaxviz.maximize.augment import compose, jitter, pad, roll, rotate, scale
from jaxviz.maximize.param import fourier, unbounded
from jaxviz.maximize.priors import lp_norm, total_variation


def lucid() -> dict[str, Any]:
    """The defaults of lucid's `render_vis`: colors and frequencies of photos, shaken hard, for 512 steps and one more.

    References:
        Olah et al., [lucid](https://github.com/tensorflow/lucid), `optvis/render.py` and `transform.py`. Differs from
        it in: the size is that of the network and not 128, and stays in each step; the turn and the zoom are one warp,
        which leaves gray in the corners and not black.
    """
    return {
        "param": fourier,
        "augment": compose(
            pad(12, 0.5),
            jitter(8),
            scale([1 + (number - 5) / 50 for number in range(11)]),
            rotate([*range(-10, 11), 0, 0, 0, 0, 0]),
            jitter(4),
        ),
        "optimizer": _adam(0.05),
        "num_steps": 513,
        # Up to the step number 16, counted from 0.
        "redirected_steps": 17,
    }


def tf_keras_vis() -> dict[str, Any]:
    """The defaults of tf-keras-vis's `ActivationMaximization`: bare pixels in 0..255 with two penalties, for 200 steps.

    It is meant for `logit(k)`, and was tuned for VGG16.

    References:
        Kubota, [tf-keras-vis](https://github.com/keisen/tf-keras-vis), `activation_maximization`. Differs from it in:
        the shift and the turn are part of the differentiated program and not left in the picture; the penalties look at
        the picture without them; angles are one of 41 and not any.
    """
    levels = 255
    return {
        "param": unbounded,
        "augment": compose(roll(4), rotate(np.linspace(-1, 1, 41).tolist())),
        "priors": (total_variation(1.0 * levels), lp_norm(0.3 * levels, p=1, center=0.0)),
        "optimizer": _rmsprop(1.0, 0.999),
        "num_steps": 200,
        "redirected_steps": 0,
    }


@functools.cache
def _adam(rate: float) -> optax.GradientTransformation:
    return optax.adam(rate)


@functools.cache
def _rmsprop(rate: float, decay: float) -> optax.GradientTransformation:
    # The epsilon of Keras.
    return optax.rmsprop(rate, decay, eps=1e-7)

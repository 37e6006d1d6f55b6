"""The maps that `scripts.trust` compares, one row each, and two that know nothing of the network."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import skimage.filters

import jaxviz as jv


class Method(NamedTuple):
    """A method: its title and how it is called, with a network, images, a target each, a layer, a key and a count.

    `signed` says how channels become one number: their sum, where an attribution adds up to the score, or the sum of
    their absolute values, where it is a sensitivity.
    """

    title: str
    call: Callable
    signed: bool = True

    def maps(self, *arguments: object) -> jax.Array:
        """One number per pixel of the images, or per place of a layer."""
        found = self.call(*arguments)
        if found.ndim == 3:
            return found
        return found.sum(-1) if self.signed else jnp.abs(found).sum(-1)


def _occlusion(f: Callable, x: jax.Array, target: jax.Array, *_: object) -> jax.Array:
    """The drop of the target's logit for every place of a window: of 32 pixels, and 24 to the next, for 227 pixels."""
    window = x.shape[1] // 7
    covered = jv.occlusion(f, x, window=window, stride=window * 3 // 4)
    index = target[:, None, None, None]
    clean = jnp.take_along_axis(f(x), target[:, None], -1)[..., None]
    return clean - jnp.take_along_axis(covered, index, -1)[..., 0]


METHODS = {
    "saliency": Method("Saliency", lambda f, x, t, layer, key, num: jv.saliency(f, x, t), signed=False),
    "gradient_x_input": Method("Gradient × input", lambda f, x, t, layer, key, num: jv.gradient_x_input(f, x, t)),
    "smoothgrad": Method(
        "SmoothGrad",
        lambda f, x, t, layer, key, num: jv.smoothgrad(f, x, t, key=key, num_samples=num),
        signed=False,
    ),
    "integrated_gradients": Method(
        "Integrated gradients",
        lambda f, x, t, layer, key, num: jv.integrated_gradients(f, x, t, num_steps=num),
    ),
    "guided": Method(
        "Guided backprop", lambda f, x, t, layer, key, num: jv.saliency(f, x, t, rule="guided"), signed=False
    ),
    "deconvnet": Method(
        "Deconvnet", lambda f, x, t, layer, key, num: jv.saliency(f, x, t, rule="deconvnet"), signed=False
    ),
    "grad_cam": Method("Grad-CAM", lambda f, x, t, layer, key, num: jv.grad_cam(f, x, t, layer)),
    "grad_cam_pp": Method("Grad-CAM++", lambda f, x, t, layer, key, num: jv.grad_cam_pp(f, x, t, layer)),
    "layer_cam": Method("LayerCAM", lambda f, x, t, layer, key, num: jv.layer_cam(f, x, t, layer)),
    "score_cam": Method("Score-CAM", lambda f, x, t, layer, key, num: jv.score_cam(f, x, t, layer)),
    "guided_grad_cam": Method(
        "Guided Grad-CAM", lambda f, x, t, layer, key, num: jv.guided_grad_cam(f, x, t, layer), signed=False
    ),
    "occlusion": Method("Occlusion", _occlusion),
}

FLOORS = {"edges": "Edges (Sobel)", "random": "Random map"}


def titles(name: str) -> str:
    """What a reader calls it."""
    return FLOORS.get(name) or METHODS[name].title


def floor(name: str, pixels: np.ndarray, seed: tuple[int, int]) -> np.ndarray:
    """A map of the photos `(n, h, w, 3)` alone: their edges, or numbers drawn anew for each `seed`."""
    if name == "edges":
        gray = pixels.mean(-1) / 255
        return np.stack([skimage.filters.sobel(photo) for photo in gray]).astype(np.float32)
    return np.random.default_rng(seed).random(pixels.shape[:3], dtype=np.float32)

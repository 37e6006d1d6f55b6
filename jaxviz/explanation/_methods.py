"""The attributions that a page can show, one row each."""

from collections.abc import Callable
from typing import Literal, NamedTuple

from jaxviz.attribution import (
    grad_cam,
    grad_cam_pp,
    gradient_x_input,
    guided_grad_cam,
    integrated_gradients,
    layer_cam,
    saliency,
    score_cam,
    smoothgrad,
)


class Method(NamedTuple):
    """An attribution: how it is called, drawn and read.

    `call` takes the network, a batch of images, the target, a layer and a random key. `drawing` is `heat` for a map of
    a layer over the photo, `signed` for the sum over the channels around zero, `color` for the channels as they are.
    `forward` and `backward` count passes through the network; 0 forward stands for one per channel of the layer.
    `layer` says whether it reads a layer, `rule` whether it changes ReLUs.
    """

    title: str
    call: Callable
    drawing: Literal["heat", "signed", "color"]
    reading: str
    forward: int
    backward: int
    layer: bool = False
    rule: bool = False


METHODS = {
    "saliency": Method(
        "Saliency",
        lambda f, x, target, layer, key: saliency(f, x, target),
        "signed",
        "The gradient: red pixels raise the score when they get brighter, blue ones when they get darker.",
        1,
        1,
    ),
    "gradient_x_input": Method(
        "Gradient × input",
        lambda f, x, target, layer, key: gradient_x_input(f, x, target),
        "signed",
        "The share of each pixel in the score, to first order.",
        1,
        1,
    ),
    "smoothgrad": Method(
        "SmoothGrad",
        lambda f, x, target, layer, key: smoothgrad(f, x, target, key=key),
        "signed",
        "The mean gradient over 50 noisy copies: what stays of the saliency when the noise is averaged out.",
        50,
        50,
    ),
    "integrated_gradients": Method(
        "Integrated gradients",
        lambda f, x, target, layer, key: integrated_gradients(f, x, target),
        "signed",
        "What each pixel adds to the score on the way from an image of zeros to the photo; all pixels add up to it.",
        50,
        50,
    ),
    "deconvnet": Method(
        "Deconvnet",
        lambda f, x, target, layer, key: saliency(f, x, target, rule="deconvnet"),
        "color",
        "The score projected down, only positive signals kept; mid-gray is zero.",
        1,
        1,
        rule=True,
    ),
    "guided": Method(
        "Guided backprop",
        lambda f, x, target, layer, key: saliency(f, x, target, rule="guided"),
        "color",
        "Only positive signals through active units: crisp edges, but hardly different from class to class.",
        1,
        1,
        rule=True,
    ),
    "grad_cam": Method(
        "Grad-CAM",
        lambda f, x, target, layer, key: grad_cam(f, x, target, layer),
        "heat",
        "Yellow is where the layer's maps speak for the class; coarse, as the layer is.",
        1,
        1,
        layer=True,
    ),
    "grad_cam_pp": Method(
        "Grad-CAM++",
        lambda f, x, target, layer, key: grad_cam_pp(f, x, target, layer),
        "heat",
        "Grad-CAM with weights that give small evidence its due.",
        1,
        1,
        layer=True,
    ),
    "layer_cam": Method(
        "LayerCAM",
        lambda f, x, target, layer, key: layer_cam(f, x, target, layer),
        "heat",
        "Grad-CAM with a weight for every place, finer in shallow layers.",
        1,
        1,
        layer=True,
    ),
    "score_cam": Method(
        "Score-CAM",
        lambda f, x, target, layer, key: score_cam(f, x, target, layer),
        "heat",
        "Each map is weighed by the score of the photo seen through it; no gradients.",
        0,
        0,
        layer=True,
    ),
    "guided_grad_cam": Method(
        "Guided Grad-CAM",
        lambda f, x, target, layer, key: guided_grad_cam(f, x, target, layer),
        "color",
        "The detail of guided backpropagation where Grad-CAM sees the class.",
        2,
        2,
        layer=True,
        rule=True,
    ),
}

DEFAULT = tuple(name for name in METHODS if name != "gradient_x_input")

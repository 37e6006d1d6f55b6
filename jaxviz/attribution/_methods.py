"""The attributions in one table: how each is called, drawn, read and trusted, what it costs, and who proposed it.

The page of `explain`, the studies, the benchmark and the README read it; a new method is a row here.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from jaxviz.attribution._ablation_cam import ablation_cam, recipro_cam
from jaxviz.attribution._cam import grad_cam, grad_cam_pp, hires_cam, layer_cam, xgrad_cam
from jaxviz.attribution._deep_lift import deep_lift
from jaxviz.attribution._eigen_cam import eigen_cam
from jaxviz.attribution._expected_gradients import expected_gradients
from jaxviz.attribution._gradients import gradient_x_input, saliency
from jaxviz.attribution._guided_grad_cam import guided_grad_cam
from jaxviz.attribution._integrated_gradients import integrated_gradients
from jaxviz.attribution._occlusion import occlusion
from jaxviz.attribution._rise import rise
from jaxviz.attribution._score_cam import score_cam
from jaxviz.attribution._smoothgrad import smoothgrad


class Settings(NamedTuple):
    """What a method may need beside the network, the images and the target.

    Attributes:
        layer: whose maps are read, by those that read a layer.
        key: of random draws.
        num_samples: points, copies or draws of those that take a mean; their own default where it is None.
        num_masks: of `rise`; its default where it is None.
        examples: of the data, by those that take baselines from there.
    """

    layer: str | None = None
    key: Any = None
    num_samples: int | None = None
    num_masks: int | None = None
    examples: Any = None

    def samples(self, name: str = "num_samples") -> dict[str, int]:
        """The number of samples, if one is given, under the name that a method has for it."""
        return {} if self.num_samples is None else {name: self.num_samples}


class Method(NamedTuple):
    """An attribution as one row.

    Attributes:
        title: what a reader calls it.
        call: from the network, a batch of images, a target each and `Settings` to one attribution for each image.
        drawing: `"heat"` for a map without channels over the photo, `"signed"` for the sum over the channels around
            zero, `"color"` for the channels as they are.
        reading: how its picture is read, in a sentence.
        forward: passes through the network for an image, or one for each channel or place of the layer.
        backward: passes back through it.
        cost: the same in words.
        source: the paper, and its address.
        code: how it is typed, where that is not its name.
        layer: whether it reads a layer.
        rule: whether it changes ReLUs.
        summed: whether channels become one number by their sum, as where they add up to the score, and not by the sum
            of their absolute values.
        page: whether `explain` draws it: it needs no examples of the data, and has no section of its own.
        warning: what its pictures are known not to tell, in a sentence.
        verdict: what `scripts.trust` measured of it, and on what; empty where it was not measured.
    """

    title: str
    call: Callable[[Callable, Array, Array | np.ndarray, Settings], Array]
    drawing: Literal["heat", "signed", "color"]
    reading: str
    forward: int | Literal["channel", "place"]
    backward: int
    cost: str
    source: tuple[str, str]
    code: str = ""
    layer: bool = False
    rule: bool = False
    summed: bool = True
    page: bool = True
    warning: str = ""
    verdict: str = ""

    def maps(self, f: Callable, images: Array, target: Array | np.ndarray, settings: Settings) -> Array:
        """One number per pixel of the images, or per place of a layer: `(n, rows, cols)`."""
        found = self.call(f, images, target, settings)
        if found.ndim == 3:
            return found
        return found.sum(-1) if self.summed else jnp.abs(found).sum(-1)


_ONE_EACH = "1 forward, 1 backward"
_ABOVE = "1 forward, 1 backward above the layer"
_ZEILER_FERGUS = ("Zeiler and Fergus 2014", "https://arxiv.org/abs/1311.2901")


def _layer(method: Callable) -> Callable[[Callable, Array, Array | np.ndarray, Settings], Array]:
    return lambda f, x, target, settings: method(f, x, target, settings.layer)


def _occlusion(f: Callable, images: Array, target: Array | np.ndarray, settings: Settings) -> Array:
    """The drop of the target's output for every place of a window a seventh of the image wide, three quarters apart."""
    del settings
    window = max(1, images.shape[1] // 7)
    covered = occlusion(f, images, window=window, stride=max(1, window * 3 // 4))
    clean = jnp.take_along_axis(f(images), target[:, None], -1)[..., None]
    return clean - jnp.take_along_axis(covered, target[:, None, None, None], -1)[..., 0]


_TABLE: dict[str, Method] = {
    "saliency": Method(
        "Saliency",
        lambda f, x, target, settings: saliency(f, x, target),
        "signed",
        "The gradient: red pixels raise the score when they get brighter, blue ones when they get darker.",
        1,
        1,
        _ONE_EACH,
        ("Simonyan et al. 2014", "https://arxiv.org/abs/1312.6034"),
        summed=False,
    ),
    "gradient_x_input": Method(
        "Gradient × input",
        lambda f, x, target, settings: gradient_x_input(f, x, target),
        "signed",
        "The share of each pixel in the score, to first order.",
        1,
        1,
        _ONE_EACH,
        ("Shrikumar et al. 2016", "https://arxiv.org/abs/1605.01713"),
    ),
    "smoothgrad": Method(
        "SmoothGrad",
        lambda f, x, target, settings: smoothgrad(f, x, target, key=settings.key, **settings.samples()),
        "signed",
        "The mean gradient over 50 noisy copies: what stays of the saliency when the noise is averaged out.",
        50,
        50,
        "50 forward, 50 backward",
        ("Smilkov et al. 2017", "https://arxiv.org/abs/1706.03825"),
        summed=False,
    ),
    "integrated_gradients": Method(
        "Integrated gradients",
        lambda f, x, target, settings: integrated_gradients(f, x, target, **settings.samples("num_steps")),
        "signed",
        "What each pixel adds to the score on the way from an image of zeros to the photo; all pixels add up to it.",
        50,
        50,
        "50 forward, 50 backward",
        ("Sundararajan et al. 2017", "https://arxiv.org/abs/1703.01365"),
    ),
    "expected_gradients": Method(
        "Expected gradients",
        lambda f, x, target, settings: expected_gradients(
            f, x, target, settings.examples, key=settings.key, **settings.samples()
        ),
        "signed",
        "What each pixel adds to the score on the way from examples of the data to the photo, on average.",
        50,
        50,
        "50 forward, 50 backward",
        ("Erion et al. 2021", "https://arxiv.org/abs/1906.10670"),
        page=False,
    ),
    "deep_lift": Method(
        "DeepLIFT",
        lambda f, x, target, settings: deep_lift(f, x, target),
        "signed",
        "What each pixel adds to the score by its difference from an image of zeros; all pixels add up to it.",
        2,
        1,
        "2 forward, 1 backward",
        ("Shrikumar et al. 2017", "https://arxiv.org/abs/1704.02685"),
    ),
    "deconvnet": Method(
        "Deconvnet",
        lambda f, x, target, settings: saliency(f, x, target, rule="deconvnet"),
        "color",
        "The score projected down, only positive signals kept; mid-gray is zero.",
        1,
        1,
        _ONE_EACH,
        _ZEILER_FERGUS,
        'saliency(..., rule="deconvnet")',
        rule=True,
        summed=False,
        warning="It hardly depends on the class: it shows what excites units, and little of what decides.",
    ),
    "guided": Method(
        "Guided backprop",
        lambda f, x, target, settings: saliency(f, x, target, rule="guided"),
        "color",
        "Only positive signals through active units: crisp edges, but hardly different from class to class.",
        1,
        1,
        _ONE_EACH,
        ("Springenberg et al. 2015", "https://arxiv.org/abs/1412.6806"),
        'saliency(..., rule="guided")',
        rule=True,
        summed=False,
        warning="It hardly depends on the class: it shows what excites units, and little of what decides.",
    ),
    "grad_cam": Method(
        "Grad-CAM",
        _layer(grad_cam),
        "heat",
        "Yellow is where the layer's maps speak for the class; coarse, as the layer is.",
        1,
        1,
        _ABOVE,
        ("Selvaraju et al. 2017", "https://arxiv.org/abs/1610.02391"),
        layer=True,
    ),
    "grad_cam_pp": Method(
        "Grad-CAM++",
        _layer(grad_cam_pp),
        "heat",
        "Grad-CAM with weights that give small evidence its due.",
        1,
        1,
        _ABOVE,
        ("Chattopadhay et al. 2018", "https://arxiv.org/abs/1710.11063"),
        layer=True,
        warning="It counts evidence for the class alone, and changes little with the weights of the last layer.",
    ),
    "layer_cam": Method(
        "LayerCAM",
        _layer(layer_cam),
        "heat",
        "Grad-CAM with a weight for every place, finer in shallow layers.",
        1,
        1,
        _ABOVE,
        ("Jiang et al. 2021", "https://doi.org/10.1109/TIP.2021.3089943"),
        layer=True,
    ),
    "hires_cam": Method(
        "HiResCAM",
        _layer(hires_cam),
        "heat",
        "What each place adds to the score, exact where only a mean or a dense layer follows; what speaks against is "
        "not drawn.",
        1,
        1,
        _ABOVE,
        ("Draelos and Carin 2020", "https://arxiv.org/abs/2011.08891"),
        layer=True,
    ),
    "xgrad_cam": Method(
        "XGrad-CAM",
        _layer(xgrad_cam),
        "heat",
        "Grad-CAM with each gradient weighed by its map.",
        1,
        1,
        _ABOVE,
        ("Fu et al. 2020", "https://arxiv.org/abs/2008.02312"),
        layer=True,
    ),
    "eigen_cam": Method(
        "Eigen-CAM",
        lambda f, x, target, settings: eigen_cam(f, x, settings.layer or ""),
        "heat",
        "What dominates the layer.",
        1,
        0,
        "1 forward up to the layer",
        ("Muhammad and Yeasin 2020", "https://arxiv.org/abs/2008.00299"),
        layer=True,
        warning="It does not depend on any class.",
    ),
    "score_cam": Method(
        "Score-CAM",
        _layer(score_cam),
        "heat",
        "Each map is weighed by the score of the photo seen through it; no gradients.",
        "channel",
        0,
        "1 forward a channel",
        ("Wang et al. 2020", "https://arxiv.org/abs/1910.01279"),
        layer=True,
    ),
    "ablation_cam": Method(
        "Ablation-CAM",
        _layer(ablation_cam),
        "heat",
        "Each map is weighed by what the score loses without it; no gradients.",
        "channel",
        0,
        "1 forward above the layer a channel",
        ("Desai and Ramaswamy 2020", "https://doi.org/10.1109/WACV45572.2020.9093360"),
        layer=True,
    ),
    "recipro_cam": Method(
        "Recipro-CAM",
        _layer(recipro_cam),
        "heat",
        "The score with one place of the layer alone, and a little of what is next to it; no gradients.",
        "place",
        0,
        "1 forward above the layer a place",
        ("Byun and Lee 2022", "https://arxiv.org/abs/2209.14074"),
        layer=True,
    ),
    "guided_grad_cam": Method(
        "Guided Grad-CAM",
        lambda f, x, target, settings: guided_grad_cam(f, x, target, settings.layer or ""),
        "color",
        "The detail of guided backpropagation where Grad-CAM sees the class.",
        2,
        2,
        _ABOVE,
        ("Selvaraju et al. 2017", "https://arxiv.org/abs/1610.02391"),
        layer=True,
        rule=True,
        summed=False,
        warning="Its detail is that of guided backprop, which hardly depends on the class.",
    ),
    "rise": Method(
        "RISE",
        lambda f, x, target, settings: rise(f, x, target, key=settings.key, num_masks=settings.num_masks or 4000).map,
        "heat",
        "The mean probability of the class over thousands of random masks that show a place; only forward passes.",
        4000,
        0,
        "4,000 forward",
        ("Petsiuk et al. 2018", "https://arxiv.org/abs/1806.07421"),
    ),
    "occlusion": Method(
        "Occlusion",
        _occlusion,
        "heat",
        "What the score loses when a window covers a place.",
        1,
        0,
        "1 forward a window, most of it skipped",
        _ZEILER_FERGUS,
        page=False,
    ),
}


def _verdicts() -> dict[str, str]:
    """What `scripts.trust` wrote, copied here as it is."""
    measured = json.loads((Path(__file__).parent / "verdicts.json").read_text("utf-8"))
    on = f"Measured on {measured['network']}, {measured['images']} images of {measured['data']}."
    return {name: f"{text} {on}" for name, text in measured["verdicts"].items()}


METHODS: dict[str, Method] = _TABLE | {name: _TABLE[name]._replace(verdict=text) for name, text in _verdicts().items()}

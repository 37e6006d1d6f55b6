"""What survives a shift, a zoom, a turn
=====================================

How far a layer moves when the image does, in shares of its norm: the first layer follows every pixel, the outputs
hardly notice (Zeiler and Fergus, figure 5). What has no name in a network gets one around it.
"""

import matplotlib.pyplot as plt
import numpy as np
import skimage
from jax.ad_checkpoint import checkpoint_name

import jaxviz as jv
import models

network = models.load("squeezenet")
images, cat = network.preprocess(skimage.data.chelsea()), 285


def f(images):
    return checkpoint_name(network(images), "logits")


transformations = {
    "shift down, pixels": jv.robustness.vertical_translation(np.linspace(-32, 32, 9)),
    "enlargement": jv.robustness.enlargement(np.linspace(1, 1.8, 9)),
    "turn, degrees": jv.robustness.rotation(np.linspace(-90, 90, 9)),
}

figure, axes = plt.subplots(1, 3, figsize=(11, 3.4), layout="constrained", sharey=True)
for axis, (name, transformation) in zip(axes, transformations.items(), strict=True):
    found = jv.robustness.invariance(f, images, cat, ["conv1", "fire5", "logits"], {name: transformation})
    for layer, distances in found.distances[name].items():
        axis.plot(found.amounts[name], distances[0], label=layer)
    axis.set_xlabel(name)
axes[0].set_ylabel("distance, of the norm")
axes[0].legend(frameon=False)

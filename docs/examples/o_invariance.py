"""What survives a shift, a zoom, a turn
=====================================

How far each layer moves when the image does, in shares of its norm: the first layers follow every pixel, the last ones
hardly notice (Zeiler and Fergus, figure 5).
"""

import matplotlib.pyplot as plt
import numpy as np
import skimage

import jaxviz as jv
import models

f = models.load("squeezenet")
images, cat = f.preprocess(skimage.data.chelsea()), 285
transformations = {
    "shift down, pixels": jv.robustness.vertical_translation(np.linspace(-60, 60, 9)),
    "enlargement": jv.robustness.enlargement(np.linspace(1, 1.8, 9)),
    "turn, degrees": jv.robustness.rotation(np.linspace(-90, 90, 9)),
}

figure, axes = plt.subplots(1, 3, figsize=(11, 3.4), layout="constrained", sharey=True)
for axis, (name, transformation) in zip(axes, transformations.items(), strict=True):
    found = jv.robustness.invariance(f, images, cat, ["conv1", "fire5", "fire9"], {name: transformation})
    for layer, distances in found.distances[name].items():
        axis.plot(found.amounts[name], distances[0], label=layer)
    axis.set_xlabel(name)
axes[0].set_ylabel("distance, of the norm")
axes[0].legend(frameon=False)

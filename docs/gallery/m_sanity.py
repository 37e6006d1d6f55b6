"""Does the map show what was learned?
===================================

Layers are randomized from the top down. The map of a method that shows what was learned must change; guided
backpropagation hardly does (Adebayo et al. 2018).
"""

import jax
import matplotlib.pyplot as plt
import numpy as np
import skimage

import jaxviz as jv
import models

f = models.load("squeezenet")
images, cat = f.preprocess(skimage.data.chelsea()), 285
groups = ["conv10", "fire9", "fire8", "fire7", "fire6"]
networks = list(jv.metrics.cascade(f, groups, key=jax.random.key(0), draw=jv.metrics.redrawn))


@jax.jit
def guided(f):
    return abs(jv.saliency(f, images, cat, rule="guided")).sum(-1)


@jax.jit
def gradient(f):
    return abs(jv.saliency(f, images, cat)).sum(-1)


for name, method in {"gradient": gradient, "guided backpropagation": guided}.items():
    alike = [1.0, *(float(jv.metrics.rank_correlation(method(f), method(g))[0]) for g in networks)]
    plt.plot(alike, marker="o", label=name)
plt.xticks(np.arange(len(groups) + 1), ["none", *groups])
plt.xlabel("layers redrawn, down to")
plt.ylabel("rank correlation with the map before")
plt.ylim(0, 1.05)
plt.legend(frameon=False)

"""One network, three ways back
============================

The gradient, guided backpropagation and the deconvnet differ in how a ReLU passes the gradient. The network is not
edited: the rule is an argument.
"""

import matplotlib.pyplot as plt
import skimage

import jaxviz as jv
import models

f = models.load("squeezenet")
images, cat = f.preprocess(skimage.data.chelsea()), 285

figure, axes = plt.subplots(1, 3, figsize=(10, 3.6), layout="constrained")
for axis, rule in zip(axes, ("gradient", "guided", "deconvnet"), strict=True):
    found = jv.saliency(f, images, cat, rule=rule)[0]
    axis.imshow(jv.render.gray_centered(found))
    axis.set_title(rule)
    axis.axis("off")

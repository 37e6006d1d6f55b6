"""Two classes in one picture
==========================

A map answers a question about one class. Of two animals in one picture each has its own.
"""

import matplotlib.pyplot as plt
import numpy as np
import skimage

import jaxviz as jv
import models

f = models.load("squeezenet")
cat = skimage.transform.resize(skimage.data.chelsea(), (240, 240))
rocket = skimage.transform.resize(skimage.data.rocket(), (240, 240))
both = (255 * np.concatenate([cat, rocket], 1)).astype(np.uint8)
photo = skimage.transform.resize(both, (240, 480), preserve_range=True).astype(np.uint8)
images = f.normalize(photo[None] / np.float32(255))  # SqueezeNet takes images of any size

figure, axes = plt.subplots(1, 2, figsize=(11, 3.1), layout="constrained")
for axis, label in zip(axes, ("Egyptian_cat", "missile"), strict=True):
    heat = jv.grad_cam(f, images, f.labels.index(label), "fire9")[0]
    heat = jv.render.upsample(heat, photo.shape[:2])
    axis.imshow(jv.render.overlay(photo, heat, jv.render.sequential(heat)))
    axis.set_title(label.replace("_", " "))
    axis.axis("off")

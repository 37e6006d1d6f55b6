"""Does it point at what is used?
==============================

The most important pixels are taken away first, and the probability watched. A map that knows more falls faster than the
edges of the photo.
"""

import jax
import matplotlib.pyplot as plt
import numpy as np
import skimage

import jaxviz as jv
import models

f = models.load("squeezenet")
photo, images, cat = f.crop(skimage.data.chelsea()), f.preprocess(skimage.data.chelsea()), 285
heat = jv.grad_cam(f, images, cat, "fire9")
maps = {
    "Grad-CAM": heat,
    "gradient": abs(jv.saliency(f, images, cat)).sum(-1),
    "edges of the photo": jax.numpy.asarray(skimage.filters.sobel(photo.mean(-1)), np.float32)[None],
}
for name, one in maps.items():
    curve = jv.metrics.deletion(f, images, cat, one, num_steps=20)
    plt.plot(100 * curve.shares, curve.values[0], label=f"{name}, area {float(curve.area[0]):.2f}")
plt.xlabel("% of pixels gone, the most important first")
plt.ylabel("probability of Egyptian cat")
plt.legend(frameon=False)

"""Does it point at what is used?
==============================

The most important pixels are filled in from their neighbors (ROAD), or the least important ones. The further the two
curves lie apart, the more a map knows of what the network uses; the edges of the photo know nothing of it.
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
shares = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 0.9)
for color, (name, one) in zip(("C0", "C1", "C2"), maps.items(), strict=True):
    found = jv.metrics.road(f, images, cat, one, key=jax.random.key(0), shares=shares)
    plt.plot(100 * found.shares, found.most_first[0], color=color, label=f"{name}, score {float(found.score[0]):.2f}")
    plt.plot(100 * found.shares, found.least_first[0], color=color, linestyle="--")
plt.xlabel("% of pixels filled in: the most important first, dashed the least")
plt.ylabel("probability of Egyptian cat")
plt.ylim(0, 0.8)
plt.legend(frameon=False)

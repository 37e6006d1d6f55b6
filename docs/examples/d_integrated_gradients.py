"""Shares that add up
==================

The entries of integrated gradients and of DeepLIFT add up to what the score gains on the way from a black image. Both
are asked of the same function; how far the sum is off says whether to take more steps.
"""

import matplotlib.pyplot as plt
import skimage

import jaxviz as jv
import models

f = models.load("squeezenet")
images, cat = f.preprocess(skimage.data.chelsea()), 285

found = {
    "integrated gradients": jv.integrated_gradients(f, images, cat, num_steps=32),
    "DeepLIFT": jv.attribution.deep_lift(f, images, cat),
}
figure, axes = plt.subplots(1, 2, figsize=(8, 4.2), layout="constrained")
for axis, (title, maps) in zip(axes, found.items(), strict=True):
    summed = jv.render.channel_sum(maps[0])
    gap = float(jv.metrics.completeness_gap(f, images, cat, maps)[0])
    axis.imshow(jv.render.diverging(summed)(summed))
    axis.set_title(f"{title}\nsum {float(maps.sum()):.2f}, off by {abs(gap):.4f}")
    axis.axis("off")

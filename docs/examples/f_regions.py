"""Which part holds the class
==========================

Boxes in place of a sliding window: the probability without the eyes, the nose, the brow, and a corner
as a control.
"""

import jax
import matplotlib.pyplot as plt
import skimage

import jaxviz as jv
import models

f = models.load("squeezenet")
photo, images, cat = f.crop(skimage.data.chelsea()), f.preprocess(skimage.data.chelsea()), 285

# First row, first column, row after the last, column after the last.
boxes = {
    "eyes": (70, 45, 115, 225),
    "nose": (120, 120, 175, 185),
    "brow": (5, 90, 60, 200),
    "corner": (170, 5, 225, 60),
}
probability = jax.nn.softmax(jv.occlude_regions(f, images, list(boxes.values())))[..., cat].reshape(-1)

figure, axes = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
axes[0].imshow(photo)
for (name, (top, left, bottom, right)), color in zip(boxes.items(), ("C0", "C1", "C2", "C3"), strict=True):
    axes[0].add_patch(plt.Rectangle((left, top), right - left, bottom - top, fill=False, color=color, lw=2))
    axes[0].text(left + 3, top + 12, name, color=color)
axes[0].axis("off")
axes[1].barh(["nothing", *boxes], [float(jax.nn.softmax(f(images))[0, cat]), *map(float, probability)])
axes[1].invert_yaxis()
axes[1].set_xlabel("probability of Egyptian cat with it covered")

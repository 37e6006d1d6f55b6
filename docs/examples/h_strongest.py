"""The strongest patches of a channel
==================================

One pass over a data set, here 400 crops of six photos, finds what excites each channel most.
"""

import matplotlib.pyplot as plt
import numpy as np
import skimage

import jaxviz as jv
import models

f = models.load("squeezenet")
random, size = np.random.default_rng(0), 227
photos = [getattr(skimage.data, name)() for name in ("chelsea", "astronaut", "coffee", "rocket")]
crops = []
for number in range(400):
    photo = photos[number % len(photos)]
    top, left = (random.integers(0, side - size + 1) for side in photo.shape[:2])
    crops.append(photo[top : top + size, left : left + size])
crops = np.stack(crops)

scan = jv.dataset.Scan(batch_size=20, preprocess=lambda images: f.normalize(images / np.float32(255)))
channels = [3, 17, 40, 90, 200]
found = jv.dataset.strongest(f, (crops, None), ["fire5"], num=8, channels=channels, scan=scan)["fire5"]

fields = jv.receptive_field(f, f.preprocess(photos[0]), "fire5")
figure, axes = plt.subplots(len(channels), 8, figsize=(10, 6.6), layout="constrained")
for row, (channel, indices, positions) in enumerate(zip(channels, found.indices, found.positions, strict=True)):
    units = np.column_stack([positions, np.full(len(positions), channel)])
    for axis, index, box in zip(axes[row], indices, jv.render.field_boxes(fields, units, (size, size)), strict=True):
        axis.imshow(crops[index][box.top : box.bottom, box.left : box.right])
        axis.axis("off")
    axes[row, 0].set_title(f"channel {channel}", loc="left", fontsize=9)

"""From a photo
============

The same ascent from a photo: whatever a layer sees in it becomes more of it.
"""

import jax
import matplotlib.pyplot as plt
import numpy as np
import skimage

import models
from jaxviz import maximize

f = models.load("squeezenet")
photo = f.crop(skimage.data.astronaut())
start = photo[None] / np.float32(255)
found = maximize.render(
    f, maximize.deepdream("fire4"), key=jax.random.key(0), start=start, num_steps=24, param=maximize.param.pixels
)

figure, axes = plt.subplots(1, 2, figsize=(8, 4), layout="constrained")
for axis, picture in zip(axes, (photo, found.pixels[0]), strict=True):
    axis.imshow(picture)
    axis.axis("off")

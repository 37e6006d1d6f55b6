"""An image of a class
===================

What the network calls a great white shark, and how the image grows.
"""

import jax
import matplotlib.pyplot as plt

import models
from jaxviz import maximize

f = models.load("squeezenet").resized(160)
shark = f.labels.index("great_white_shark")
steps = (8, 32, 96)
found = maximize.render(f, maximize.logit(shark), key=jax.random.key(1), num_steps=96, snapshots=steps)

figure, axes = plt.subplots(1, 3, figsize=(9, 3.3), layout="constrained")
for axis, step, pixels in zip(axes, steps, found.snapshots, strict=True):
    axis.imshow(pixels[0])
    axis.set_title(f"step {step}")
    axis.axis("off")

"""What a channel asks for
=======================

Gradient ascent on an image, parametrized by its Fourier coefficients: twelve channels of a layer side by side in one
program.
"""

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt

import models
from jaxviz import maximize

f = models.load("squeezenet").resized(96)
channels = jnp.arange(12) * 20
found = maximize.render(f, maximize.channel("fire5", channels), key=jax.random.key(0), num_steps=64)

figure, axes = plt.subplots(3, 4, figsize=(8, 6.4), layout="constrained")
for axis, channel, pixels in zip(axes.flat, channels, found.pixels, strict=True):
    axis.imshow(pixels)
    axis.set_title(f"fire5, channel {channel}", fontsize=9)
    axis.axis("off")

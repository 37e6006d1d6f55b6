"""The amount of each frequency as in photos
=========================================

Magnitudes of the Fourier coefficients stay those of natural images, and only their phases vary (MACO, Fel et al. 2023):
fewer pictures are overdriven. Above Fourier coefficients that are free, below phases alone.
"""

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt

import models
from jaxviz import maximize

f, shape = models.load("squeezenet").resized(112), (112, 112, 3)
objective = maximize.channel("fire6", jnp.array([10, 60, 110, 200]))
params = {"Fourier": maximize.param.fourier(shape), "phase alone": maximize.param.maco(shape, contrast=1.5)}

figure, axes = plt.subplots(2, 4, figsize=(9, 4.8), layout="constrained")
for row, (name, param) in zip(axes, params.items(), strict=True):
    found = maximize.render(f, objective, key=jax.random.key(0), param=param, num_steps=64)
    for axis, pixels in zip(row, found.pixels, strict=True):
        axis.imshow(pixels)
        axis.axis("off")
    row[0].set_title(name, loc="left")

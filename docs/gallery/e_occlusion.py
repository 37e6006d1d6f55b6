"""Occlusion, exact
================

A gray square on every place, and what becomes of the probability. All windows are one compiled program that computes
only what a window can reach.
"""

import jax
import matplotlib.pyplot as plt
import numpy as np
import skimage

import jaxviz as jv
import models

f = models.load("squeezenet")
photo, images, cat = f.crop(skimage.data.chelsea()), f.preprocess(skimage.data.chelsea()), 285

covered = jax.nn.softmax(jv.occlusion(f, images[0], window=32, stride=8))
clean = jax.nn.softmax(f(images))[0]
corners = jv.attribution.occlusion_grid(images.shape, 32, 8)
lost = jv.render.spread(np.asarray(clean[cat] - covered[..., cat]), photo.shape[:2], corners, (32, 32))

figure, axes = plt.subplots(1, 2, figsize=(9, 4.2), layout="constrained")
axes[0].imshow(jv.render.overlay(photo, lost, jv.render.diverging(lost), opacity=0.7))
axes[0].set_title(f"lost of {float(clean[cat]):.0%}: red, up to {lost.max():.0%}")
winners = np.asarray(covered.argmax(-1))
shown, places = np.unique(winners, return_inverse=True)
image = axes[1].imshow(places.reshape(winners.shape), cmap="tab10", vmin=0, vmax=9)
axes[1].set_title("what wins where a place is covered")
handles = [plt.Line2D([], [], marker="s", ls="", color=plt.cm.tab10(i), label=f.labels[k]) for i, k in enumerate(shown)]
axes[1].legend(handles=handles, loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
for axis in axes:
    axis.axis("off")

"""What of a photo excites a unit
==============================

Zeiler and Fergus's picture: a unit of a layer carried back to the pixels alone, through the recorded switches of the
max-pools, beside the part of the photo that it sees.
"""

import jax
import matplotlib.pyplot as plt
import numpy as np
import skimage

import jaxviz as jv
import models

f = models.load("squeezenet")
photo, images = f.crop(skimage.data.chelsea()), f.preprocess(skimage.data.chelsea())

figure, axes = plt.subplots(4, 4, figsize=(8, 8.4), layout="constrained")
for pair, layer in zip((axes[:2], axes[2:]), ("fire3", "fire5"), strict=True):
    activation = jv.upto(f, layer)(images)[0]
    units = jv.strongest_units(activation, 4, per_channel=1)
    fields = jv.receptive_field(f, jax.ShapeDtypeStruct(images.shape, np.float32), layer)
    boxes = jv.render.field_boxes(fields, np.array(units), photo.shape[:2])
    projections = jv.project(f, images, layer, units)[0]
    for column, (unit, box, projection) in enumerate(zip(units, boxes, projections, strict=True)):
        part = (slice(box.top, box.bottom), slice(box.left, box.right))
        pair[0, column].imshow(photo[part])
        pair[1, column].imshow(jv.render.gray_centered(projection)[part])
        pair[0, column].set_title(f"{layer}, channel {unit[2]}", fontsize=9)
for axis in axes.flat:
    axis.axis("off")

"""The Grad-CAM family
===================

Five ways to weigh the maps of a layer. All of them read ``fire9``, the last one before the outputs.
"""

import matplotlib.pyplot as plt
import skimage

import jaxviz as jv
import models

f = models.load("squeezenet")
photo, images, cat = f.crop(skimage.data.chelsea()), f.preprocess(skimage.data.chelsea()), 285

methods = {
    "Grad-CAM": jv.grad_cam,
    "Grad-CAM++": jv.attribution.grad_cam_pp,
    "LayerCAM": jv.attribution.layer_cam,
    "XGrad-CAM": jv.attribution.xgrad_cam,
    "Ablation-CAM": jv.attribution.ablation_cam,
}
figure, axes = plt.subplots(1, 5, figsize=(12, 2.9), layout="constrained")
for axis, (title, method) in zip(axes, methods.items(), strict=True):
    heat = jv.render.upsample(method(f, images, cat, "fire9")[0], photo.shape[:2])
    axis.imshow(jv.render.overlay(photo, heat, jv.render.sequential(heat)))
    axis.set_title(title)
    axis.axis("off")

"""Writes images.npz: the two photos that the goldens are about, as SqueezeNet takes them.

Run in the project's environment, from its root (scikit-image 0.26, pillow 12; 2 seconds):

    python -m tests.golden.make_images

Expected: `images` (2, 227, 227, 3), a cat and a cup of coffee, BGR less the mean.
"""

from pathlib import Path

import numpy as np
import skimage

import models

network = models.load("squeezenet")
images = np.concatenate([network.preprocess(photo) for photo in (skimage.data.chelsea(), skimage.data.coffee())])
np.savez_compressed(Path(__file__).with_name("images.npz"), images=images)
print(images.shape, images.dtype, images.min(), images.max())

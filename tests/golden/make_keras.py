"""Writes Keras's VGG16 as Keras saves it, and keras.npz: what Keras computes.

Run from the project's root in an environment of its own (two cores: 15 seconds):

    pip install keras==3.15.1 tensorflow-cpu==2.21.0 h5py
    python tests/golden/make_keras.py

Expected: `vgg16_keras.h5` (the whole model, whose weights lie as in Keras 2) and `vgg16_keras.weights.h5` (as in
Keras 3), 0.4 MB together. Keras builds its own network, but that all widths are divided.
"""

from pathlib import Path

import keras
import numpy as np
from keras.src.applications import vgg16

HERE = Path(__file__).parent
DIVISOR, CLASSES = 64, 10


class Narrow:
    """`keras.layers` with fewer maps and units."""

    def __getattr__(self, name):
        return getattr(keras.layers, name)

    def Conv2D(self, filters, *args, **options):
        return keras.layers.Conv2D(filters // DIVISOR, *args, **options)

    def Dense(self, units, *args, **options):
        return keras.layers.Dense(units if options["name"] == "predictions" else units // DIVISOR, *args, **options)


def main():
    vgg16.layers = Narrow()
    model = vgg16.VGG16(weights=None, classes=CLASSES, classifier_activation=None)
    random = np.random.default_rng(1)
    for layer in model.layers:
        if layer.weights:
            kernel, bias = (weight.shape for weight in layer.weights)
            scale = np.sqrt(2 / np.prod(kernel[:-1]))
            layer.set_weights([random.normal(size=kernel) * scale, random.uniform(0, 0.5, bias)])
    model.save(HERE / "vgg16_keras.h5", include_optimizer=False)
    model.save_weights(HERE / "vgg16_keras.weights.h5")
    images = np.random.default_rng(0).normal(size=(1, 224, 224, 3))
    features = keras.Model(model.input, model.get_layer("block5_pool").output)
    out = {"logits": model.predict(images, verbose=0), "features": features.predict(images, verbose=0)}
    np.savez_compressed(HERE / "keras.npz", **out)
    print(f"logits of {out['logits'].std():.2f}, {(out['features'] > 0).mean():.0%} of the features alive")


if __name__ == "__main__":
    main()

"""Which layers `scripts.class_statistics` looks at by itself."""

import jax
import jax.numpy as jnp

from scripts.class_statistics.study import _fitting


def layers(**shapes):
    return {name: jax.ShapeDtypeStruct((1, *shape), jnp.float32) for name, shape in shapes.items()}


def test_the_convolutions_are_taken_by_default():
    found = layers(
        conv1=(28, 28, 8), pool1=(14, 14, 8), fire2=(14, 14, 8), block3_1_expand=(7, 7, 9), block3_1=(7, 7, 3)
    )
    assert _fitting(found, 10) == ("conv1", "fire2", "block3_1")


def test_of_a_thousand_classes_the_last_whose_maps_fit_into_a_gibibyte():
    # 12, 8, 6 and 4 million numbers of all classes in each unit of 10 by 10 by 10.
    found = layers(conv1=(100, 120, 10), conv2=(100, 80, 10), conv3=(20, 30, 100), conv4=(20, 20, 100))
    assert _fitting(found, 1000) == ("conv3", "conv4")
    assert _fitting(found, 100) == ("conv1", "conv2", "conv3", "conv4")

"""VGG16: thirteen 3x3 convolutions and three dense layers.

References:
    Simonyan and Zisserman, [Very Deep Convolutional Networks for Large-Scale Image
    Recognition](https://arxiv.org/abs/1409.1556), 2015, table 1, configuration D.
"""

import jax
from flax import nnx
from jax.ad_checkpoint import checkpoint_name
from jaxtyping import Array, Float

_STAGES = ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512))  # convolutions and their channels


class VGG16(nnx.Module):
    """The network; its layers are named `conv1_1` .. `conv5_3`, `pool1` .. `pool5`, `fc1`, `fc2`, `predictions`."""

    def __init__(self, num_classes: int = 1000, *, width: float = 1.0, rngs: nnx.Rngs):
        channels = 3
        for stage, (count, maps) in enumerate(_STAGES, 1):
            for number in range(1, count + 1):
                setattr(self, f"conv{stage}_{number}", nnx.Conv(channels, int(maps * width), (3, 3), rngs=rngs))
                channels = int(maps * width)
        self.fc1 = nnx.Linear(7 * 7 * channels, int(4096 * width), rngs=rngs)
        self.fc2 = nnx.Linear(int(4096 * width), int(4096 * width), rngs=rngs)
        self.predictions = nnx.Linear(int(4096 * width), num_classes, rngs=rngs)

    def __call__(self, images: Float[Array, "n 224 224 3"]) -> Float[Array, "n k"]:
        """Logits, which are the layer `predictions`."""
        x = images
        for stage, (count, _) in enumerate(_STAGES, 1):
            for number in range(1, count + 1):
                name = f"conv{stage}_{number}"
                x = checkpoint_name(jax.nn.relu(getattr(self, name)(x)), name)
            x = checkpoint_name(nnx.max_pool(x, (2, 2), (2, 2)), f"pool{stage}")
        x = x.reshape(len(x), -1)
        x = checkpoint_name(jax.nn.relu(self.fc1(x)), "fc1")
        x = checkpoint_name(jax.nn.relu(self.fc2(x)), "fc2")
        return checkpoint_name(self.predictions(x), "predictions")

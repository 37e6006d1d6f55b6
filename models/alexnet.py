"""AlexNet as torchvision has it: five convolutions and three dense layers.

References:
    Krizhevsky, [One weird trick for parallelizing convolutional neural networks](https://arxiv.org/abs/1404.5997),
    2014, section 5, footnote 1, which is the one tower that torchvision took over.
"""

import jax
from flax import nnx
from jax.ad_checkpoint import checkpoint_name
from jaxtyping import Array, Float


def _conv(channels: int, maps: int, size: int, stride: int, pad: int, rngs: nnx.Rngs) -> nnx.Conv:
    return nnx.Conv(channels, maps, (size, size), stride, padding=[(pad, pad), (pad, pad)], rngs=rngs)


class AlexNet(nnx.Module):
    """The network; 61,100,840 parameters.

    Its layers are named `conv1`, `pool1`, `conv2`, `pool2`, `conv3` .. `conv5`, `pool5`, `fc1`, `fc2`, `predictions`.

    Args:
        num_classes: logits.
        width: factor on all channels and units, for a test that has no time.
        rngs: for the weights.
    """

    def __init__(self, num_classes: int = 1000, *, width: float = 1.0, rngs: nnx.Rngs):
        maps = [int(count * width) for count in (64, 192, 384, 256, 256)]
        self.conv1 = _conv(3, maps[0], 11, 4, 2, rngs)
        self.conv2 = _conv(maps[0], maps[1], 5, 1, 2, rngs)
        self.conv3 = _conv(maps[1], maps[2], 3, 1, 1, rngs)
        self.conv4 = _conv(maps[2], maps[3], 3, 1, 1, rngs)
        self.conv5 = _conv(maps[3], maps[4], 3, 1, 1, rngs)
        self.fc1 = nnx.Linear(6 * 6 * maps[4], int(4096 * width), rngs=rngs)
        self.fc2 = nnx.Linear(int(4096 * width), int(4096 * width), rngs=rngs)
        self.predictions = nnx.Linear(int(4096 * width), num_classes, rngs=rngs)

    def __call__(self, images: Float[Array, "n 224 224 3"]) -> Float[Array, "n k"]:
        """Logits, which are the layer `predictions`."""
        x = images
        for number in range(1, 6):
            x = checkpoint_name(jax.nn.relu(getattr(self, f"conv{number}")(x)), f"conv{number}")
            if number in (1, 2, 5):
                x = checkpoint_name(nnx.max_pool(x, (3, 3), (2, 2)), f"pool{number}")
        x = x.reshape(len(x), -1)
        x = checkpoint_name(jax.nn.relu(self.fc1(x)), "fc1")
        x = checkpoint_name(jax.nn.relu(self.fc2(x)), "fc2")
        return checkpoint_name(self.predictions(x), "predictions")

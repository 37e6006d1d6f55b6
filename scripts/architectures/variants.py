"""Networks that differ from one in a single choice of depth, width, or first layer."""

import dataclasses

import jax
from flax import nnx
from jax.ad_checkpoint import checkpoint_name
from jaxtyping import Array, Float

from models.network import Network, Spec


@dataclasses.dataclass(frozen=True)
class Form:
    """Maps, filter size and stride of each convolution, and units of each dense layer but the last."""

    convs: tuple[tuple[int, int, int], ...] = ((8, 5, 1), (16, 5, 1), (16, 3, 1))
    dense: tuple[int, ...] = (64, 64)


FULL = Form()
FORMS = {
    "as it is": FULL,
    "without conv3": Form(FULL.convs[:2]),
    "without conv2, conv3": Form(FULL.convs[:1]),
    "without dense2": Form(dense=(64,)),
    "without both dense": Form(dense=()),
    "without conv3, both dense": Form(FULL.convs[:2], ()),
    "half the maps": Form(((4, 5, 1), (8, 5, 1), (8, 3, 1))),
    "half the dense units": Form(dense=(32, 32)),
    "conv1 steps by 2": Form(((8, 5, 2), *FULL.convs[1:])),
    "conv1 steps by 4": Form(((8, 5, 4), *FULL.convs[1:])),
    "conv1 10x10": Form(((8, 10, 1), *FULL.convs[1:])),
    "conv1 10x10, steps by 4": Form(((8, 10, 4), *FULL.convs[1:])),
}


class Variant(nnx.Module):
    """Convolutions with ReLU, a 2x2 max-pool after the first two, and dense layers.

    Its layers are named `conv1`, `pool1`, .. and `dense1`, .., `predictions`, as far as the form has them.
    """

    def __init__(self, form: Form, shape: tuple[int, int, int], num_classes: int, *, rngs: nnx.Rngs):
        rows, cols, units = shape
        self.form = form
        for number, (maps, size, stride) in enumerate(form.convs, 1):
            setattr(self, f"conv{number}", nnx.Conv(units, maps, (size, size), stride, rngs=rngs))
            rows, cols, units = -(-rows // stride), -(-cols // stride), maps
            if number <= 2:
                rows, cols = rows // 2, cols // 2
        units *= rows * cols
        for number, width in enumerate(form.dense, 1):
            setattr(self, f"dense{number}", nnx.Linear(units, width, rngs=rngs))
            units = width
        self.predictions = nnx.Linear(units, num_classes, rngs=rngs)

    def __call__(self, images: Float[Array, "n h w c"]) -> Float[Array, "n k"]:
        """Logits, which are the layer `predictions`."""
        x = images
        for number in range(1, len(self.form.convs) + 1):
            x = checkpoint_name(jax.nn.relu(getattr(self, f"conv{number}")(x)), f"conv{number}")
            if number <= 2:
                x = checkpoint_name(nnx.max_pool(x, (2, 2), (2, 2)), f"pool{number}")
        x = x.reshape(len(x), -1)
        for number in range(1, len(self.form.dense) + 1):
            x = checkpoint_name(jax.nn.relu(getattr(self, f"dense{number}")(x)), f"dense{number}")
        return checkpoint_name(self.predictions(x), "predictions")


def variant(form: Form, spec: Spec, seed: int) -> Network:
    """The network with random weights, for images and classes as in `spec`."""
    module = Variant(form, spec.input_shape, len(spec.labels), rngs=nnx.Rngs(seed))
    return Network.of(module, spec)

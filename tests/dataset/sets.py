"""Data sets and networks for studies, small and exact."""

import jax
import jax.numpy as jnp
import numpy as np
from jax.ad_checkpoint import checkpoint_name

NUM_CLASSES = 3
KERNEL = np.random.default_rng(1).integers(-2, 3, (3, 3, 2, 4)).astype(np.float32)
DENSE = np.random.default_rng(10).integers(-2, 3, (4, NUM_CLASSES)).astype(np.float32)


def integers(count: int = 50) -> tuple[np.ndarray, np.ndarray]:
    """Images of few small integers, so that responses tie often and no sum is rounded; labels in no order."""
    random = np.random.default_rng(0)
    return random.integers(-2, 3, (count, 5, 6, 2)).astype(np.float32), random.integers(0, NUM_CLASSES, count)


class Unreadable:
    """Five images and labels, of which number 2 cannot be read."""

    def __init__(self, images: np.ndarray, labels: np.ndarray):
        self.images, self.labels = images, labels

    def __len__(self) -> int:
        return 5

    def __getitem__(self, index: int) -> tuple[np.ndarray, int]:
        if index == 2:
            raise OSError("no such image")
        return self.images[index], self.labels[index]


def conv(x: jax.Array, kernel: jax.Array) -> jax.Array:
    return jax.lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))


def _network(params: dict[str, jax.Array], images: jax.Array) -> jax.Array:
    x = checkpoint_name(jax.nn.relu(conv(images, params["kernel"])), "maps")
    x = checkpoint_name(x.sum((1, 2)), "vector")
    return checkpoint_name(x @ params["dense"], "logits")


def network() -> jax.tree_util.Partial:
    """Convolution, ReLU, sum, dense, all of small integers: results are the same however they are added up."""
    return jax.tree_util.Partial(_network, {"kernel": jnp.array(KERNEL), "dense": jnp.array(DENSE)})


def rounding() -> jax.tree_util.Partial:
    """The same network with parameters that no sum adds up without rounding."""
    return jax.tree.map(lambda leaf: jnp.sin(leaf + 1), network())


def maps(images: np.ndarray) -> np.ndarray:
    """The layer `maps` by a loop."""
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)))
    out = np.zeros((*images.shape[:3], KERNEL.shape[-1]))
    for row in range(images.shape[1]):
        for col in range(images.shape[2]):
            window = padded[:, row : row + 3, col : col + 3]
            out[:, row, col] = np.einsum("nhwc,hwck->nk", window, KERNEL)
    return np.maximum(out, 0)


class Items:
    """A data set that gives its examples one at a time, some of them not at all."""

    def __init__(self, images: np.ndarray, labels: np.ndarray, corrupt: tuple[int, ...] = ()):
        self.images, self.labels, self.corrupt = images, labels, corrupt

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> dict[str, np.ndarray]:
        if index in self.corrupt:
            raise OSError("broken data stream")
        return {"image": self.images[index], "label": self.labels[index]}

"""Patches of one size at corners that are known before anything runs: the windows of a grid, or all that fit."""

import dataclasses
import functools
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float, Int

from jaxviz._core.incremental.plan import Plan
from jaxviz._core.meshes import automatic

# On a CPU more windows at a time leave the cache: 8 was fastest, or close to it, for SqueezeNet and ResNet-18. But
# every chunk reads the weights once: for the 553 MB of VGG16, 28 at a time took 6.5 s where 8 took 7.5 s.
_CPU_WINDOWS = 8
_CPU_BYTES = 2**27
_MOST_CPU_WINDOWS = 28
# An accelerator wants as many as its memory bears: on an H100 256 at a time took 0.6 to 0.9 of the time of 64 for five
# networks, and all 729 at once 0.8 to 0.9 of that for SqueezeNet. No more than this, and no more than this memory.
_DEVICE_WINDOWS = 1024
_DEVICE_BYTES = 2**30


@functools.partial(
    jax.tree_util.register_dataclass,
    data_fields=["images", "fields"],
    meta_fields=["plan", "structure", "size", "counts", "held_bytes"],
)
@dataclasses.dataclass(frozen=True, eq=False)
class IncrementalWindows:
    """`(patches, numbers) -> outputs` on an image; made by `Incremental.windows`."""

    images: Array
    fields: list[Any]
    plan: Plan
    structure: Any
    size: tuple[int, ...]
    counts: tuple[int, ...]
    held_bytes: int

    def __call__(self, patches: Float[Array, "..."], numbers: Int[Array, "..."]) -> Any:
        """The outputs of `f` for the image with each of the patches, `(w, ...)`."""
        patches, numbers = jnp.asarray(patches, self.images.dtype), jnp.asarray(numbers)
        num_axes = len(self.size)
        self._check(patches.shape, numbers)
        single = self.images.ndim == num_axes + 1
        table = self.plan.lookups.table(*(numbers[:, axis] for axis in range(num_axes)))
        run = automatic(self.plan.run, self.images, batch_axis=1)
        outs = run(patches[:, None] if single else patches, self.fields, table)
        return jax.tree.unflatten(self.structure, [out[:, 0] if single else out for out in outs])

    @property
    def batch_size(self) -> int:
        """How many patches at a time suit the device."""
        num_images = 1 if self.images.ndim == len(self.size) + 1 else len(self.images)
        if jax.default_backend() == "cpu":
            most = min(_MOST_CPU_WINDOWS, _CPU_WINDOWS * max(1, math.ceil(self.held_bytes / _CPU_BYTES)))
            return max(1, most // num_images)
        fitting = max(1, min(_DEVICE_WINDOWS // num_images, _DEVICE_BYTES // max(1, self.plan.bytes_per_window)))
        return 2 ** (fitting.bit_length() - 1)

    def _check(self, patches: tuple[int, ...], numbers: Array) -> None:
        first = -1 - len(self.size)
        wanted = (*self.images.shape[:first], *self.size, self.images.shape[-1])
        if patches[1:] != wanted:
            raise ValueError(
                f"`patches` must have shape (w, {', '.join(map(str, wanted))}), got {patches}. Give one a window, as "
                "large as `window` said."
            )
        if numbers.shape != (patches[0], len(self.size)) or not jnp.issubdtype(numbers.dtype, jnp.integer):
            raise ValueError(
                f"`numbers` must be integers of shape ({patches[0]}, {len(self.size)}), got {numbers.dtype} of "
                f"{numbers.shape}. Give the number of a corner along each axis, for each patch."
            )
        if isinstance(numbers, Tracer):
            return
        known = np.asarray(numbers)
        if (known < 0).any() or (known >= np.array(self.counts)).any():
            raise ValueError(
                f"`numbers` must be those of corners, from 0 to below {self.counts} along the axes, got from "
                f"{known.min(0).tolist()} to {known.max(0).tolist()}."
            )

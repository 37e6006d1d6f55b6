"""A function of one image as a function of a patch on it, that computes only what the patch can reach."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import core
from jaxtyping import Array, Float, Int

from jaxviz._core._meshes import automatic
from jaxviz.transforms._callable import callee
from jaxviz.transforms._incremental_flat import Flat, Slot, flatten
from jaxviz.transforms._incremental_plan import plan
from jaxviz.transforms._incremental_rules import ELEMENTWISE
from jaxviz.transforms._incremental_spans import fit
from jaxviz.transforms._interpret import Program, trace


def incremental(f: Callable, image: Float[Array, "..."]) -> Callable:
    """`(patch, corner) -> f(image with the patch pasted at the corner)`, computing only what the patch can reach.

    The values of the clean image are computed once, here. A call then follows the patch through the network: through
    convolution, pooling, element-wise operations, concatenation, residual sums and more. Where it covers the whole
    map, or meets an operation that is not local (or that has no rule here), it goes on with whole arrays; so the
    result is right for any function, and equals that of `f` up to the rounding of sums in another order.

    Map it over corners with `jax.vmap`, or in chunks with `jax.lax.map(..., batch_size=8)`; `occlusion` does that.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> f = lambda images: jnp.maximum(images, 0).sum((1, 2))
        >>> patched = incremental(f, jnp.ones((4, 4, 1)))
        >>> jax.vmap(lambda corner: patched(jnp.zeros((2, 2, 1)), corner))(jnp.array([[0, 0], [1, 2]])).ravel().tolist()
        [12.0, 12.0]

    Args:
        f: from images `(n, h, w, c)` to any arrays with a leading axis `n`; any JAX function or callable pytree.
        image: `(h, w, c)`, or a batch `(n, h, w, c)` whose images all get their patch at the same corner.

    Returns:
        The function, a pytree whose leaves are those of `f`, the image, and the values kept. `patch` is `(ph, pw, c)`
        (with a leading `n` for a batch) and may hold anything; `corner` is its row and column and may be traced, in
        which case one outside of the image is moved in, as `jax.lax.dynamic_update_slice` does. It returns what `f`
        gives for that image (without the leading axis, if `image` has none).

    Raises:
        ValueError: on the call, for a patch that does not fit or a corner outside of the image.

    References:
        Nakandala, Kumar and Papakonstantinou, [Incremental and Approximate Inference for Faster Occlusion-based Deep
        CNN Explanations](https://doi.org/10.1145/3299869.3319874), SIGMOD 2019, section 3. Differs from it in: any
        JAX function in place of three networks, and extents that are exact for the corners that occur.
    """
    image = jnp.asarray(image)
    if image.ndim not in (3, 4):
        raise ValueError(
            f"`image` must have shape (h, w, c) or (n, h, w, c), got {image.shape}. Give it rows, columns and "
            "channels: image[..., None] for a gray one."
        )
    f = callee(f)
    return Incremental(f, image, _keep(f, image if image.ndim == 4 else image[None]))


@functools.partial(jax.tree_util.register_dataclass, data_fields=["f", "image", "base"], meta_fields=[])
@dataclasses.dataclass(frozen=True, eq=False)
class Incremental:
    """A function of a patch on an image; made by `incremental`."""

    f: Callable
    image: Array
    base: dict[int, Any]

    def __call__(self, patch: Float[Array, "..."], corner: Int[Array, "2"] | tuple[int, int]) -> Any:
        """The outputs of `f` for the image with the patch."""
        patch = jnp.asarray(patch, self.image.dtype)
        check_patch(patch.shape, self.image.shape)
        if not any(isinstance(part, core.Tracer) for part in jax.tree.leaves(corner)):
            check_corner(np.asarray(corner), patch.shape, self.image.shape)
        single = self.image.ndim == 3
        images = self.image[None] if single else self.image
        program, flat, source = flat_program(self.f, images)
        height, width = patch.shape[-3:-1]
        spans = {}
        for axis, size in ((1, height), (2, width)):
            first = np.arange(images.shape[axis] - size + 1)
            spans[axis] = fit(axis - 1, first, first + size, images.shape[axis])
        chosen = plan(flat, source, spans)
        corner = jnp.asarray(corner)
        last = jnp.array([images.shape[1] - height, images.shape[2] - width])
        row, col = jnp.clip(corner, 0, last)
        table = chosen.lookups.table(row[None], col[None])

        def run(patch: Array, base: dict[int, Any], table: Array) -> list[Array]:
            return chosen.run(patch, chosen.fields(base), table)

        patches = patch[None, None] if single else patch[None]
        outs = automatic(run, images, batch_axis=1)(patches, self.base, table)
        return jax.tree.unflatten(program.out_tree, [out[0, 0] if single else out[0] for out in outs])


def flat_program(f: Callable, images: Array) -> tuple[Program, Flat, Slot]:
    """A call of `f` on images, and the slot of the images in it."""
    program = trace(f, images)
    flat = flatten(program)
    return program, flat, flat.inputs[program.num_own]


def check_patch(patch: tuple[int, ...], image: tuple[int, ...]) -> None:
    """Raises where a patch of this shape does not fit an image."""
    fits = len(patch) == len(image) and patch[-1] == image[-1] and patch[:-3] == image[:-3]
    if not fits or any(not 1 <= size <= whole for size, whole in zip(patch[-3:-1], image[-3:-1], strict=True)):
        raise ValueError(
            f"`patch` must have the axes of the image and fit into it, got {patch} for an image of {image}. Make it "
            "smaller, with as many channels as the image."
        )


def check_corner(corner: np.ndarray, patch: tuple[int, ...], image: tuple[int, ...]) -> None:
    """Raises where a corner is none of a patch inside the image."""
    if corner.shape != (2,) or not np.issubdtype(corner.dtype, np.integer):
        raise ValueError(f"`corner` must be a row and a column, got {corner}. Give two integers.")
    last = [whole - size for whole, size in zip(image[-3:-1], patch[-3:-1], strict=True)]
    if any(not 0 <= place <= most for place, most in zip(corner, last, strict=True)):
        raise ValueError(
            f"`corner` must keep the patch inside the image, got {tuple(corner.tolist())} for a patch of "
            f"{patch[-3]}x{patch[-2]} on {image[-3]}x{image[-2]}. Use at most {tuple(last)}."
        )


def _keep(f: Callable, images: Array) -> dict[int, Any]:
    program, flat, source = flat_program(f, images)
    return flat.run(program.leaves, _readable(flat, source))


def _readable(flat: Flat, source: Slot) -> set[int]:
    """The values of the clean image that a patch of some size may need."""
    depends = flat.depends(source)
    found = {value.index for value in flat.outputs if isinstance(value, Slot)}
    for op in flat.ops:
        inputs = {value.index for value in op.inputs if isinstance(value, Slot)}
        touched = inputs & depends
        if not touched:
            continue
        # Of an element-wise operation on one patch, only the other operands are read.
        alone = op.name in ELEMENTWISE and len(touched) == 1
        found |= inputs - depends if alone else inputs
        for maker in flat.ops:
            if maker.name == "broadcast_in_dim" and maker.outputs[0].index in inputs - depends:
                found.update(value.index for value in maker.inputs if isinstance(value, Slot))
    return found

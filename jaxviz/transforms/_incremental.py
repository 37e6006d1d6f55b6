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

from jaxviz._core.callables import as_pytree
from jaxviz._core.incremental.axes import axes_of_windows, by, check_axes
from jaxviz._core.incremental.flat import Flat, Slot, flat_program
from jaxviz._core.incremental.plan import plan
from jaxviz._core.incremental.spans import fit
from jaxviz._core.jaxpr.elementwise import ELEMENTWISE
from jaxviz._core.meshes import automatic
from jaxviz.transforms._bind import bind


def incremental(
    f: Callable, images: Float[Array, "..."], *args: Any, num_axes: int | None = None, **kwargs: Any
) -> Callable:
    """`(patch, corner) -> f(image with the patch pasted at the corner)`, computing only what the patch can reach.

    The values of the clean image are computed once, here. A call then follows the patch through the network: through
    convolution, pooling, element-wise operations, concatenation, residual sums and more. Where it covers the whole
    map, or meets an operation that is not local (or that has no rule here), it goes on with whole arrays; so the
    result is right for any function, and equals that of `f` up to the rounding of sums in another order.

    Map it over corners with `jax.vmap`, or in chunks with `jax.lax.map(..., batch_size=8)`. `occlusion` does the same
    for the windows of a grid, which it knows before it starts.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> f = lambda images: jnp.maximum(images, 0).sum((1, 2))
        >>> patched = incremental(f, jnp.ones((4, 4, 1)))
        >>> jax.vmap(lambda corner: patched(jnp.zeros((2, 2, 1)), corner))(jnp.array([[0, 0], [1, 2]])).ravel().tolist()
        [12.0, 12.0]

    Args:
        f: from images `(n, h, w, c)` to any arrays with a leading axis `n`; any JAX function or callable pytree.
        images: one image `(h, w, c)`, or a batch `(n, h, w, c)` whose images all get their patch at the same corner.
            With other numbers of axes between the batch and the channels, a signal `(t, c)` or a volume `(d, h, w, c)`.
        args: further arguments of `f`, behind the images.
        num_axes: how many axes the corner has. By default 2, 1 for an image `(t, c)`, 3 for one `(n, d, h, w, c)`; a
            batch of signals and a single volume have to say it.
        kwargs: further arguments of `f` by name.

    Returns:
        The function, a pytree whose leaves are those of `f`, the image, and the values kept. `patch` is `(ph, pw, c)`
        (with a leading `n` for a batch) and may hold anything; `corner` is its row and column and may be traced, in
        which case one outside of the image is moved in, as `jax.lax.dynamic_update_slice` does. It returns what `f`
        gives for that image (without the leading axis, if `images` have none).

    Raises:
        ValueError: for an image of another number of axes; on the call, for a patch that does not fit or a corner
            outside of the image.

    References:
        Nakandala, Kumar and Papakonstantinou, [Incremental and Approximate Inference for Faster Occlusion-based Deep
        CNN Explanations](https://doi.org/10.1145/3299869.3319874), SIGMOD 2019, section 3. Differs from it in: any
        JAX function in place of three networks, and extents that are exact for the corners that occur.
    """
    images = jnp.asarray(images)
    num_axes = axes_of_windows(images.ndim) if num_axes is None else num_axes
    check_axes(images.shape, num_axes)
    f = as_pytree(bind(f, ..., *args, **kwargs) if args or kwargs else f)
    return Incremental(f, images, _keep(f, images if images.ndim == num_axes + 2 else images[None]), num_axes)


@functools.partial(jax.tree_util.register_dataclass, data_fields=["f", "images", "base"], meta_fields=["num_axes"])
@dataclasses.dataclass(frozen=True, eq=False)
class Incremental:
    """A function of a patch on an image; made by `incremental`."""

    f: Callable
    images: Array
    base: dict[int, Any]
    num_axes: int

    def __call__(self, patch: Float[Array, "..."], corner: Int[Array, " axes"] | tuple[int, ...]) -> Any:
        """The outputs of `f` for the image with the patch."""
        patch = jnp.asarray(patch, self.images.dtype)
        check_patch(patch.shape, self.images.shape, self.num_axes)
        if not any(isinstance(part, core.Tracer) for part in jax.tree.leaves(corner)):
            check_corner(np.asarray(corner), patch.shape, self.images.shape, self.num_axes)
        single = self.images.ndim == self.num_axes + 1
        images = self.images[None] if single else self.images
        program, flat, source = flat_program(self.f, images)
        sizes, lengths = (shape[-1 - self.num_axes : -1] for shape in (patch.shape, images.shape))
        spans = {}
        for axis, (size, length) in enumerate(zip(sizes, lengths, strict=True)):
            first = np.arange(length - size + 1)
            spans[axis + 1] = fit(axis, first, first + size, length)
        chosen = plan(flat, source, spans)
        corner = jnp.asarray(corner)
        last = jnp.array([length - size for size, length in zip(sizes, lengths, strict=True)])
        table = chosen.lookups.table(*(place[None] for place in jnp.clip(corner, 0, last)))

        def run(patch: Array, base: dict[int, Any], table: Array) -> list[Array]:
            return chosen.run(patch, chosen.fields(base), table)

        patches = patch[None, None] if single else patch[None]
        outs = automatic(run, images, batch_axis=1)(patches, self.base, table)
        return jax.tree.unflatten(program.out_tree, [out[0, 0] if single else out[0] for out in outs])


def check_patch(patch: tuple[int, ...], image: tuple[int, ...], num_axes: int) -> None:
    """Raises where a patch of this shape does not fit an image."""
    first = -1 - num_axes
    fits = len(patch) == len(image) and patch[-1] == image[-1] and patch[:first] == image[:first]
    if not fits or any(not 1 <= size <= whole for size, whole in zip(patch[first:-1], image[first:-1], strict=True)):
        raise ValueError(
            f"`patch` must have the axes of the image and fit into it, got {patch} for an image of {image}. Make it "
            "smaller, with as many channels as the image."
        )


def check_corner(corner: np.ndarray, patch: tuple[int, ...], image: tuple[int, ...], num_axes: int) -> None:
    """Raises where a corner is none of a patch inside the image."""
    if corner.shape != (num_axes,) or not np.issubdtype(corner.dtype, np.integer):
        what, number = ("a row and a column", "two integers") if num_axes == 2 else (f"{num_axes} places", "integers")
        raise ValueError(f"`corner` must be {what}, got {corner}. Give {number}.")
    sizes, lengths = patch[-1 - num_axes : -1], image[-1 - num_axes : -1]
    last = [whole - size for whole, size in zip(lengths, sizes, strict=True)]
    if any(not 0 <= place <= most for place, most in zip(corner, last, strict=True)):
        raise ValueError(
            f"`corner` must keep the patch inside the image, got {tuple(corner.tolist())} for a patch of "
            f"{by(sizes)} on {by(lengths)}. Use at most {tuple(last)}."
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

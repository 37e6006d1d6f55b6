"""A function of one image as a function of a patch on it, that computes only what the patch can reach."""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import core
from jaxtyping import Array, Float, Int

from jaxviz._core.callables import as_pytree
from jaxviz._core.incremental.axes import axes_of_windows, by, check_axes, sizes_of
from jaxviz._core.incremental.flat import Flat, Slot, flat_program
from jaxviz._core.incremental.plan import plan
from jaxviz._core.incremental.spans import fit
from jaxviz._core.jaxpr.elementwise import ELEMENTWISE
from jaxviz._core.jaxpr.interpret import Program
from jaxviz.transforms._bind import bind
from jaxviz.transforms._incremental_windows import IncrementalWindows


def incremental(
    f: Callable, images: Float[Array, "..."], *args: Any, num_axes: int | None = None, **kwargs: Any
) -> Callable:
    """`(patch, corner) -> f(image with the patch pasted at the corner)`, computing only what the patch can reach.

    The values of the clean image are computed once, here. A call then follows the patch through the network: through
    convolution, pooling, element-wise operations, concatenation, residual sums and more. Where it covers the whole
    map, or meets an operation that is not local (or that has no rule here), it goes on with whole arrays; so the
    result is right for any function, and equals that of `f` up to the rounding of sums in another order.

    Map it over corners with `jax.vmap`, or in chunks with `jax.lax.map(..., batch_size=8)`. For patches of one size at
    corners that are known before, such as the windows of a grid, `incremental(f, images).windows(window, corners)` is
    faster; `occlusion` stands on it.

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
    made = Incremental(f, images, {}, num_axes)
    program, flat, source = made._program  # kept with it
    made.base.update(flat.run(program.leaves, _readable(flat, source)))
    return made


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
        size = patch.shape[-1 - self.num_axes : -1]
        last = jnp.array([whole - part for whole, part in zip(self._lengths, size, strict=True)])
        outs = self._windows(size, self._all_corners(size), 1.0)(
            patch[None], jnp.clip(jnp.asarray(corner), 0, last)[None]
        )
        return jax.tree.map(lambda out: out[0], outs)

    def windows(
        self,
        window: int | Sequence[int],
        corners: Sequence[Sequence[int] | np.ndarray] | None = None,
        *,
        share: float = 1.0,
    ) -> IncrementalWindows:
        """`(patches, numbers) -> outputs` for patches of one size at places that are known before: what `occlusion` is.

        What a patch can reach is then as large as it is for the corners that occur, which is less where they keep to
        the strides of the network, and what all windows read is made ready once.

        Example:
            >>> import jax.numpy as jnp
            >>> f = lambda images: jnp.maximum(images, 0).sum((1, 2))
            >>> windows = incremental(f, jnp.ones((4, 4, 1))).windows((2, 2), ([0, 2], [0, 2]))
            >>> windows(jnp.zeros((3, 2, 2, 1)), jnp.array([[0, 0], [0, 1], [1, 1]])).ravel().tolist()
            [12.0, 12.0, 12.0]

        Args:
            window: rows and columns of the patches (one number: square; of signals and volumes their size along each
                axis).
            corners: the rows at which a patch can start, and the columns, such as `occlusion_grid` gives; by default
                all at which it fits.
            share: the most of the rows and of the columns of a map that a patch may reach; less than 1 cuts what it
                reaches, keeping the middle, and is an approximation (see `GrowthCap`).

        Returns:
            The function. `patches` is `(w, ph, pw, c)` (`(w, n, ph, pw, c)` for a batch), `numbers` `(w, 2)`: which of
            the rows and which of the columns each patch starts at. It gives what `f` does, with a leading `w`.

        Raises:
            ValueError: for a window or corners that do not fit the image, or a share that is not in (0, 1]; on the
                call, for patches of another size or numbers that no corner has.
            TypeError: for a window or corners that are no integers.
        """
        size = sizes_of(window, "window", self.num_axes)
        if any(part > whole for part, whole in zip(size, self._lengths, strict=True)):
            raise ValueError(
                f"`window` must fit inside the image, got {window} for an image of {by(self._lengths)}. Use at most "
                f"{min(self._lengths)}."
            )
        known = self._all_corners(size) if corners is None else check_corners(corners, size, self._lengths)
        if not 0 < share <= 1:
            raise ValueError(f"`share` must be above 0 and at most 1, got {share}. 1 is exact.")
        return self._windows(size, known, share)

    @property
    def _lengths(self) -> tuple[int, ...]:
        return self.images.shape[-1 - self.num_axes : -1]

    def _all_corners(self, size: tuple[int, ...]) -> list[np.ndarray]:
        return [np.arange(whole - part + 1) for whole, part in zip(self._lengths, size, strict=True)]

    @functools.cached_property
    def _program(self) -> tuple[Program, Flat, Slot]:
        single = self.images.ndim == self.num_axes + 1
        return flat_program(self.f, self.images[None] if single else self.images)

    def _windows(self, size: tuple[int, ...], corners: Sequence[np.ndarray], share: float) -> IncrementalWindows:
        program, flat, source = self._program
        spans = {
            axis + 1: fit(axis, first, first + part, whole)
            for axis, (first, part, whole) in enumerate(zip(corners, size, self._lengths, strict=True))
        }
        chosen = plan(flat, source, spans, share)
        counts = tuple(map(len, corners))
        return IncrementalWindows(
            self.images, chosen.fields(self.base), chosen, program.out_tree, size, counts, flat.held_bytes()
        )


def check_patch(patch: tuple[int, ...], image: tuple[int, ...], num_axes: int) -> None:
    """Raises where a patch of this shape does not fit an image."""
    first = -1 - num_axes
    fits = len(patch) == len(image) and patch[-1] == image[-1] and patch[:first] == image[:first]
    if not fits or any(not 1 <= size <= whole for size, whole in zip(patch[first:-1], image[first:-1], strict=True)):
        raise ValueError(
            f"`patch` must have the axes of the image and fit into it, got {patch} for an image of {image}. Make it "
            "smaller, with as many channels as the image."
        )


def check_corners(
    corners: Sequence[Sequence[int] | np.ndarray], window: tuple[int, ...], lengths: tuple[int, ...]
) -> list[Int[np.ndarray, " places"]]:
    """The corners along each axis, where a window at each lies inside the image."""
    found = [np.asarray(places) for places in corners]
    last = tuple(whole - size for whole, size in zip(lengths, window, strict=True))
    if len(found) != len(window) or any(places.ndim != 1 or not len(places) for places in found):
        raise ValueError(
            f"`corners` must be the first places along each of {len(window)} axes, got shapes "
            f"{[places.shape for places in found]}. Give a list of integers for each."
        )
    if not all(np.issubdtype(places.dtype, np.integer) for places in found):
        raise TypeError(f"`corners` must be integers, got {[str(one.dtype) for one in found]}. Give whole pixels.")
    if any(places.min() < 0 or places.max() > most for places, most in zip(found, last, strict=True)):
        ranges = ", ".join(f"{places.min()} to {places.max()}" for places in found)
        raise ValueError(
            f"`corners` must keep a window of {by(window)} inside an image of {by(lengths)}, got {ranges}. Use at most "
            f"{last}."
        )
    return found


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

"""Gradient ascent on pictures, from what the caller says to what the loop takes."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.core import Tracer
from jaxtyping import Array, Float, PRNGKeyArray

from jaxviz._core.callables import as_pytree
from jaxviz._core.check import check_count
from jaxviz._core.chunks import chunks
from jaxviz._core.jaxpr.descent import Descent
from jaxviz._core.jaxpr.interpret import trace
from jaxviz._core.jaxpr.match import search
from jaxviz._core.map_layout import map_layout
from jaxviz._core.maps import Activation, check_channels_axis, check_maps
from jaxviz._core.network import brought
from jaxviz.maximize._loop import Climbed, Settings, climb, climb_on_devices, on_devices, reader, to_range
from jaxviz.maximize._objective import OUTPUT, Objective
from jaxviz.maximize.augment import Augment, compose, standard, view
from jaxviz.maximize.param import Param, Shape, fourier
from jaxviz.maximize.priors import Prior

ADAM = optax.adam(0.05)

_DEFAULT_BATCH = 16  # views that go through the network at a time
_SHOWN = 8  # images in a notebook


class Result(NamedTuple):
    """What an ascent found, for `b` objectives of `n` images each: `images[i * n + j]` is image `j` for objective `i`.

    Attributes:
        images: in the network's own range, as `f` takes them.
        pixels: the same in [0, 1].
        trace: the objective before each step, of the augmented images and without the priors.
        snapshots: pixels after as many steps as were asked for; step 0 is the start.
        opacity: where it was asked for, how much each pixel counted, from 0 to 1: the size of the gradient there,
            summed over the steps, cut off at the 80th percentile of the pixels that counted at all.
    """

    images: Float[Array, "bn h w c"]
    pixels: Float[Array, "bn h w c"]
    trace: Float[Array, "b steps"]
    snapshots: Float[Array, "s bn h w c"]
    opacity: Float[Array, "bn h w"] | None = None

    def __repr__(self) -> str:
        """Sizes and what was reached, and not millions of numbers."""
        if isinstance(self.trace, Tracer) or not isinstance(self.trace, jax.Array | np.ndarray):
            return tuple.__repr__(self)  # under jit, or of shapes alone
        count, height, width, _ = self.pixels.shape
        last = ", ".join(f"{float(value):.4g}" for value in self.trace[:4, -1])
        more = ", ..." if len(self.trace) > 4 else ""
        return f"Result({count} images of {height} x {width} after {self.trace.shape[1]} steps, objective {last}{more})"

    def _repr_png_(self) -> bytes:
        """The first images side by side, for a notebook."""
        pixels = np.asarray(self.pixels[:_SHOWN])
        strip = np.concatenate(list(np.broadcast_to(pixels, (*pixels.shape[:3], 3))), 1)
        # Here: what draws takes longer to load than all the rest.
        from jaxviz.render import png

        return png(np.rint(255 * np.clip(strip, 0, 1)).astype(np.uint8))


def render(
    f: Callable,
    objective: Objective,
    *,
    key: PRNGKeyArray,
    shape: Shape | None = None,
    num_images: int = 1,
    param: Param | Callable[[Shape], Param] = fourier,
    augment: Augment | Sequence[Augment] | None = None,
    priors: Prior | Sequence[Prior] = (),
    optimizer: optax.GradientTransformation = ADAM,
    num_steps: int = 128,
    snapshots: Sequence[int] = (),
    redirected_steps: int = 17,
    start: Float[Array, "..."] | None = None,
    normalize: Callable[[Float[Array, "n h w c"]], Float[Array, "n h w c"]] | None = None,
    channel_axis: int | None = None,
    grid: tuple[int, int] | None = None,
    batch_size: int | None = None,
    opacity: bool = False,
) -> Result:
    """Images that make an objective large: what a class, a channel or a unit asks for.

    A batch of objectives is maximized side by side, each as it would be alone with the same key. The program is
    compiled once for a network, a structure of objectives and settings: another class, channel, weight or key takes
    none of that time again. Under `jax.set_mesh` the objectives are spread over all devices of the mesh.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from jaxviz.maximize import logit, render
        >>> f = lambda images: jnp.stack([images[..., 0].mean((1, 2)), images[..., 2].mean((1, 2))], 1)
        >>> red = render(f, logit(0), key=jax.random.key(0), shape=(8, 8, 3), augment=(), num_steps=20)
        >>> bool(red.trace[0, 0] < 0.5 < 0.55 < red.trace[0, -1])
        True

    Args:
        f: from images to outputs `(n, k)`. A network that has `normalize` (pixels in [0, 1] to its own range) and
            `input_shape` brings both.
        objective: what is to grow, or a batch of objectives: `logit(285)`, `channel("conv1", jnp.arange(64))`.
        key: for the start and the augmentations. The result depends on nothing else that is random, and not on the rest
            of a batch.
        shape: height, width and channels of the images; those of the network by default.
        num_images: how many images per objective, for `diversity`; they start differently.
        param: what is varied: a function of the shape, such as `fourier`, or what it made: `fourier(shape, decay=0.8)`.
        augment: one augmentation, or several in the order in which they act; `augment.standard` of the size by default,
            `()` for none. What they leave larger than `shape` is cut out about the center.
        priors: penalties on the pixels.
        optimizer: of optax, for the numbers that stand for the picture. Make it once: an optimizer that is made anew is
            a program of its own.
        num_steps: each costs a forward and a backward pass of the part of `f` that the objective looks at.
        snapshots: the steps after which to keep the pixels, 0 to `num_steps`.
        redirected_steps: for how many steps the `"redirected"` rule holds at the ReLUs, so that a unit that is silent
            at the start can wake up. Nothing changes where there are no ReLUs. 0 saves half of the time to compile. By
            default as long as in lucid.
        start: pixels in [0, 1] to start from, `(h, w, c)` or `(num_images, h, w, c)`, in place of noise.
        normalize: from pixels in [0, 1] to the range of `f`; by default that of the network, or none.
        channel_axis: as for `jaxviz.grad_cam`, for the layers of maps that the objective looks at.
        grid: as for `jaxviz.grad_cam`, for its layers of tokens: `channel` is then the mean over the places alone, and
            `unit` takes a row and a column. Without it a channel of tokens is the mean over all of them.
        batch_size: how many images a device makes at a time, at least those of one objective: it bounds the memory. 16
            by default.
        opacity: whether to say how much each pixel counted, for a mask that hides what the objective does not care
            about.

    Returns:
        Images, pixels, the course of the objective, and snapshots.

    Raises:
        ValueError: before anything is computed: an unknown layer, one whose channels are looked for where they are not
            (its batch has to be first, its channels last), a class, channel, row or column that does not exist, a shape
            that does not fit, steps out of range.
        TypeError: an argument of the wrong kind.
        FloatingPointError: the objective became NaN or infinite; says at which step. Not under an outer `jit`.

    References:
        Olah et al., [Feature Visualization](https://distill.pub/2017/feature-visualization/), 2017.
    """
    plain, f = f, as_pytree(f)
    if not isinstance(objective, Objective):
        raise TypeError(f"`objective` must be an Objective, got {type(objective).__name__}. Make one: logit(k).")
    penalties = (priors,) if isinstance(priors, Prior) else tuple(priors)
    num_images = check_count(num_images, "num_images")
    made = _param(param, shape, plain)
    if augment is None:
        augment = standard(min(made.shape[:2]))
    settings = Settings(
        param=made,
        augment=augment if callable(augment) else compose(*augment),
        optimizer=optimizer,
        # A function that is no pytree is wrapped, and what it knows stays behind.
        normalize=getattr(plain, "normalize", None) if normalize is None and f is not plain else normalize,
        num_images=num_images,
        num_steps=check_count(num_steps, "num_steps"),
        redirected_steps=min(_steps((redirected_steps,), "redirected_steps", None)[0], num_steps),
        snapshots=_steps(snapshots, "snapshots", num_steps),
        layout=map_layout(plain, channel_axis, grid),
        opacity=opacity,
    )
    start = None if start is None else _start(start, (num_images, *settings.param.shape))
    objective, penalties = jax.tree.map(_as_array, (objective, penalties))
    total = _total(objective, penalties)
    if not _has_relu(f, objective, settings):
        settings = settings._replace(redirected_steps=0)
    at_a_time = _DEFAULT_BATCH if batch_size is None else check_count(batch_size, "batch_size")
    most = max(1, at_a_time // num_images)
    mesh = jax.sharding.get_mesh()
    devices = 1 if mesh.empty or total == 1 else mesh.size
    count, size = chunks(-(-total // devices), most)
    parts = []
    for number in range(count):
        # Filled up with the last objective, whose copies are thrown away: one program does for all.
        index = np.minimum(np.arange(number * size * devices, (number + 1) * size * devices), total - 1)
        chosen = objective.at(index), tuple(prior.at(index) for prior in penalties)
        if devices == 1:
            parts.append(climb(f, *chosen, key, start, size=size, settings=settings))
        else:
            chosen = on_devices(*chosen, mesh)
            spread = climb_on_devices(f, *chosen, key, start, size=size, settings=settings, mesh=mesh)
            parts.append(jax.tree.map(np.asarray, spread))
        _check_finite(parts[-1], index, num_steps)
    whole = jax.tree.map(lambda *arrays: jnp.concatenate(arrays)[:total], *parts)
    snapshots_first = jnp.moveaxis(whole.snapshots, 1, 0)
    return Result(
        whole.images.reshape(-1, *whole.images.shape[2:]),
        whole.pixels.reshape(-1, *whole.pixels.shape[2:]),
        whole.trace,
        snapshots_first.reshape(len(settings.snapshots), total * num_images, *settings.param.shape),
        None if whole.opacity is None else whole.opacity.reshape(-1, *settings.param.shape[:2]),
    )


def _param(param: Param | Callable[[Shape], Param], shape: Shape | None, f: Any) -> Param:
    if not callable(param):
        if shape is not None and tuple(shape) != param.shape:
            raise ValueError(f"`shape` must be that of `param`, {param.shape}, got {tuple(shape)}. Leave it out.")
        return param
    shape = brought(f, "input_shape") if shape is None else shape
    if shape is None:
        raise ValueError(
            "`shape` must be given for a function that has no input_shape, got None. It is the height, width and "
            "channels of an image."
        )
    return param(shape)


def _steps(steps: Sequence[int], name: str, last: int | None) -> tuple[int, ...]:
    for step in steps:
        if isinstance(step, bool) or not isinstance(step, int | np.integer):
            raise TypeError(f"`{name}` must be numbers of steps, got {type(step).__name__}.")
        if step < 0 or (last is not None and step > last):
            allowed = "at least 0" if last is None else f"in 0..{last}"
            raise ValueError(f"`{name}` must be {allowed}, got {step}.")
    return tuple(map(int, steps))


def _start(start: Any, shape: tuple[int, int, int, int]) -> Float[Array, "n h w c"]:
    start = start if isinstance(start, Tracer) else np.asarray(start, np.float32)
    if start.shape not in (shape, shape[1:]):
        raise ValueError(f"`start` must have shape {shape[1:]}, or {shape} for each image its own, got {start.shape}.")
    if not isinstance(start, Tracer) and not ((start >= 0) & (start <= 1)).all():
        raise ValueError(
            f"`start` must hold pixels in [0, 1], got values from {start.min()} to {start.max()}. Take a photo / 255."
        )
    return jnp.broadcast_to(start, shape)


def _as_array(leaf: Any) -> Any:
    """An array that is data to the program; a Python number would be a part of it."""
    if isinstance(leaf, jax.Array):
        return leaf
    array = np.asarray(leaf)
    return array.astype(np.int32 if np.issubdtype(array.dtype, np.integer) else np.float32)


def _total(objective: Objective, priors: Sequence[Prior]) -> int:
    sizes = {size for size in (objective.size, *(prior.size for prior in priors)) if size is not None}
    if len(sizes) > 1:
        raise ValueError(
            f"`priors` must have one weight, or one per objective of the batch, got lengths {sorted(sizes)}."
        )
    return sizes.pop() if sizes else 1


def _has_relu(f: Callable, objective: Objective, settings: Settings) -> bool:
    """Whether there is anything to redirect; raises for what does not fit together, before anything is computed."""

    def see(pixels: Array) -> Array:
        return to_range(f, settings.normalize)(view(settings.augment, jax.random.key(0), pixels))

    pixels = jax.ShapeDtypeStruct((settings.num_images, *settings.param.shape), jnp.float32)
    images = jax.eval_shape(see, pixels)
    program = trace(reader(f, objective, "gradient"), images)
    found = jax.tree.unflatten(program.out_tree, program.body.out_avals)
    if OUTPUT in found and len(found[OUTPUT].shape) != 2:
        raise ValueError(
            f"`f` must return an array of shape ({settings.num_images}, k) for {settings.num_images} images, got "
            f"{found[OUTPUT].shape}. Name the layer that is meant: channel(layer, c)."
        )
    axes = jax.tree.unflatten(program.out_tree, Descent(program).outputs)
    for term in objective.terms:
        shape = found[term.layer].shape
        if term.measure.channels:
            check = check_maps if len(shape) == 4 else check_channels_axis
            found_there = Activation(shape, axes[term.layer].resized(shape))
            shape = check(found_there, term.layer, images.shape[0], settings.layout)
        term.measure.check(shape, term.layer, *term.args)
    if not settings.redirected_steps:
        return False
    return any(match.windows is None for match in search(program.body).found.values())


def _check_finite(part: Climbed, index: np.ndarray, num_steps: int) -> None:
    if isinstance(part.trace, Tracer):
        return
    trace = np.asarray(part.trace)
    finite = np.isfinite(np.asarray(part.pixels).reshape(len(trace), -1)).all(1, keepdims=True)
    wrong = np.concatenate([~np.isfinite(trace), ~finite], axis=1)
    if wrong.any():
        step = int(wrong.any(0).argmax())
        place = int(wrong[:, step].argmax())
        found = trace[place, step] if step < num_steps else "pixels that are not"
        raise FloatingPointError(
            f"`objective` must stay finite, got {found} after {step} of {num_steps} steps for objective "
            f"{index[place]}. Lower the learning rate, or look at what the objective does there."
        )

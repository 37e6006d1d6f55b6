"""The loop of an ascent, and all that happens in one step of it."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax.sharding import NamedSharding
from jaxtyping import Array, Float, Int, PRNGKeyArray

from jaxviz._core.jaxpr.interpret import split
from jaxviz._core.map_layout import PLAIN, MapLayout
from jaxviz._core.network import brought
from jaxviz._core.precision import at_least_single
from jaxviz._core.program import one_program
from jaxviz.maximize._objective import OUTPUT, Objective
from jaxviz.maximize.augment import Augment, view
from jaxviz.maximize.param import Param
from jaxviz.maximize.priors import Prior
from jaxviz.transforms import Rule, channels_last, tap, upto, with_rule


class Settings(NamedTuple):
    """What a compiled loop is made for: everything that is no array."""

    param: Param
    augment: Augment
    optimizer: optax.GradientTransformation
    normalize: Callable | None
    num_images: int
    num_steps: int
    redirected_steps: int
    snapshots: tuple[int, ...]
    layout: MapLayout = PLAIN
    opacity: bool = False


class Climbed(NamedTuple):
    """Pixels in [0, 1] for `b` objectives of `n` images each, the objective before each step, pixels on the way."""

    images: Float[Array, "b n h w c"]
    pixels: Float[Array, "b n h w c"]
    trace: Float[Array, "b steps"]
    snapshots: Float[Array, "b s n h w c"]
    opacity: Float[Array, "b n h w"] | None = None


@one_program
def climb(
    f: Callable,
    objective: Objective,
    priors: tuple[Prior, ...],
    key: PRNGKeyArray,
    start: Float[Array, "n h w c"] | None,
    *,
    size: int,
    settings: Settings,
) -> Climbed:
    """Maximizes `size` objectives side by side. Each gets the same start and the same augmentations."""
    param, optimizer, num_images = settings.param, settings.optimizer, settings.num_images
    first, views = jax.random.split(key)
    if start is None:
        numbers = jax.vmap(param.init)(jax.random.split(first, num_images))
    else:
        numbers = jax.vmap(param.invert)(start)
    numbers = jax.tree.map(lambda array: jnp.broadcast_to(array, (size, *array.shape)), numbers)

    def draw(numbers: Any) -> Float[Array, "b n h w c"]:
        return jax.vmap(jax.vmap(param.pixels))(numbers)

    def gain(varied: tuple[Any, Any], number: Int[Array, ""], rule: Rule) -> tuple[Array, tuple[Array, Array]]:
        numbers, moved = varied
        pixels = draw(numbers) if moved is None else draw(numbers) + moved
        # One batch for the network, whatever objective an image is for.
        seen = view(settings.augment, jax.random.fold_in(views, number), pixels.reshape(-1, *pixels.shape[2:]))
        found = reader(f, objective, rule)(to_range(f, settings.normalize)(seen))
        found = {layer: at_least_single(act).reshape(size, num_images, *act.shape[1:]) for layer, act in found.items()}
        values = jax.vmap(lambda one, found: one(found, settings.layout), (objective.axes(), 0))(objective, found)
        costs = [jax.vmap(lambda one, pixels: one(pixels), (prior.axes(), 0))(prior, pixels).sum() for prior in priors]
        return values.sum() - sum(costs), (values, pixels)

    def step(carry: tuple, number: Int[Array, ""], rule: Rule) -> tuple[tuple, Float[Array, " b"]]:
        numbers, state, shots, seen = carry
        # Of what is to grow, as the redirected rule wants it; the optimizer descends.
        still = None if seen is None else jnp.zeros((*seen.shape, param.shape[2]))
        (slope, on_pixels), (values, pixels) = channels_last(
            jax.grad(functools.partial(gain, rule=rule), has_aux=True)
        )((numbers, still), number)
        seen = None if seen is None else seen + jnp.abs(on_pixels).mean(-1)
        slope = jax.tree.map(jnp.negative, slope)
        wanted = zip(settings.snapshots, shots, strict=True)
        shots = [jnp.where(number == moment, pixels, shot) for moment, shot in wanted]
        updates, state = jax.vmap(optimizer.update)(slope, state, numbers)
        return (optax.apply_updates(numbers, updates), state, shots, seen), values

    seen = jnp.zeros((size, num_images, *param.shape[:2])) if settings.opacity else None
    carry = numbers, jax.vmap(optimizer.init)(numbers), [draw(numbers)] * len(settings.snapshots), seen
    traces = []
    turn = settings.redirected_steps
    stages: tuple[tuple[Rule, Array], ...] = (
        ("redirected", jnp.arange(turn)),
        ("gradient", jnp.arange(turn, settings.num_steps)),
    )
    for rule, steps in stages:
        if len(steps):
            carry, values = jax.lax.scan(lambda carry, number, rule=rule: step(carry, number, rule), carry, steps)
            traces.append(values)
    pixels = draw(carry[0])
    shots = [
        pixels if wanted == settings.num_steps else shot
        for wanted, shot in zip(settings.snapshots, carry[2], strict=True)
    ]
    # What is shown lies in [0, 1], also where nothing has kept the numbers there.
    pixels, *shots = (jnp.clip(array, 0, 1) for array in (pixels, *shots))
    images = to_range(f, settings.normalize)(pixels.reshape(-1, *pixels.shape[2:]))
    return Climbed(
        images.reshape(size, num_images, *images.shape[1:]),
        pixels,
        jnp.concatenate(traces).T,
        jnp.stack(shots, 1) if shots else jnp.zeros((size, 0, *pixels.shape[1:]), pixels.dtype),
        None if carry[3] is None else _opaque(carry[3]),
    )


@one_program
def climb_on_devices(
    f: Callable, objective: Objective, priors: tuple[Prior, ...], *rest: Any, mesh: Any, **options: Any
) -> Climbed:
    """`climb` with `size` objectives on each device of a mesh, of which each runs what one device alone would run."""
    arrays, join = split((f, rest))
    batches, join_batches = split((objective, priors))

    def single(arrays: list[Array], batches: list[Array]) -> Climbed:
        f, rest = join(arrays)
        return climb(f, *join_batches(batches), *rest, **options)

    mapped = jax.shard_map(
        single,
        mesh=mesh,
        in_specs=(jax.P(), _specs(objective, priors, mesh)),
        out_specs=jax.P(mesh.axis_names),
        check_vma=False,
    )
    return mapped(arrays, batches)


def on_devices(objective: Objective, priors: tuple[Prior, ...], mesh: Any) -> tuple[Objective, tuple[Prior, ...]]:
    """The batches spread over the mesh, as `climb_on_devices` takes them."""
    arrays, join = split((objective, priors))
    specs = _specs(objective, priors, mesh)
    return join([jax.device_put(one, NamedSharding(mesh, spec)) for one, spec in zip(arrays, specs, strict=True)])


def _specs(objective: Objective, priors: tuple[Prior, ...], mesh: Any) -> list[Any]:
    axes = jax.tree.leaves((objective.axes(), tuple(prior.axes() for prior in priors)), is_leaf=lambda one: one is None)
    return [jax.P() if axis is None else jax.P(mesh.axis_names) for axis in axes]


def _opaque(seen: Float[Array, "b n h w"]) -> Float[Array, "b n h w"]:
    """From sums of gradients to shares: of the pixels that count at all the strongest fifth is opaque."""
    flat = seen.reshape(*seen.shape[:2], -1)
    # Not of all pixels: a unit's field may be a small part of the picture. NaN, where none counts, is not above 0.
    full = jnp.nanquantile(jnp.where(flat > 0, flat, jnp.nan), 0.8, axis=-1)[..., None, None]
    return jnp.clip(jnp.where(full > 0, seen / jnp.where(full > 0, full, 1), 0), 0, 1)


def reader(f: Callable, objective: Objective, rule: Rule) -> Callable[[Array], dict[str, Array]]:
    """From images to the activations that an objective looks at. With one layer, the rest of `f` is not computed."""
    layers = objective.layers
    part = tap(f, *layers) if objective.on_output or len(layers) > 1 else upto(f, *layers)
    # Also with the plain rule, for max-pools to go down through switches: the same gradient in less time.
    ruled = with_rule(part, rule, custom_vjp="keep")

    def read(images: Array) -> dict[str, Array]:
        found = ruled(images)
        if isinstance(found, tuple):
            outputs, activations = found
            return {OUTPUT: outputs, **activations}
        return dict.fromkeys(layers, jnp.asarray(found))

    return read


def to_range(f: Callable, normalize: Callable | None) -> Callable[[Array], Array]:
    """From pixels in [0, 1] to the range of `f`, which may know it."""
    return normalize or brought(f, "normalize") or (lambda pixels: pixels)

"""Gradient ascent on a picture: one compiled program for a network, a structure of objectives, and settings."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.core import Tracer
from jaxtyping import Array, Float, PRNGKeyArray

from jaxviz.attribution._check import check_count
from jaxviz.attribution._program import chunks, one_program
from jaxviz.maximize._objective import Layer, Objective
from jaxviz.maximize.augment import Augment, compose, jitter, pad, rotate, scale, view
from jaxviz.maximize.param import Param, Shape, fourier
from jaxviz.maximize.priors import Prior
from jaxviz.transforms import tap, upto, with_rule
from jaxviz.transforms._callable import callee
from jaxviz.transforms._interpret import trace
from jaxviz.transforms._match import search

ADAM = optax.adam(0.05)
"""Made once: an optimizer that is made anew is a program of its own."""
AUGMENT = compose(pad(16), jitter(16), scale([0.9, 0.95, 1.0, 1.05, 1.1]), rotate(range(-10, 11)), jitter(16))


class Result(NamedTuple):
    """What an ascent found, for `b` objectives of `n` images each, objective by objective.

    Attributes:
        images: in the network's own range.
        pixels: the same in [0, 1].
        trace: the objective before each step, as the network saw it then (augmented, without priors).
        snapshots: pixels after the steps that were asked for; 0 is the start.
    """

    images: Float[Array, "bn h w c"]
    pixels: Float[Array, "bn h w c"]
    trace: Float[Array, "b steps"]
    snapshots: Float[Array, "s bn h w c"]


def render(
    f: Callable,
    objective: Objective,
    *,
    key: PRNGKeyArray,
    shape: Shape | None = None,
    num_images: int = 1,
    param: Param | Callable[[Shape], Param] = fourier,
    augment: Augment | Sequence[Augment] = AUGMENT,
    priors: Prior | Sequence[Prior] = (),
    optimizer: optax.GradientTransformation = ADAM,
    num_steps: int = 256,
    snapshots: Sequence[int] = (),
    redirected_steps: int = 16,
    start: Float[Array, "..."] | None = None,
    normalize: Callable[[Float[Array, "n h w c"]], Float[Array, "n h w c"]] | None = None,
    batch_size: int | None = None,
) -> Result:
    """Images that an objective asks for, by gradient ascent."""
    plain = f
    f = callee(f)
    if normalize is None and f is not plain:
        normalize = getattr(plain, "normalize", None)
    if not isinstance(objective, Objective):
        raise TypeError(f"`objective` must be an Objective, got {type(objective).__name__}. Make one by logit(k).")
    made = param if isinstance(getattr(param, "shape", None), tuple) else param(_shape(plain, shape))
    augment = augment if callable(augment) else compose(*augment)
    priors = (priors,) if isinstance(priors, Prior) else tuple(priors)
    objective, priors = jax.tree.map(_as_array, (objective, priors))
    size = _batch(objective, priors)
    shots = tuple(int(step) for step in snapshots)
    first = _check(f, objective, normalize, made, augment, num_images, redirected_steps)
    options = {
        "normalize": normalize,
        "param": made,
        "augment": augment,
        "optimizer": optimizer,
        "num_steps": num_steps,
        "snapshots": shots,
        "redirected_steps": min(redirected_steps, num_steps) if first else 0,
        "num_images": num_images,
    }
    total = 1 if size is None else size
    count, each = chunks(total, total if batch_size is None else check_count(batch_size, "batch_size"))
    parts = []
    for number in range(count):
        # Filled up with the last one, whose copies are thrown away: all chunks run the same program.
        index = np.minimum(np.arange(number * each, (number + 1) * each), total - 1)
        chosen = objective.at(index), tuple(_take(prior, index) for prior in priors)
        part = _ascend(f, *chosen, key, start, size=each, **options)
        _check_finite(part.trace, index, num_steps)
        parts.append(part)
    return _joined(parts, total, num_images)


def _take(prior: Prior, index: np.ndarray) -> Prior:
    return Prior(prior.weight[index] if prior.weight.ndim else prior.weight, prior.penalty)


def _as_array(leaf: Any) -> Any:
    if isinstance(leaf, Tracer | jax.Array):
        return leaf
    array = np.asarray(leaf)
    return array.astype(np.int32 if np.issubdtype(array.dtype, np.integer) else np.float32)


def _batch(objective: Objective, priors: Sequence[Prior]) -> int | None:
    sizes = {objective.size} | {prior.weight.shape[0] for prior in priors if prior.weight.ndim} - {None}
    sizes.discard(None)
    if len(sizes) > 1:
        raise ValueError(
            f"`priors` must have one weight, or one per objective of the batch, got lengths {sorted(sizes)}."
        )
    return sizes.pop() if sizes else None


def _shape(f: Any, shape: Shape | None) -> Shape:
    found = getattr(f, "input_shape", None) if shape is None else shape
    if found is None:
        raise ValueError(
            "`shape` must be given for a function without `input_shape`, got None. It is the height, width and "
            "channels of an image."
        )
    return found


def _reader(f: Callable, objective: Objective, rule: str) -> Callable[[Array], dict[Layer, Array]]:
    """Images to the activations that the objective looks at; what no layer needs is not computed."""
    layers = objective.layers
    if objective.on_output or len(layers) > 1:
        whole = with_rule(tap(f, *layers), rule, custom_vjp="keep")

        def read(images: Array) -> dict[Layer, Array]:
            outputs, activations = whole(images)
            return {**activations, None: outputs}

        return read
    below = with_rule(upto(f, layers[0]), rule, custom_vjp="keep")
    return lambda images: {layers[0]: below(images)}


def _check(
    f: Callable,
    objective: Objective,
    normalize: Callable | None,
    param: Param,
    augment: Augment,
    num_images: int,
    redirected_steps: int,
) -> bool:
    """Whether there is a ReLU to redirect; raises for what does not fit together."""
    seen = jax.eval_shape(
        lambda pixels: _to_range(f, normalize)(view(augment, jax.random.key(0), pixels)),
        jax.ShapeDtypeStruct((num_images, *param.shape), jnp.float32),
    )
    activations = jax.eval_shape(_reader(f, objective, "gradient"), seen)
    for term in objective.terms:
        term.measure.check(activations[term.layer].shape, term.layer, *term.args)
    if not redirected_steps:
        return False
    found = search(trace(lambda f, seen: _reader(f, objective, "gradient")(seen), f, seen).body).found
    return any(match.windows is None for match in found.values())


def _to_range(f: Callable, normalize: Callable | None) -> Callable:
    return normalize or getattr(f, "normalize", lambda pixels: pixels)


@one_program
def _ascend(
    f: Callable,
    objective: Objective,
    priors: tuple[Prior, ...],
    key: PRNGKeyArray,
    start: Float[Array, "n h w c"] | None,
    *,
    size: int,
    normalize: Callable | None,
    param: Param,
    augment: Augment,
    optimizer: optax.GradientTransformation,
    num_steps: int,
    snapshots: tuple[int, ...],
    redirected_steps: int,
    num_images: int,
) -> Result:
    first, views = jax.random.split(key)
    if start is None:
        numbers = jax.vmap(param.init)(jax.random.split(first, num_images))
    else:
        numbers = jax.vmap(param.invert)(start)
    numbers = jax.tree.map(lambda array: jnp.broadcast_to(array, (size, *array.shape)), numbers)
    prior_axes = tuple(Prior(0 if prior.weight.ndim else None, prior.penalty) for prior in priors)

    def draw(numbers: Any) -> Float[Array, "b n h w c"]:
        return jax.vmap(jax.vmap(param.pixels))(numbers)

    def score(numbers: Any, step: Array, rule: str) -> tuple[Array, tuple[Array, Array]]:
        pixels = draw(numbers)
        flat = pixels.reshape(size * num_images, *pixels.shape[2:])
        seen = view(augment, jax.random.fold_in(views, step), flat)
        found = _reader(f, objective, rule)(_to_range(f, normalize)(seen))
        activations = {name: act.reshape(size, num_images, *act.shape[1:]) for name, act in found.items()}
        values = jax.vmap(lambda one, acts: one(acts), (objective.axes(), 0))(objective, activations)
        penalty = jnp.zeros(size)
        if priors:
            penalty = jax.vmap(lambda some, pixels: sum(prior(pixels) for prior in some), (prior_axes, 0))(
                priors, pixels
            )
        return (penalty - values).sum(), (values, pixels)

    def ascend(rule: str) -> Callable:
        def step(carry: tuple[Any, Any, Array], number: Array) -> tuple[tuple[Any, Any, Array], Array]:
            numbers, state, shots = carry
            slope, (values, pixels) = jax.grad(score, has_aux=True)(numbers, number, rule)
            for place, wanted in enumerate(snapshots):
                shots = shots.at[place].set(jnp.where(number == wanted, pixels, shots[place]))
            updates, state = jax.vmap(optimizer.update)(slope, state, numbers)
            return (optax.apply_updates(numbers, updates), state, shots), values

        return step

    shots = jnp.zeros((len(snapshots), size, num_images, *param.shape))
    carry = (numbers, jax.vmap(optimizer.init)(numbers), shots)
    carry, early = jax.lax.scan(ascend("redirected"), carry, jnp.arange(redirected_steps))
    carry, late = jax.lax.scan(ascend("gradient"), carry, jnp.arange(redirected_steps, num_steps))
    pixels = draw(carry[0])
    for place, wanted in enumerate(snapshots):
        if wanted == num_steps:
            carry = (*carry[:2], carry[2].at[place].set(pixels))
    pixels = jnp.clip(pixels, 0, 1).reshape(size * num_images, *param.shape)
    shots = jnp.clip(carry[2], 0, 1).reshape(len(snapshots), size * num_images, *param.shape)
    return Result(_to_range(f, normalize)(pixels), pixels, jnp.concatenate([early, late]).T, shots)


def _check_finite(trace: Array, index: np.ndarray, num_steps: int) -> None:
    if isinstance(trace, Tracer):
        return
    wrong = ~np.isfinite(np.asarray(trace))
    if wrong.any():
        step = int(wrong.any(0).argmax())
        number = int(index[wrong[:, step].argmax()])
        raise FloatingPointError(
            f"`objective` must stay finite, got {trace[wrong[:, step].argmax(), step]} at step {step} of {num_steps}"
            f" for objective {number}."
        )


def _joined(parts: Sequence[Result], total: int, num_images: int) -> Result:
    whole = Result(
        *(jnp.concatenate([getattr(part, name) for part in parts]) for name in ("images", "pixels", "trace")),
        jnp.concatenate([part.snapshots for part in parts], axis=1),
    )
    count = total * num_images
    return Result(whole.images[:count], whole.pixels[:count], whole.trace[:total], whole.snapshots[:, :count])

"""How much the features of an image change when it is moved, enlarged, turned, and whether its class is still seen."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float, Int

from jaxviz._core.batch import default_batch
from jaxviz._core.callables import as_pytree
from jaxviz._core.check import check_count, check_images, check_outputs
from jaxviz._core.chunks import map_chunks
from jaxviz._core.grown import mixed
from jaxviz._core.layers import check_layers, check_names
from jaxviz._core.meshes import replicated
from jaxviz._core.probability import Probability, check_probability, probabilities
from jaxviz._core.program import one_program
from jaxviz._core.target import Target, check_target, nan_where_invalid
from jaxviz.robustness._transformations import Transformation
from jaxviz.transforms import tap


class Invariance(NamedTuple):
    """What became of `n` images under each of some transformations, by `a` amounts.

    Attributes:
        amounts: by transformation, `(a,)`.
        distances: by transformation and layer, `(n, a)`: the Euclidean distance between the features of the changed and
            of the original image, divided by the norm of the original's. 0 is no change; 1 is as far as no features at
            all are. Infinite where only the original has none.
        norms: by layer, `(n,)`: the norms that were divided by.
        probabilities: by transformation, `(n, a)`: the probability of the target.
        areas: by transformation and layer, one number: the area under the curve of the distance, averaged over the
            images, by trapezoids over the amounts scaled to a range of one. So it is the mean distance.
        probability_areas: by transformation: the same of the probability.
    """

    amounts: dict[str, Float[Array, " a"]]
    distances: dict[str, dict[str, Float[Array, "n a"]]]
    norms: dict[str, Float[Array, " n"]]
    probabilities: dict[str, Float[Array, "n a"]]
    areas: dict[str, dict[str, Float[Array, ""]]]
    probability_areas: dict[str, Float[Array, ""]]


def invariance(
    f: Callable,
    images: Float[Array, "n h w c"],
    target: Target,
    layers: Sequence[str],
    transformations: Mapping[str, Transformation],
    *,
    batch_size: int | None = None,
    probability: Probability | None = None,
) -> Invariance:
    """The distance that the features of images move, layer by layer, when the images are transformed more and more.

    A flat curve is an invariant layer. Early layers jump at the smallest change; late ones follow it slowly.

    Example:
        >>> import jax.numpy as jnp
        >>> from jax.ad_checkpoint import checkpoint_name
        >>> f = lambda images: checkpoint_name(images, "maps").mean((1, 2))
        >>> contrast = Transformation(lambda image, amount: amount * image, jnp.array([0.0, 1.0]), 1.0)
        >>> found = invariance(f, jnp.ones((1, 2, 2, 3)), 0, ["maps"], {"contrast": contrast})
        >>> found.distances["contrast"]["maps"].round(3).tolist(), round(float(found.areas["contrast"]["maps"]), 3)
        ([[1.0, 0.0]], 0.5)

    Args:
        f: from images to logits `(n, k)`, each row depending on its own image alone.
        images: in the network's own range.
        target: the class whose probability is followed, one for all images or one per image.
        layers: names from `layers(f, images)`, for example a first, a middle and the top one.
        transformations: by name; see `robustness.standard_transformations`, `robustness.blur`, `robustness.brightness`.
        batch_size: how many transformed images go through `f` at a time: it bounds the memory, to which the layers of
            the originals are added. By default a number that suits the device.
        probability: how it is read from the outputs: `"softmax"` over classes, `"sigmoid"` for labels of which each
            stands for itself. By default a softmax, and a sigmoid for a head of one output.

    Returns:
        The curves. Cost: one forward pass for each image, transformation and amount, all in one compiled program.

    Raises:
        ValueError: no layer or an unknown one, no transformation, one of fewer than two amounts or whose amounts do not
            rise, one that changes the shape of an image, a target that does not exist, a `probability` that is none,
            or `f` takes no other number of images than was given.
        TypeError: `images` are no floating-point numbers, or `target` no integers.

    References:
        Zeiler and Fergus, [Visualizing and Understanding Convolutional Networks](https://arxiv.org/abs/1311.2901),
        2014, section 4.1 and figure 5. Differs from it in: the paper plots a "canonical distance" and does not say what
        it is divided by; `distances * norms` are the plain ones.
    """
    # Rows are looked up by number.
    f, images = as_pytree(f), replicated(check_images(images))
    names = check_names(layers)
    num_outputs = check_outputs(f, images)
    batch_size = check_count(default_batch(f, images) if batch_size is None else batch_size, "batch_size")
    check_layers(f, names, jax.ShapeDtypeStruct(images.shape, images.dtype))
    indices = check_target(target, images.shape[0], num_outputs)
    _check_transformations(transformations, images)
    chosen = tuple(transformations.values())
    norms, curves = _sweep(
        f,
        images,
        replicated(jnp.asarray(indices)),
        chosen,
        names=names,
        batch_size=batch_size,
        probability=check_probability(probability, num_outputs),
    )
    curves = [nan_where_invalid(curve, indices, num_outputs) for curve in curves]
    amounts = {name: jnp.asarray(transformation.amounts) for name, transformation in transformations.items()}
    areas = {name: _area(curve, amounts[name]) for name, curve in zip(amounts, curves, strict=True)}
    return Invariance(
        amounts,
        {
            name: {layer: curve[..., number] for number, layer in enumerate(names)}
            for name, curve in zip(amounts, curves, strict=True)
        },
        {layer: norms[:, number] for number, layer in enumerate(names)},
        {name: curve[..., -1] for name, curve in zip(amounts, curves, strict=True)},
        {name: {layer: area[number] for number, layer in enumerate(names)} for name, area in areas.items()},
        {name: area[-1] for name, area in areas.items()},
    )


@one_program
def _sweep(
    f: Callable,
    images: Float[Array, "n h w c"],
    indices: Int[Array, " n"],
    transformations: tuple[Transformation, ...],
    *,
    names: tuple[str, ...],
    batch_size: int,
    probability: Probability,
) -> tuple[Float[Array, "n l"], list[Float[Array, "n a l1"]]]:
    """Norms by layer, and for each transformation the distances by layer and, last, the probabilities."""
    num_images, tapped = images.shape[0], tap(mixed(f, images.shape[0]), *names)
    totals = [num_images * len(transformation.amounts) for transformation in transformations]
    size = min(batch_size, max(totals))

    def features(chunk: Float[Array, "s h w c"]) -> tuple[Array, list[Array]]:
        outputs, found = tapped(chunk)
        return outputs, [found[name].reshape(len(chunk), -1).astype(jnp.float32) for name in names]

    originals = _by_layer(lambda chunk: features(chunk)[1], images, size)
    norms = jnp.stack([jnp.linalg.norm(original, axis=1) for original in originals], 1)
    changes = [
        lambda chunk, amounts, function=transformation.function: jax.vmap(function)(chunk, amounts)
        for transformation in transformations
    ]

    def step(inputs: tuple[Array, Array, Array]) -> Float[Array, "1 s l1"]:
        kind, who, amounts = (value[0] for value in inputs)
        # One network for all transformations: a program for each would take as many times as long to compile.
        outputs, found = features(jax.lax.switch(kind, changes, images[who], amounts))
        moved = [jnp.linalg.norm(new - old[who], axis=1) for new, old in zip(found, originals, strict=True)]
        seen = probabilities(outputs.astype(jnp.float32), probability)[jnp.arange(size), indices[who]]
        return jnp.stack([*(_ratio(*pair) for pair in zip(moved, norms[who].T, strict=True)), seen], 1)[None]

    chunks = [
        (kind, who, jnp.asarray(transformation.amounts)[which])
        for transformation, (kind, who, which) in zip(
            transformations, _chunks(transformations, num_images, size), strict=True
        )
    ]
    kinds, who, amounts = (jnp.concatenate(part) for part in zip(*chunks, strict=True))
    out = map_chunks(step, (kinds, who, amounts), 1)
    ends = np.cumsum([len(kind) for kind, _, _ in chunks])[:-1].tolist()
    curves = [
        part.reshape(-1, len(names) + 1)[:total] for part, total in zip(jnp.split(out, ends), totals, strict=True)
    ]
    return norms, [curve.reshape(num_images, -1, len(names) + 1) for curve in curves]


def _by_layer(features: Callable, images: Array, size: int) -> list[Array]:
    """The features of all images, side by side where a loop hands over one array, apart again at the end."""
    lengths = [found.shape[1] for found in jax.eval_shape(features, images)]
    together = map_chunks(lambda chunk: jnp.concatenate(features(chunk), 1), images, size)
    return jnp.split(together, np.cumsum(lengths)[:-1].tolist(), axis=1)


def _chunks(
    transformations: tuple[Transformation, ...], num_images: int, size: int
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """For each transformation its number by chunk, and whose and which amount; filled up with copies of the last."""
    for number, transformation in enumerate(transformations):
        num_amounts = len(transformation.amounts)
        total = num_amounts * num_images
        count = math.ceil(total / size)
        entry = np.minimum(np.arange(count * size), total - 1).reshape(count, size)
        yield np.full(count, number), entry // num_amounts, entry % num_amounts


def _ratio(moved: Float[Array, " s"], norm: Float[Array, " s"]) -> Float[Array, " s"]:
    none = norm == 0
    return jnp.where(none, jnp.where(moved == 0, 0, jnp.inf), moved / jnp.where(none, 1, norm))


def _area(curves: Float[Array, "n a l"], amounts: Float[Array, " a"]) -> Float[Array, " l"]:
    scaled = (amounts - amounts[0]) / (amounts[-1] - amounts[0])
    return jnp.trapezoid(curves, scaled, axis=1).mean(0)


def _check_transformations(transformations: Mapping[str, Transformation], images: Array) -> None:
    if not transformations:
        raise ValueError("`transformations` must hold at least one, got none. See robustness.standard_transformations.")
    for name, transformation in transformations.items():
        amounts = transformation.amounts
        if np.ndim(amounts) != 1 or len(amounts) < 2:
            raise ValueError(
                f"`amounts` of {name!r} must be two or more numbers, got shape {np.shape(amounts)}. A curve needs them."
            )
        if not isinstance(amounts, Tracer) and not (np.diff(np.asarray(amounts)) > 0).all():
            raise ValueError(f"`amounts` of {name!r} must rise, got {np.asarray(amounts).tolist()}. Sort them.")
        made = jax.eval_shape(transformation.function, images[0], jnp.asarray(amounts)[0])
        if (made.shape, made.dtype) != (images.shape[1:], images.dtype):
            raise ValueError(
                f"`function` of {name!r} must keep the image {images.shape[1:]} of {images.dtype}, got {made.shape} of "
                f"{made.dtype}. Cut, fill or cast it."
            )

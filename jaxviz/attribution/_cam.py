"""Class activation maps: where in a layer the evidence for one output lies.

All weigh the maps of one layer by the gradient of the output with respect to them, and differ in the weights.
Cost: one forward pass, and one backward pass down to the layer; what lies below it is computed once and never
differentiated. The deeper the layer, the coarser the map and the more it is about the class. Use `guided_grad_cam` for
detail, `score_cam` where gradients are not to be trusted.
"""

from collections.abc import Callable

import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxviz._core.callables import as_pytree
from jaxviz._core.check import check_images, check_layer
from jaxviz._core.map_layout import MapLayout, map_layout
from jaxviz._core.precision import at_least_single
from jaxviz._core.program import one_program
from jaxviz._core.target import Indices, Target, check_target, nan_where_invalid
from jaxviz.attribution._gradients import gradient_of_scores
from jaxviz.transforms import after, upto, with_rule

Maps = Float[Array, "n h2 w2 c2"]
Combine = Callable[[Maps, Maps], Float[Array, "n h2 w2"]]


def grad_cam(
    f: Callable,
    images: Float[Array, "n h w c"],
    target: Target,
    layer: str,
    *,
    channel_axis: int | None = None,
    grid: tuple[int, int] | None = None,
) -> Float[Array, "n h2 w2"]:
    """Grad-CAM: a layer's maps, each weighed by the mean of its gradient, summed, the negative cut off.

    An entry says how much that place of the layer speaks for the output; zero is "not at all" or "against".

    Example:
        >>> import jax.numpy as jnp
        >>> from jax.ad_checkpoint import checkpoint_name
        >>> f = lambda images: 2 * checkpoint_name(images, "maps").mean((1, 2))
        >>> grad_cam(f, jnp.array([-1.0, 4.0]).reshape(1, 1, 2, 1), target=0, layer="maps").ravel().tolist()
        [0.0, 4.0]

    Args:
        f: from images to outputs `(n, k)`, as for `saliency`.
        images: in the network's own range.
        target: the output that is explained, one for all images or one per image. A traced one that does not exist
            gives NaN.
        layer: a name from `layers(f, images)`, of maps `(n, rows, cols, channels)` or as the options say; as a rule the
            last of them. Of a transformer whose head reads the class token alone, not its last output: there no other
            token has a gradient. Take what goes into the last block, such as its first norm.
        channel_axis: the axis of the layer's channels where they are not last: 1 for maps `(n, channels, rows, cols)`.
            By default what `f.channel_axis` says, an attribute that adapters give to functions.
        grid: rows and columns of a layer of tokens `(n, tokens, channels)`, such as that of a vision transformer: the
            last `rows * cols` tokens, row by row. What stands before them, a class token or registers, has no place.

    Returns:
        One map per image, of the rows and columns of the layer: not upsampled, not scaled, not negative.

    Raises:
        ValueError: the layer does not exist, does not depend on the images, or is not of maps: its rows and columns are
            those of the images only where they descend from them, and have to stand where the options say. Or as for
            `saliency`.
        NotImplementedError: the layer lies where `f` cannot be cut, as for `upto`.
        TypeError: as for `saliency`.

    References:
        Selvaraju et al., [Grad-CAM](https://arxiv.org/abs/1610.02391), 2017, section 3, equations 1 and 2.
    """
    return _explain(f, images, target, layer, map_layout(f, channel_axis, grid), weigh_by_mean)


def grad_cam_pp(
    f: Callable,
    images: Float[Array, "n h w c"],
    target: Target,
    layer: str,
    *,
    channel_axis: int | None = None,
    grid: tuple[int, int] | None = None,
) -> Float[Array, "n h2 w2"]:
    """Grad-CAM++: as Grad-CAM, but places where the gradient is positive count, each by how much it adds on its own.

    An entry reads as in `grad_cam`. Several objects of the class stand out more evenly.

    Example:
        >>> import jax.numpy as jnp
        >>> from jax.ad_checkpoint import checkpoint_name
        >>> f = lambda images: checkpoint_name(images, "maps").sum((1, 2))
        >>> grad_cam_pp(f, jnp.array([0.0, 2.0]).reshape(1, 1, 2, 1), target=0, layer="maps").ravel().tolist()
        [0.0, 1.0]

    Args:
        f: from images to outputs `(n, k)`, as for `saliency`.
        images: in the network's own range.
        target: the output that is explained, one for all images or one per image.
        layer: as for `grad_cam`; its activations should not be negative (take it behind a ReLU). Below zero they make
            the divisor of equation 19 smaller, and the weights large.
        channel_axis: as for `grad_cam`.
        grid: as for `grad_cam`.

    Returns:
        One map per image, of the rows and columns of the layer: not upsampled, not scaled, not negative. A dead map
        adds nothing. NaN for an image whose negative activations make that divisor zero or negative at a place that
        counts: the weights are not defined there.

    Raises:
        ValueError: as for `grad_cam`.
        NotImplementedError: as for `grad_cam`.
        TypeError: as for `saliency`.

    References:
        Chattopadhyay et al., [Grad-CAM++](https://arxiv.org/abs/1710.11063), 2018, section 3, equations 5, 10 and 19.
        Differs from it in: the score is the output `S` itself. The paper's is `exp(S)`, whose derivatives are `exp(S)`
        times powers of the gradient: it cancels in the pixel weights and scales the map as a whole, or overflows.
    """
    return _explain(f, images, target, layer, map_layout(f, channel_axis, grid), _grad_cam_pp)


def layer_cam(
    f: Callable,
    images: Float[Array, "n h w c"],
    target: Target,
    layer: str,
    *,
    channel_axis: int | None = None,
    grid: tuple[int, int] | None = None,
) -> Float[Array, "n h2 w2"]:
    """LayerCAM: a layer's maps, each place weighed by its own positive gradient, summed, the negative cut off.

    An entry reads as in `grad_cam`. As the weights are not averaged over the map it also serves early layers, where it
    shows finer detail.

    Example:
        >>> import jax.numpy as jnp
        >>> from jax.ad_checkpoint import checkpoint_name
        >>> f = lambda images: jnp.einsum("nhwc,w->nc", checkpoint_name(images, "maps"), jnp.array([3.0, -1.0]))
        >>> layer_cam(f, jnp.full((1, 1, 2, 1), 2.0), target=0, layer="maps").ravel().tolist()
        [6.0, 0.0]

    Args:
        f: from images to outputs `(n, k)`, as for `saliency`.
        images: in the network's own range.
        target: the output that is explained, one for all images or one per image.
        layer: as for `grad_cam`, at any depth.
        channel_axis: as for `grad_cam`.
        grid: as for `grad_cam`.

    Returns:
        One map per image, of the rows and columns of the layer: not upsampled, not scaled, not negative.

    Raises:
        ValueError: as for `grad_cam`.
        NotImplementedError: as for `grad_cam`.
        TypeError: as for `saliency`.

    References:
        Jiang et al., [LayerCAM](https://doi.org/10.1109/TIP.2021.3089943), 2021, section III-B, equations 6 to 8.
        Differs from it in: maps of shallow layers are not scaled by tanh, which the paper does before it joins layers.
    """
    return _explain(f, images, target, layer, map_layout(f, channel_axis, grid), _layer_cam)


def hires_cam(
    f: Callable,
    images: Float[Array, "n h w c"],
    target: Target,
    layer: str,
    *,
    channel_axis: int | None = None,
    grid: tuple[int, int] | None = None,
) -> Float[Array, "n h2 w2"]:
    """HiResCAM: a layer's maps times their gradient, summed over the channels; signed.

    An entry is how much that place of the layer adds to the output, to first order. Where what follows the layer is
    linear (a mean over the places or a flattening, then a dense layer), the entries add up to the output less its bias,
    which those of Grad-CAM do for the mean alone.

    Example:
        >>> import jax.numpy as jnp
        >>> from jax.ad_checkpoint import checkpoint_name
        >>> f = lambda images: jnp.einsum("nhwc,w->nc", checkpoint_name(images, "maps"), jnp.array([3.0, -1.0]))
        >>> hires_cam(f, jnp.full((1, 1, 2, 1), 2.0), target=0, layer="maps").ravel().tolist()
        [6.0, -2.0]

    Args:
        f: from images to outputs `(n, k)`, as for `saliency`.
        images: in the network's own range.
        target: the output that is explained, one for all images or one per image.
        layer: as for `grad_cam`.
        channel_axis: as for `grad_cam`.
        grid: as for `grad_cam`.

    Returns:
        One map per image, of the rows and columns of the layer: not upsampled, not scaled, signed.

    Raises:
        ValueError: as for `grad_cam`.
        NotImplementedError: as for `grad_cam`.
        TypeError: as for `saliency`.

    References:
        Draelos and Carin, [Use HiResCAM instead of Grad-CAM](https://arxiv.org/abs/2011.08891), 2020, section 3.3.
    """
    return _explain(f, images, target, layer, map_layout(f, channel_axis, grid), _hires_cam, signed=True)


def xgrad_cam(
    f: Callable,
    images: Float[Array, "n h w c"],
    target: Target,
    layer: str,
    *,
    channel_axis: int | None = None,
    grid: tuple[int, int] | None = None,
) -> Float[Array, "n h2 w2"]:
    """XGrad-CAM: as Grad-CAM, with the mean of a map's gradient weighed by the map itself.

    An entry reads as in `grad_cam`. With these weights the map adds up, as well as a weight for each channel can, to
    what the layer is worth to the output.

    Example:
        >>> import jax.numpy as jnp
        >>> from jax.ad_checkpoint import checkpoint_name
        >>> f = lambda images: jnp.einsum("nhwc,w->nc", checkpoint_name(images, "maps"), jnp.array([3.0, -1.0]))
        >>> xgrad_cam(f, jnp.array([1.0, 3.0]).reshape(1, 1, 2, 1), target=0, layer="maps").ravel().tolist()
        [0.0, 0.0]
        >>> xgrad_cam(f, jnp.array([3.0, 1.0]).reshape(1, 1, 2, 1), target=0, layer="maps").ravel().tolist()
        [6.0, 2.0]

    Args:
        f: from images to outputs `(n, k)`, as for `saliency`.
        images: in the network's own range.
        target: the output that is explained, one for all images or one per image.
        layer: as for `grad_cam`; its activations should not be negative (take it behind a ReLU), since those of a map
            are divided by their sum. A map whose sum is zero gets no weight.
        channel_axis: as for `grad_cam`.
        grid: as for `grad_cam`.

    Returns:
        One map per image, of the rows and columns of the layer: not upsampled, not scaled, not negative.

    Raises:
        ValueError: as for `grad_cam`.
        NotImplementedError: as for `grad_cam`.
        TypeError: as for `saliency`.

    References:
        Fu et al., [Axiom-based Grad-CAM](https://arxiv.org/abs/2008.02312), 2020, section 3.3, equation 8.
    """
    return _explain(f, images, target, layer, map_layout(f, channel_axis, grid), _xgrad_cam)


def weigh_by_mean(maps: Maps, gradients: Maps) -> Float[Array, "n h2 w2"]:
    """Grad-CAM's sum of a layer's maps."""
    return sum_of_maps(maps, at_least_single(gradients).mean((1, 2)))


def _grad_cam_pp(maps: Maps, gradients: Maps) -> Float[Array, "n h2 w2"]:
    # Equation 19 is g**2 / (2 g**2 + sum(A) g**3); divided by g**2 it cannot become 0 / 0.
    gradients = at_least_single(gradients)
    divisors = 2 + gradients * at_least_single(maps).sum((1, 2), keepdims=True)
    # A gradient that is not positive does not count, nor does its divisor; one that is NaN does.
    counts = ~(gradients <= 0)
    weights = jnp.where(counts, gradients / jnp.where(counts, divisors, 1), 0).sum((1, 2))
    undefined = (counts & (divisors <= 0)).any((1, 2, 3))
    return jnp.where(undefined[:, None, None], jnp.nan, sum_of_maps(maps, weights))


def _layer_cam(maps: Maps, gradients: Maps) -> Float[Array, "n h2 w2"]:
    return (jnp.maximum(at_least_single(gradients), 0) * maps).sum(-1).astype(maps.dtype)


def _hires_cam(maps: Maps, gradients: Maps) -> Float[Array, "n h2 w2"]:
    return (at_least_single(gradients) * maps).sum(-1).astype(maps.dtype)


def _xgrad_cam(maps: Maps, gradients: Maps) -> Float[Array, "n h2 w2"]:
    single = at_least_single(maps)
    sums = single.sum((1, 2))
    weighed = (single * gradients).sum((1, 2))
    return sum_of_maps(maps, jnp.where(sums == 0, 0, weighed / jnp.where(sums == 0, 1, sums)))


def sum_of_maps(maps: Maps, weights: Float[Array, "n c2"]) -> Float[Array, "n h2 w2"]:
    """A layer's maps, each weighed, in the layer's own precision."""
    return jnp.einsum("nhwc,nc->nhw", at_least_single(maps), weights).astype(maps.dtype)


def _explain(
    f: Callable,
    images: Float[Array, "n h w c"],
    target: Target,
    layer: str,
    layout: MapLayout,
    combine: Combine,
    *,
    signed: bool = False,
) -> Float[Array, "n h2 w2"]:
    f, images = as_pytree(f), check_images(images)
    num_outputs, _ = check_layer(f, images, layer, layout)
    indices = check_target(target, images.shape[0], num_outputs)
    options = {"layer": layer, "layout": layout, "combine": combine, "num_outputs": num_outputs, "signed": signed}
    return _weighed(f, images, indices, **options)


@one_program
def _weighed(
    f: Callable,
    images: Float[Array, "n h w c"],
    indices: Indices,
    *,
    layer: str,
    layout: MapLayout,
    combine: Combine,
    num_outputs: int,
    signed: bool,
) -> Float[Array, "n h2 w2"]:
    return class_activation_map(f, images, indices, layer, layout, combine, num_outputs, signed)


def class_activation_map(
    f: Callable,
    images: Float[Array, "n h w c"],
    indices: Indices,
    layer: str,
    layout: MapLayout,
    combine: Combine,
    num_outputs: int,
    signed: bool = False,
) -> Float[Array, "n h2 w2"]:
    """What `combine` makes of a layer's maps and gradients, of arguments that have been checked."""
    activation = upto(f, layer)(images)
    # The rule leaves the gradient as it is; its max-pools are faster.
    rest = with_rule(after(f, layer), "gradient")
    gradients = gradient_of_scores(rest, activation, indices, images)
    combined = combine(layout.maps(activation), layout.maps(gradients))
    return nan_where_invalid(combined if signed else jnp.maximum(combined, 0), indices, num_outputs)

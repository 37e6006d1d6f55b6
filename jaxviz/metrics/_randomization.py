"""A network with some of its layers made worthless: a map that shows what it has learned must change with it.

The layers are randomized from the top down, one more at a time, and a method's map of each such network is compared
with that of the network itself. A method whose maps stay as they are shows the image, not what was learned of it.
"""

import difflib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, PRNGKeyArray, Shaped

from jaxviz._core.callables import as_pytree
from jaxviz._core.jaxpr.interpret import is_array

_F = TypeVar("_F", bound=Callable)
Group = str | Sequence[str]


def permuted(key: PRNGKeyArray, leaf: Shaped[Array, "..."]) -> Shaped[Array, "..."]:
    """The entries of a parameter, shuffled: the same numbers, and nothing of what they meant.

    Example:
        >>> sorted(permuted(jax.random.key(0), jax.numpy.arange(4)).tolist())
        [0, 1, 2, 3]
    """
    return jax.random.permutation(key, leaf.ravel()).reshape(leaf.shape)


def redrawn(key: PRNGKeyArray, leaf: Shaped[Array, "..."]) -> Shaped[Array, "..."]:
    """A kernel as before training: normal, of mean 0, its variance 2 over the number of inputs (the axes but the last).

    What has one axis, biases and scales, is shuffled: a variance of a batch norm stays positive.

    Example:
        >>> kernel = redrawn(jax.random.key(0), jax.numpy.zeros((3, 3, 64, 128)))
        >>> abs(float(kernel.std()) - (2 / (3 * 3 * 64)) ** 0.5) < 0.001
        True

    References:
        He et al., [Delving Deep into Rectifiers](https://arxiv.org/abs/1502.01852), 2015, section 2.2.
    """
    if leaf.ndim < 2:
        return permuted(key, leaf)
    return jax.nn.initializers.he_normal()(key, leaf.shape, leaf.dtype)


def randomized(
    f: _F, groups: Group, *, key: PRNGKeyArray, draw: Callable[[PRNGKeyArray, Array], Array] = permuted
) -> _F:
    """The network with the parameters of some layers replaced.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> f = jax.tree_util.Partial(lambda p, x: x @ p["low"] @ p["top"], {"low": jnp.eye(3), "top": jnp.eye(3)})
        >>> changed = randomized(f, "top", key=jax.random.key(0))
        >>> [bool((changed.args[0][name] == jnp.eye(3)).all()) for name in ("low", "top")]
        [True, False]

    Args:
        f: a callable pytree whose leaves are its parameters: a `models.Network`, an Equinox module, a `Partial`.
        groups: one name, or several. A name is a part of a parameter's path: `fire9`, `fire9/expand1x1`, `layers/0`.
        key: for the draws. A parameter gets the same values whatever else is randomized.
        draw: from a key and a parameter to another of its shape. Shuffling keeps its mean, spread and outliers without
            knowledge of how it was initialized, and variances of batch norms stay positive. But the kernels of a
            trained network have a mean below zero, which a rule that keeps positive signals alone may not survive:
            then take `redrawn`, as the paper does.

    Returns:
        A network of the same structure, so a compiled program takes it too.

    Raises:
        ValueError: a name is in no path; says which there are.
        TypeError: `f` has no parameters as leaves.

    References:
        Adebayo et al., [Sanity Checks for Saliency Maps](https://arxiv.org/abs/1810.03292), 2018, section 3. Differs
        from it in: by default weights are shuffled, where the paper draws them from the initializers.
    """
    found, tree = jax.tree_util.tree_flatten_with_path(as_pytree(f))
    if not any(is_array(leaf) for _, leaf in found):
        raise TypeError(
            "`f` must be a callable pytree whose leaves are parameters, got none. Wrap it: Partial(f, params)."
        )
    names = (groups,) if isinstance(groups, str) else tuple(groups)
    paths = [f"/{jax.tree_util.keystr(path, simple=True, separator='/')}/" for path, _ in found]
    for name in names:
        if not any(f"/{name}/" in path for path in paths):
            raise ValueError(_unknown(name, paths))

    def replace(number: int, leaf: Any) -> Any:
        if not is_array(leaf) or not any(f"/{name}/" in paths[number] for name in names):
            return leaf
        return draw(jax.random.fold_in(key, number), jnp.asarray(leaf))

    return jax.tree.unflatten(tree, [replace(number, leaf) for number, (_, leaf) in enumerate(found)])


def cascade(
    f: _F,
    order: Sequence[Group],
    *,
    key: PRNGKeyArray,
    draw: Callable[[PRNGKeyArray, Array], Array] = permuted,
) -> Iterator[_F]:
    """The network with the first group of layers randomized, then with the first two, and so on.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> f = jax.tree_util.Partial(lambda p, x: x @ p["low"] @ p["top"], {"low": jnp.eye(3), "top": jnp.eye(3)})
        >>> for changed in cascade(f, ["top", "low"], key=jax.random.key(0)):
        ...     print([bool((changed.args[0][name] == jnp.eye(3)).all()) for name in ("low", "top")])
        [True, False]
        [False, False]

    Args:
        f: as for `randomized`, and so are the others.
        order: from the top layer down; an entry is one name or several that go together.
        key: for the draws. What is randomized stays as it is in the networks that follow.
        draw: from a key and a parameter to another of its shape.

    Returns:
        As many networks as `order` has entries, one at a time.

    Raises:
        ValueError: as for `randomized`.
        TypeError: as for `randomized`.
    """
    names: list[str] = []
    for group in order:
        names += [group] if isinstance(group, str) else group
        yield randomized(f, tuple(names), key=key, draw=draw)


def _unknown(name: str, paths: list[str]) -> str:
    parts = list(dict.fromkeys(part for path in paths for part in path.strip("/").split("/")))
    close = difflib.get_close_matches(name, parts, 1)
    hint = f"Did you mean {close[0]!r}?" if close else "Give a part of a path."
    return f"`groups` must be parts of the parameters' paths, which have {', '.join(parts)}, got {name!r}. {hint}"

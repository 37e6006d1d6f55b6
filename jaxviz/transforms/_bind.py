"""A function of many arguments as the function of its input that every transform and every method takes."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import jax

from jaxviz._core.callables import as_pytree
from jaxviz._core.jaxpr.interpret import is_array
from jaxviz._core.jaxpr.per_example import is_per_example
from jaxviz._core.outputs import described, entry

Select = str | int | Callable[[Any], Any] | tuple[str | int, ...]


def bind(f: Callable, *args: Any, select: Select | None = None, **kwargs: Any) -> Callable:
    """`input -> f(*args, input, **kwargs)`: all arguments of a function but the one that is explained.

    The arrays among the arguments are leaves of what is returned, so they cross `jit` as arguments, and two that
    differ in these alone share one compiled program; all else (`train=False`, a name) is a static part of it. `...`
    says where the input goes if not behind the others:

    | the model | what to write |
    | --- | --- |
    | Linen | `bind(model.apply, variables, train=False)` |
    | Haiku | `bind(network.apply, params, state, None, is_training=False, select=0)` |
    | `f(images, params)` | `bind(f, ..., params)` |
    | an input by its name | `bind(model, pixel_values=..., params=params, select="logits")` |
    | several inputs | `bind(f, params, ..., ...)`, a function of a pair; by names, of a dictionary |
    | a mask for each image | `bind(f, params, ..., per_example(mask))` |
    | one of several outputs | `bind(f, select="logits")`, `select=0`, `select=("boxes", 0)` |
    | a segmentation head `(n, h, w, k)` | `bind(f, select=lambda out: out.mean((1, 2)))`, or `out[:, row, col]` |
    | a detection head | `bind(f, select=lambda out: out["scores"].max(1))`, of `(n, boxes, k)` |

    Example:
        >>> import jax.numpy as jnp, jaxviz as jv
        >>> f = lambda params, images, train: {"logits": images.sum((1, 2)) @ params, "train": train}
        >>> network = jv.bind(f, jnp.ones((3, 2)), train=False, select="logits")
        >>> network(jnp.ones((1, 4, 4, 3))).tolist(), jv.saliency(network, jnp.ones((1, 4, 4, 3)), 0).shape
        ([[48.0, 48.0]], (1, 4, 4, 3))

    Args:
        f: any JAX function or callable pytree.
        args: its arguments by position, trees of arrays and of static values, `...` where the input goes. Without a
            `...` the input comes behind them.
        select: what of the output counts: a key, attribute or index, several of them one after the other, or a
            function of the output. By default all of it. A function of its own for each call is compiled for each.
        kwargs: its arguments by name, one of them may be `...`.

    Returns:
        The function, a pytree; further arguments of a call go on to `f`.

    Raises:
        TypeError: `f` cannot be called, or an argument is neither an array nor can be hashed.
        ValueError: `...` stands both among `args` and among `kwargs`. On the call, where `select` names nothing, or
            there is another number of rows than of examples.
    """
    if any(value is ... for value in args) and any(value is ... for value in kwargs.values()):
        raise ValueError(
            "`...` must stand for inputs by position or by name, got both. Wrap `f` in a function of the input."
        )
    held_args, held_kwargs = jax.tree.map(_held, (args, kwargs))
    return Bound(as_pytree(f), held_args, held_kwargs, select)


@functools.partial(jax.tree_util.register_dataclass, data_fields=["f", "args", "kwargs"], meta_fields=["select"])
@dataclasses.dataclass(frozen=True, eq=False)  # compared and hashed by identity, as functions are
class Bound:
    """A function of its input alone; made by `bind`."""

    f: Callable
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    select: Select | None

    def __call__(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """What is selected of the outputs of `f`."""
        given, named = _released((self.args, self.kwargs), inputs)
        places = [place for place, value in enumerate(given) if value is ...]
        names = [name for name, value in named.items() if value is ...]
        if names:
            named |= _several(inputs, names, dict)
        elif not places:
            given = (*given, inputs)
        else:
            filled = _several(inputs, places, tuple)
            given = tuple(filled.get(place, value) for place, value in enumerate(given))
        outputs = self.f(*given, *args, **{**named, **kwargs})
        return outputs if self.select is None else _selected(outputs, self.select)


@jax.tree_util.register_static
@dataclasses.dataclass(frozen=True)
class Static:
    """A value that is no array, as a tree without leaves; numbers of different types are not the same."""

    value: Any
    kind: type


def _held(leaf: Any) -> Any:
    if is_array(leaf):
        return leaf
    try:
        hash(leaf)
    except TypeError as error:
        raise TypeError(
            f"`args` must be arrays, or values that can be hashed, got {type(leaf).__name__}. Close over it: "
            "bind(lambda inputs: f(inputs, value))."
        ) from error
    return Static(leaf, type(leaf))


def _released(held: Any, inputs: Any) -> Any:
    """The arguments as `f` takes them."""

    def release(node: Any) -> Any:
        if isinstance(node, Static):
            return node.value
        if not is_per_example(node):
            return node
        _check_rows(node.value, inputs)
        return jax.tree.map(release, node.value, is_leaf=_is_held)

    return jax.tree.map(release, held, is_leaf=_is_held)


def _is_held(node: Any) -> bool:
    return isinstance(node, Static) or is_per_example(node)


def _check_rows(rows: Any, inputs: Any) -> None:
    given = [jax.numpy.shape(leaf)[:1] for leaf in jax.tree.leaves(inputs)]
    found = [jax.numpy.shape(leaf)[:1] for leaf in jax.tree.leaves(rows)]
    if given and any(number != given[0] for number in found):
        raise ValueError(
            f"`per_example` must have one row for each example, got {found[0][0]} for {given[0][0]} examples. Give as "
            "many: a method that repeats examples or reads others of its own takes none."
        )


def _several(inputs: Any, places: list[Any], kind: type) -> dict[Any, Any]:
    """The inputs by the places that they go to."""
    if len(places) == 1:
        return {places[0]: inputs}
    fits = isinstance(inputs, kind) and len(inputs) == len(places) and (kind is tuple or set(inputs) == set(places))
    if not fits:
        form = f"a dictionary of {', '.join(map(repr, places))}" if kind is dict else f"a tuple of {len(places)}"
        raise ValueError(f"`inputs` must be {form}, one for each `...`, got {described(inputs)}.")
    return dict(inputs) if kind is dict else dict(zip(places, inputs, strict=True))


def _selected(outputs: Any, select: Select) -> Any:
    if callable(select):
        return select(outputs)
    for step in select if isinstance(select, tuple) else (select,):
        outputs = entry(outputs, step)
    return outputs

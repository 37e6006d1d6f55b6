"""Layer names and batches for an unedited Equinox model, which takes one image with its channels first.

`name_layers` turns such a model into a callable pytree from images `(n, rows, cols, channels)`: it is mapped over the
batch, its submodules' outputs carry their attribute paths (`blocks/0/downsample/conv`), and maps among them are seen
with their channels last, so that every method of jaxviz reads them as they are. Their values stay what they are.
"""

import dataclasses
import functools
import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.ad_checkpoint import checkpoint_name
from jaxtyping import Array

from jaxviz._core.jaxpr.axes import BATCH, COLS, ROWS, Axis
from jaxviz._core.jaxpr.descent import Descent
from jaxviz._core.jaxpr.interpret import Program, trace
from jaxviz._core.jaxpr.names import find_layers
from jaxviz._core.jaxpr.primitives import Body, bodies, jaxpr_of, layer_name
from jaxviz._core.jaxpr.rewrite import Operation, rewritten

_PATH = "_jaxviz_path"


def name_layers(model: eqx.Module, state: eqx.nn.State | None = None, *, layout: str = "chw") -> Callable:
    """A callable pytree from images `(n, rows, cols, channels)` that computes `model` of each, its layers named.

    What leaves a submodule is a layer under the submodule's attribute path. Maps are seen as
    `(n, rows, cols, channels)` whatever their order in the model is, everything else with the batch first.

    The model is not changed, and computes as at inference, as under `equinox.nn.inference_mode`: dropout passes on what
    it gets, batch norm takes the statistics of `state`. A `key` that it requires is given to it; what it draws is
    refused. Further arguments of a call go to the model as they are, the same for every image.

    Example:
        >>> import equinox as eqx, jax, jax.numpy as jnp, jaxviz as jv
        >>> conv = eqx.nn.Conv2d(3, 8, 3, padding=1, key=jax.random.key(0))
        >>> model = eqx.nn.Sequential([conv, eqx.nn.Lambda(jax.nn.relu), eqx.nn.AdaptiveAvgPool2d(1)])
        >>> {name: layer.shape for name, layer in jv.layers(name_layers(model), jnp.ones((2, 5, 6, 3))).items()}
        {'layers/0': (2, 5, 6, 8), 'layers/1': (2, 5, 6, 8), 'layers/2': (2, 1, 1, 8)}

    Args:
        model: an Equinox module that can be called.
        state: what `equinox.nn.make_with_state` gives beside a model that has batch norm, or another state. It goes to
            the model's parameter `state`, or as the second argument where none is called so. A new state that the
            model returns is dropped.
        layout: the axes of what the model takes: `"hwc"` for one image with channels last, `"nchw"` or `"nhwc"` for
            models of whole batches. Other letters stand for other axes: `"ct"` of a signal, which is then given as
            `(n, t, c)`.

    Returns:
        The function; its leaves are the arrays of the model and the state, so they cross `jit` as arguments.

    Raises:
        TypeError: `model` is not an Equinox module that can be called.
        ValueError: `layout` is none; or on the call, the images have another number of axes, the model needs a state,
            or it draws random numbers.
    """
    if not isinstance(model, eqx.Module) or not callable(model):
        raise TypeError(f"`model` must be an equinox.Module that can be called, got {type(model).__name__}.")
    if len(set(layout)) != len(layout) or "c" not in layout or "n" in layout[1:]:
        raise ValueError(
            f"`layout` must name each axis of what the model takes once, the channels c, and a batch n first, got "
            f"{layout!r}. Give 'chw' for one image with its channels first."
        )
    arrays, others = eqx.partition(eqx.nn.inference_mode(model), eqx.is_array)
    return NamedLayers(arrays, state, _Others(others), layout)


class _Others:
    """What is no array in a model, and may not be hashed either, compared by value."""

    def __init__(self, tree: Any):
        self.tree = tree

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Others) and bool(eqx.tree_equal(self.tree, other.tree))

    def __hash__(self) -> int:
        return hash(jax.tree.structure(self.tree))


@functools.partial(jax.tree_util.register_dataclass, data_fields=["model", "state"], meta_fields=["others", "layout"])
@dataclasses.dataclass(frozen=True, eq=False)  # compared and hashed by identity, as functions are
class NamedLayers:
    """An Equinox model as a function of batches with named layers; made by `name_layers`."""

    model: Any
    state: Any
    others: _Others
    layout: str

    def __call__(self, images: Any, *args: Any, **kwargs: Any) -> Any:
        """The outputs of the model for each image."""
        alone = self.layout.removeprefix("n")
        if images.ndim != len(alone) + 1:
            wanted = ", ".join(["n", *alone.replace("c", ""), "c"])
            raise ValueError(
                f"`images` must have shape ({wanted}) for a model that takes {self.layout!r}, got {images.shape}. Say "
                "by `layout` what it takes."
            )
        key = None if "key" in kwargs else jax.random.key(0)
        program = trace(jax.tree_util.Partial(_run, self, args, kwargs), images, key)
        if key is not None:
            _check_draws(program)
        return rewritten(program, functools.partial(_turn, _orders(program)), _without_library)


def _run(f: NamedLayers, args: tuple, kwargs: dict[str, Any], images: Array, key: Any) -> Any:
    model = eqx.combine(f.model, f.others.tree)  # a copy, which lives for this call alone
    for path, module in _modules(model):
        if path and callable(module):
            # Python looks `__call__` up on the class.
            object.__setattr__(module, _PATH, "/".join(path))
            object.__setattr__(module, "__class__", _named(type(module)))
    args, kwargs = _arguments(model, f.state, key, args, kwargs)

    def single(image: Array) -> Any:
        return _without_state(model(image, *args, **kwargs))

    place = f.layout.index("c")
    images = jnp.moveaxis(images, -1, place if f.layout[0] == "n" else place + 1)
    return single(images) if f.layout[0] == "n" else jax.vmap(single, axis_name=_axis_name(model))(images)


def _arguments(model: Any, state: Any, key: Any, args: tuple, kwargs: dict[str, Any]) -> tuple[tuple, dict[str, Any]]:
    """Those of the call, with the state and the key where the model takes them."""
    parameters = inspect.signature(model).parameters
    if state is not None and "state" in parameters:
        kwargs = {"state": state, **kwargs}
    elif state is not None:
        args = (state, *args)
    named = list(parameters)[1 + len(args) :]
    missing = [name for name in named if name not in kwargs and _is_required(parameters[name])]
    if "state" in missing:
        raise ValueError(
            "`state` must be given for a model that takes one, got None. Make both at once: "
            "model, state = equinox.nn.make_with_state(Model)(...)."
        )
    return args, {**kwargs, "key": key} if "key" in missing else kwargs


def _is_required(parameter: inspect.Parameter) -> bool:
    several = parameter.kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return parameter.default is inspect.Parameter.empty and not several


def _without_state(outs: Any) -> Any:
    if not isinstance(outs, tuple) or not any(isinstance(out, eqx.nn.State) for out in outs):
        return outs
    outs = tuple(out for out in outs if not isinstance(out, eqx.nn.State))
    return outs[0] if len(outs) == 1 else outs


def _modules(node: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], eqx.Module]]:
    """All modules in a model, itself first, with their attribute paths."""
    if isinstance(node, eqx.Module):
        yield path, node
        fields = [field.name for field in dataclasses.fields(node) if not field.metadata.get("static", False)]
        parts = {name: getattr(node, name, None) for name in fields if not name.startswith("__")}
    else:
        parts = node if isinstance(node, dict) else dict(enumerate(node)) if isinstance(node, list | tuple) else {}
    for name, part in parts.items():
        yield from _modules(part, (*path, str(name)))


def _axis_name(model: Any) -> Any:
    """What a batch norm calls the batch."""
    names = [name for _, module in _modules(model) if (name := getattr(module, "axis_name", None)) is not None]
    return names[0] if names else None


@functools.cache
def _named(cls: type) -> type:
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        outs = cls.__call__(self, *args, **kwargs)
        name = functools.partial(_name, getattr(self, _PATH))
        return jax.tree.map(name, outs, is_leaf=lambda out: isinstance(out, eqx.nn.State))

    # A field, so that the path goes with the module where the model maps or scans over it.
    path = {"__annotations__": {_PATH: str}, _PATH: eqx.field(static=True, default="")}
    return type(cls)(cls.__name__, (cls,), {"__call__": call, "__module__": cls.__module__, **path})


def _name(path: str, value: Any) -> Any:
    return checkpoint_name(value, path) if eqx.is_inexact_array(value) else value


def _check_draws(program: Program) -> None:
    """Refuses a program whose outputs depend on its last leaf, the key."""
    by_key = program._replace(of_examples=frozenset({len(program.leaves) - 1}))
    if any(out is not None for out in Descent(by_key).outputs):
        raise ValueError(
            "`model` must compute the same on every call, got one that draws random numbers at inference too. Give it "
            "a key yourself: f(images, key=key)."
        )


def _orders(program: Program) -> dict[int, tuple[int, ...]]:
    """For each equation that names a value, in which order its axes are seen, where that is another."""
    orders = {}
    for layer in find_layers(program, functions=False).values():
        eqn = _equation(program.body, layer.path)
        if layer_name(eqn) is not None:
            rank = len(layer.aval.shape)
            order = _order(layer.axes.axes[len(layer.axes.axes) - rank :])
            if order != tuple(range(rank)):
                orders[id(eqn)] = order
    return orders


def _equation(body: Body, path: tuple[int, ...]) -> Any:
    eqn = jaxpr_of(body).eqns[path[0]]
    return eqn if len(path) == 1 else _equation(bodies(eqn)[path[1]].body, path[2:])


def _order(axes: tuple[Axis, ...]) -> tuple[int, ...]:
    """The batch first; then rows, columns and channels of maps, tokens and channels of tokens."""
    batch = [place for place, axis in enumerate(axes) if axis.origins == {BATCH}]
    if len(batch) != 1:
        return tuple(range(len(axes)))
    rest = [place for place in range(len(axes)) if place not in batch]
    places = [[place for place in rest if axes[place].origins == {name}] for name in (ROWS, COLS)]
    if len(rest) == 3 and [len(found) for found in places] == [1, 1]:
        (rows,), (cols,) = places
        rest = [rows, cols, *(place for place in rest if place not in (rows, cols))]
    elif len(rest) == 3 and axes[rest[1]].size == axes[rest[2]].size == 1 and not axes[rest[0]].origins:
        rest = [*rest[1:], rest[0]]  # pooled to a single place
    elif len(rest) == 2 and axes[rest[1]].origins == {ROWS, COLS} and not axes[rest[0]].origins:
        rest = rest[::-1]
    return (*batch, *rest)


def _turn(orders: dict[int, tuple[int, ...]], operation: Operation, operands: list[Any]) -> list[Any] | None:
    order = orders.get(id(operation.eqn))
    name = layer_name(operation.eqn)
    if order is None or name is None:
        return None
    back = sorted(range(len(order)), key=order.__getitem__)
    return [checkpoint_name(operands[0].transpose(order), name).transpose(back)]


def _without_library(scope: str) -> str:
    """The scope without what Equinox and the batch add to it; Equinox's own layers have their paths."""
    parts = re.sub(r"vmap\(|\)", "", scope).split("/")
    return "/".join(part for part in parts if part and not part.startswith("eqx."))

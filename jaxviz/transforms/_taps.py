"""Reading and replacing the activations of any JAX function."""

import dataclasses
import functools
import html
from collections.abc import Callable, Mapping
from typing import Any

import jax
from jaxtyping import Array

from jaxviz._core.callables import as_pytree
from jaxviz._core.jaxpr.interpret import Program, Site, evaluate, trace
from jaxviz._core.jaxpr.layer import Layer
from jaxviz._core.jaxpr.names import find_layers, pick
from jaxviz._core.jaxpr.primitives import bodies, rebind, rebuild
from jaxviz._core.jaxpr.where import tappable, where_to_tap


@jax.tree_util.register_pytree_with_keys_class
class Layers(dict[str, jax.ShapeDtypeStruct]):
    """Layers by name, which a notebook shows as a table. A tree as a dictionary is, in the order of computation."""

    def tree_flatten_with_keys(self) -> tuple[tuple[tuple[Any, Any], ...], tuple[str, ...]]:
        """As JAX asks for: what is no dictionary itself would be a leaf."""
        return tuple((jax.tree_util.DictKey(name), shape) for name, shape in self.items()), tuple(self)

    @classmethod
    def tree_unflatten(cls, names: tuple[str, ...], shapes: Any) -> "Layers":
        """As JAX asks for."""
        return cls(zip(names, shapes, strict=True))

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td style='text-align: left'><code>{html.escape(name)}</code></td>"
            f"<td style='text-align: left'>{' × '.join(map(str, layer.shape))}</td><td>{layer.dtype}</td></tr>"
            for name, layer in self.items()
        )
        return f"<table><tr><th>layer</th><th>shape</th><th>type</th></tr>{rows}</table>"


def layers(f: Callable, images: Any, *args: Any, **kwargs: Any) -> dict[str, jax.ShapeDtypeStruct]:
    """The layers of `f` that can be tapped, in order of computation, with their shapes; nothing is computed.

    A layer is a value named by `jax.ad_checkpoint.checkpoint_name`, or one that leaves a scope: the output of every
    Linen module (under its path, without the name of the outermost module), and of every `jax.named_scope`. An
    explicit name beats a scope's; a name met more than once becomes `name#0`, `name#1` (a module called on its own
    output, with nothing between, counts as one). What leaves the ReLU of a layer is one too, `bn1/relu`, since a module
    ends ahead of a ReLU that is a function, and what leaves a softmax in a module, `attn/softmax`. A layer inside
    `scan` is stacked over the iterations. What is the same for all images is no layer, whatever its name: a kernel that
    `f` standardizes first, a table of positions.

    Example:
        >>> import jax.numpy as jnp
        >>> from jax.ad_checkpoint import checkpoint_name
        >>> layers(lambda x: jnp.sum(checkpoint_name(2 * x, "double")), jnp.ones(3))
        {'double': ShapeDtypeStruct(shape=(3,), dtype=float32)}

    Args:
        f: any JAX function or callable pytree.
        images: its input, or a `jax.ShapeDtypeStruct` in place of it; any tree of arrays.
        args: further arguments of `f`. Layers may depend on any of them: parameters belong into `bind`.
        kwargs: further arguments by name.

    Returns:
        From name to shape and dtype.
    """
    found = find_layers(trace(f, images, *args, **kwargs))
    return Layers({name: layer.shape() for name, layer in found.items() if tappable(layer)})


def tap(f: Callable, *layers: str) -> Callable:
    """`images -> (f(images), {layer: activation})`; further arguments of the call go on to `f`.

    Example:
        >>> import jax.numpy as jnp
        >>> from jax.ad_checkpoint import checkpoint_name
        >>> out, acts = tap(lambda x: checkpoint_name(2 * x, "double") + 1, "double")(jnp.ones(2))
        >>> acts["double"].tolist()
        [2.0, 2.0]

    Args:
        f: any JAX function or callable pytree.
        layers: names from `layers(f, images)`.

    Returns:
        The function, a pytree with the leaves of `f`. Activations inside a `scan` come out stacked.

    Raises:
        ValueError: on the call, for an unknown layer.
        NotImplementedError: on the call, for a layer inside `while_loop`, `cond`, or a function with its own rule.
    """
    return Tap(as_pytree(f), layers)


def edit(f: Callable, edits: Mapping[str, Callable[[Array], Array]]) -> Callable:
    """`f` with activations replaced: `edits[layer](activation)` goes on in the place of the activation.

    Example:
        >>> import jax.numpy as jnp
        >>> from jax.ad_checkpoint import checkpoint_name
        >>> edit(lambda x: checkpoint_name(2 * x, "double") + 1, {"double": jnp.zeros_like})(jnp.ones(2)).tolist()
        [1.0, 1.0]

    Args:
        f: any JAX function or callable pytree.
        edits: from a name of `layers(f, images)` to a function of the activation that keeps shape and dtype. A layer
            inside a loop is edited in each iteration.

    Returns:
        The function, a pytree with the leaves of `f`.

    Raises:
        ValueError: on the call, for an unknown layer, or an edit that changes the shape.
        NotImplementedError: on the call, for a layer inside a function with its own derivative rule.
    """
    return Edit(as_pytree(f), {name: as_pytree(change) for name, change in edits.items()})


@functools.partial(jax.tree_util.register_dataclass, data_fields=["f"], meta_fields=["names"])
@dataclasses.dataclass(frozen=True, eq=False)  # compared and hashed by identity, as functions are
class Tap:
    """A function whose activations come out beside its output; made by `tap`."""

    f: Callable
    names: tuple[str, ...]

    def __call__(self, *args: Any, **kwargs: Any) -> tuple[Any, dict[str, Array]]:
        """The outputs of `f`, and the activations."""
        program = trace(self.f, *args, **kwargs)
        picked = where_to_tap(program, self.names)
        taken: dict[str, Array] = {}

        def on(name: str, value: Array, taken: dict[str, Array]) -> Array:
            taken[name] = value
            return value

        outs = _visit(program, dict(zip(self.names, picked, strict=True)), on, taken)
        return outs, {name: taken[name] for name in self.names}


@functools.partial(jax.tree_util.register_dataclass, data_fields=["f", "edits"], meta_fields=[])
@dataclasses.dataclass(frozen=True, eq=False)  # compared and hashed by identity, as functions are
class Edit:
    """A function with activations replaced; made by `edit`."""

    f: Callable
    edits: dict[str, Callable]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The outputs of the edited `f`."""
        program = trace(self.f, *args, **kwargs)
        picked = pick(program, self.edits, frozenset(), "")

        def on(name: str, value: Array, taken: dict[str, Array]) -> Array:
            del taken
            changed = self.edits[name](value)
            if jax.numpy.shape(changed) != value.shape:
                raise ValueError(
                    f"`edits` must keep the shape of an activation, got {jax.numpy.shape(changed)} for {name!r} of "
                    f"{value.shape}. Use jax.numpy.broadcast_to."
                )
            return jax.numpy.asarray(changed, value.dtype)

        return _visit(program, dict(zip(self.edits, picked, strict=True)), on, {})


def _visit(program: Program, layers: dict[str, Layer], on: Callable, taken: dict[str, Array]) -> Any:
    """Runs a program, each layer's value through `on(name, value, taken)`."""
    at: dict[tuple[int, ...], list[tuple[str, int]]] = {}
    for name, layer in layers.items():
        at.setdefault(layer.path, []).append((name, layer.output))
    inside = {path[:depth] for path in at for depth in range(1, len(path))}

    def handler(taken: dict[str, Array]) -> Callable:
        def handle(eqn: Any, values: list[Any], site: Site) -> list[Any] | None:
            outs = None
            if site.path in inside:
                inner = bodies(eqn)

                def call(index: int, *inputs: Any) -> tuple[list[Any], dict[str, Array]]:
                    # Taken inside the body's own trace, handed out as its output.
                    here: dict[str, Array] = {}
                    return evaluate(inner[index].body, inputs, handler(here), (*site.path, index)), here

                outs, beside = rebuild(eqn, values, call)
                taken.update(beside)
            if site.path in at:
                outs = rebind(eqn, values) if outs is None else list(outs)
                for name, output in at[site.path]:
                    outs[output] = on(name, outs[output], taken)
            return outs

        return handle

    return jax.tree.unflatten(program.out_tree, evaluate(program.body, program.leaves, handler(taken)))

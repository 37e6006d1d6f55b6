"""Layer names for an unedited Flax NNX model: what each submodule returns carries the submodule's path.

Linen writes module paths into the program, NNX does not. `name_layers` turns an NNX model into a callable pytree whose
submodule outputs are named, so that `jaxviz.tap(f, "blocks/0/conv")` and the others find them. Models that name their
own layers with `jax.ad_checkpoint.checkpoint_name` do not need it.
"""

import dataclasses
import functools
import types
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jax.ad_checkpoint import checkpoint_name

_PATH, _INSIDE = "_jaxviz_path", "_jaxviz_inside"


def name_layers(model: nnx.Module, *, method: str = "__call__") -> Callable:
    """A callable pytree that computes `model(*args)`, every submodule's output named by the submodule's path.

    Where another method of a submodule than `__call__` is called, what that returns is named by both, as Linen does:
    `"encoder.encode"`. What a submodule calls of itself has no name of its own.

    The model is not changed, and its state is that of this moment: call `model.eval()` first where it has dropout or
    batch norm. Whatever a call updates (running statistics, counters, a cache) is dropped: every call starts from the
    same state and computes the same.

    Example:
        >>> import jax.numpy as jnp
        >>> import jaxviz as jv
        >>> from flax import nnx
        >>> model = nnx.Sequential(nnx.Linear(2, 3, rngs=nnx.Rngs(0)), nnx.relu, nnx.Linear(3, 1, rngs=nnx.Rngs(1)))
        >>> list(jv.layers(name_layers(model), jnp.ones((1, 2))))
        ['layers/0', 'layers/0/relu', 'layers/2']

    Args:
        model: an NNX module.
        method: the method of the model that is computed, with its further arguments: `"encode"`.

    Returns:
        The function; its leaves are the model's variables, so they cross `jit` as arguments.

    Raises:
        TypeError: `model` is not an NNX module that has the method.
        ValueError: on the call, where the model draws random numbers, as dropout does in training.
    """
    if not isinstance(model, nnx.Module) or not callable(getattr(model, method, None)):
        what = "can be called" if method == "__call__" else f"has a method {method!r}"
        raise TypeError(f"`model` must be an nnx.Module that {what}, got {type(model).__name__}.")
    graphdef, state = nnx.split(model)
    return NamedLayers(state, graphdef, method)


@functools.partial(jax.tree_util.register_dataclass, data_fields=["state"], meta_fields=["graphdef", "method"])
@dataclasses.dataclass(frozen=True, eq=False)  # compared and hashed by identity, as functions are
class NamedLayers:
    """An NNX model as a function with named layers; made by `name_layers`."""

    state: Any
    graphdef: Any
    method: str

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The outputs of the model."""
        # Made anew under the trace of this call, where alone the variables may be updated.
        model = nnx.merge(self.graphdef, jax.tree.map(lambda leaf: leaf, self.state))
        drawn = _draws(model)
        for path, module in nnx.iter_modules(model):
            if path:
                # Python looks `__call__` up on the class; this copy of the model lives for this call alone.
                object.__setattr__(module, _PATH, "/".join(map(str, path)))
                module.__class__ = _named(type(module))
        outs = getattr(model, self.method)(*args, **kwargs)
        _check_draws(drawn, _draws(model))
        return outs


def _draws(model: nnx.Module) -> dict[str, Any]:
    """How often each random stream of the model was drawn from."""
    counts = nnx.to_flat_state(nnx.state(model, nnx.RngCount))
    return {"/".join(map(str, path[:-1])): jax.tree.leaves(count)[0] for path, count in counts}


def _check_draws(before: dict[str, Any], after: dict[str, Any]) -> None:
    for path, count in after.items():
        if count is not before.get(path):
            raise ValueError(
                f"`model` must compute the same on every call, got one that draws random numbers from {path!r}. Call "
                "model.eval() before name_layers where that is dropout."
            )


@functools.cache
def _named(cls: type) -> type:
    """The class with methods whose results are named, where they are called from outside of the module."""
    methods = {name: _naming(name, function) for name, function in _methods(cls).items()}
    return type(cls.__name__, (cls,), {**methods, "__module__": cls.__module__})


def _methods(cls: type) -> dict[str, Callable]:
    """The module's own methods that others call, those that every module has left out."""
    found = {
        name: getattr(cls, name)
        for base in cls.__mro__
        if issubclass(base, nnx.Module) and base is not nnx.Module
        for name, value in vars(base).items()
        if isinstance(value, types.FunctionType) and (name == "__call__" or not name.startswith("_"))
    }
    return {name: function for name, function in found.items() if not hasattr(nnx.Module, name) or name == "__call__"}


def _naming(method: str, function: Callable) -> Callable:
    @functools.wraps(function)
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        inside = getattr(self, _INSIDE, False)
        object.__setattr__(self, _INSIDE, True)
        try:
            out = function(self, *args, **kwargs)
        finally:
            object.__setattr__(self, _INSIDE, inside)
        if inside and method != "__call__":
            return out
        path = getattr(self, _PATH)
        return _name(path if method == "__call__" else f"{path}.{method}", out)

    return call


def _name(path: str, value: Any) -> Any:
    """The floating-point arrays in a value under a name; whatever else a method returns stays what it is."""
    if isinstance(value, tuple | list | dict):
        is_inner = lambda node: not isinstance(node, tuple | list | dict)  # noqa: E731
        return jax.tree.map(functools.partial(_name, path), value, is_leaf=is_inner)
    is_float = isinstance(value, jax.Array) and jnp.issubdtype(value.dtype, jnp.floating)
    return checkpoint_name(value, path) if is_float else value

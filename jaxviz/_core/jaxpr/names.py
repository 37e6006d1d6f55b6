"""The layers of a traced program: values that carry a name.

A layer's name comes from `jax.ad_checkpoint.checkpoint_name(x, "conv1")`, anywhere, or from the scope that computed
the value: Linen puts the path of every module there, and `jax.named_scope` any other name. A scope's layers are the
values that leave it. What leaves the ReLU of a layer is one too, `conv1/relu`: a module's output lies ahead of it; and
what leaves a softmax in a module, `attn/softmax`. What does not depend on the arguments (a kernel that is standardized
on the way) is none.
"""

import difflib
import re
from collections.abc import Iterable, Iterator
from typing import Any

import jax.numpy as jnp
from jax.extend import core

from jaxviz._core.jaxpr.descent import Descent
from jaxviz._core.jaxpr.interpret import Path, Program
from jaxviz._core.jaxpr.layer import Layer
from jaxviz._core.jaxpr.primitives import (
    CUSTOM_JVP,
    CUSTOM_VJP,
    Body,
    bodies,
    is_call,
    jaxpr_of,
    kind,
    layer_name,
    opaque_bodies,
)
from jaxviz._core.jaxpr.relu_layers import behind_relus
from jaxviz._core.jaxpr.softmax_layers import softmaxes

Scope = tuple[str, ...]
_TRANSFORMED = re.compile(r"(?:vmap|jvp|transpose)\((.*)\)")
_CLOSE = 5  # of the layers that there are, the names most like one that is none


def find_layers(program: Program, *, functions: bool = True) -> dict[str, Layer]:
    """All layers in order of computation; a name met more than once is `name#0`, `name#1`, ...

    Args:
        program: a traced call.
        functions: whether what leaves the ReLUs of layers, and the softmaxes in modules, is among them. It takes as
            long again to find that.
    """
    explicit, scoped = _named(program.body)
    descent = Descent(program)

    def dependent(entries: Iterable[tuple[str, Layer]]) -> list[tuple[str, Layer]]:
        found = ((name, layer, descent.axes(layer.path, layer.output)) for name, layer in entries)
        return [(name, layer._replace(axes=axes)) for name, layer, axes in found if axes is not None]

    layers = _numbered(dependent(explicit), dependent(scoped))
    if not functions:
        return layers
    leaving = (*behind_relus(program.body, layers), *softmaxes(program.body, layers))
    behind = _numbered(dependent(leaving), [])
    return dict(sorted((behind | layers).items(), key=_by_place))


def _named(body: Body) -> tuple[list[tuple[str, Layer]], list[tuple[str, Layer]]]:
    """All values with explicit names, and all with those of scopes."""
    explicit: list[tuple[str, Layer]] = []
    scoped: list[tuple[Scope, Layer]] = []
    _walk(body, (), (), (), explicit, scoped)
    root = _root(scope for scope, _ in scoped)
    return explicit, [("/".join(scope[root:]), layer) for scope, layer in scoped if scope[root:]]


def _numbered(explicit: list[tuple[str, Layer]], scoped: list[tuple[str, Layer]]) -> dict[str, Layer]:
    named = {name for name, _ in explicit}
    entries = explicit + [(name, layer) for name, layer in scoped if name not in named]
    entries.sort(key=_by_place)
    counts: dict[str, int] = {}
    for name, _ in entries:
        counts[name] = counts.get(name, 0) + 1
    layers, seen = {}, dict.fromkeys(counts, 0)
    for name, layer in entries:
        layers[f"{name}#{seen[name]}" if counts[name] > 1 else name] = layer
        seen[name] += 1
    return layers


def _by_place(entry: tuple[str, Layer]) -> tuple[Path, int]:
    return entry[1].path, entry[1].output


def pick(program: Program, names: Iterable[str], refused: frozenset[str], why: str) -> list[Layer]:
    """The layers of these names.

    Raises:
        ValueError: a name that does not exist, or that of a value which does not depend on the arguments.
        NotImplementedError: a layer inside one of the primitives `refused`, or inside one that cannot be entered.
    """
    names = list(names)
    layers = find_layers(program, functions=False)
    if any(name not in layers for name in names):
        layers = find_layers(program)
    refused = refused | {CUSTOM_JVP, CUSTOM_VJP}
    picked = []
    for name in names:
        if name not in layers:
            raise _unknown(name, layers, program.body)
        for eqn in layers[name].inside:
            primitive = kind(eqn)
            if primitive in refused:
                own = "its own derivative rule would be lost" if primitive in (CUSTOM_JVP, CUSTOM_VJP) else why
                raise NotImplementedError(
                    f"`layer` must not lie inside `{primitive}`, got {name!r}: {own}. Name a layer outside of it."
                )
        picked.append(layers[name])
    return picked


def _unknown(name: str, layers: dict[str, Layer], body: Body) -> Exception:
    for primitive, hidden in _hidden_names(body):
        if name == hidden:
            return NotImplementedError(
                f"`layer` must not lie inside `{primitive}`, got {name!r}: that primitive cannot be entered. "
                "Name a layer outside of it."
            )
    if name in _numbered(*_named(body)):
        return ValueError(
            f"`layer` must depend on the images, got {name!r}, which is the same for all of them. Take one of "
            "layers(f, images)."
        )
    if not layers:
        return ValueError(
            f"`layer` must be the name of a layer, got {name!r} for a function that names none. Name values with "
            "jax.ad_checkpoint.checkpoint_name, or a model's with name_layers of jaxviz.adapters.nnx or .equinox."
        )
    numbered = [key for key in layers if key.split("#")[0] == name]
    if len(layers) <= _CLOSE:
        close = difflib.get_close_matches(name, layers, 1) or numbered[:1]
        hint = f" Did you mean {close[0]!r}?" if close else ""
        return ValueError(f"`layer` must be one of {', '.join(layers)}, got {name!r}.{hint}")
    close = list(dict.fromkeys([*numbered, *difflib.get_close_matches(name, layers, _CLOSE, cutoff=0.0)]))[:_CLOSE]
    return ValueError(
        f"`layer` must be one of {', '.join(close)} or of {len(layers) - len(close)} others, got {name!r}. See "
        "layers(f, images)."
    )


def _walk(
    body: Body,
    path: Path,
    outer: Scope,
    inside: tuple[core.JaxprEqn, ...],
    explicit: list[tuple[str, Layer]],
    scoped: list[tuple[Scope, Layer]],
) -> None:
    jaxpr = jaxpr_of(body)
    made: dict[Any, tuple[Path, int, Scope]] = {}
    left: set[tuple[Any, Scope]] = set()

    def leave(atom: Any, reader: Scope) -> None:
        if isinstance(atom, core.Literal) or atom not in made:
            return
        place, output, scope = made[atom]
        for depth in range(len(outer) + 1, len(scope) + 1):
            key = (atom, scope[:depth])
            if reader[:depth] != scope[:depth] and key not in left and jnp.issubdtype(atom.aval.dtype, jnp.floating):
                left.add(key)
                scoped.append((scope[:depth], Layer(place, output, atom.aval, inside)))

    for index, eqn in enumerate(jaxpr.eqns):
        place = (*path, index)
        scope = outer + tuple(_scope_of(eqn))
        for atom in eqn.invars:
            leave(atom, scope)
        made.update((var, (place, output, scope)) for output, var in enumerate(eqn.outvars))
        if (name := layer_name(eqn)) is not None:
            explicit.append((name, Layer(place, 0, eqn.outvars[0].aval, inside)))
        plain = is_call(eqn) and kind(eqn) not in (CUSTOM_JVP, CUSTOM_VJP)
        for number, inner in enumerate(bodies(eqn)):
            _walk(inner.body, (*place, number), scope, inside if plain else (*inside, eqn), explicit, scoped)
    for atom in jaxpr.outvars:
        leave(atom, outer)


def _scope_of(eqn: core.JaxprEqn) -> Iterator[str]:
    """The parts of an equation's scope, without what JAX puts there: transforms, and the formulas of `einsum`."""
    for part in str(eqn.source_info.name_stack).split("/"):
        while found := _TRANSFORMED.fullmatch(part):
            part = found[1]
        if part and "->" not in part:
            yield part


def _root(scopes: Iterable[Scope]) -> int:
    """1 where every scope lies under one and the same (the model itself, whose name is no part of a layer's)."""
    scopes = list(scopes)
    first = {scope[0] for scope in scopes}
    return 1 if len(first) == 1 and any(len(scope) > 1 for scope in scopes) else 0


def _hidden_names(body: Body) -> Iterator[tuple[str, str]]:
    jaxpr = jaxpr_of(body)
    for eqn in jaxpr.eqns:
        for inner in opaque_bodies(eqn):
            for name in _numbered(*_named(inner)):
                yield kind(eqn), name
        for inner in bodies(eqn):
            yield from _hidden_names(inner.body)

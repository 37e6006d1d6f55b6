"""The algebra of objectives: weighted sums of measures of activations, as pytrees that can be stacked and vmapped."""

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float

from jaxviz._core.map_layout import PLAIN, MapLayout

OUTPUT = ""
"""Stands for the output of the network among the names of layers."""


class Measure(NamedTuple):
    """What a term measures: a number of the activations of some images.

    Attributes:
        function: `(activation, *args) -> scalar`.
        ranks: the number of axes of each of `args` in a single objective; one more makes a batch.
        check: `(shape of the activation, layer, *args)`, raises where `args` do not fit.
        channels: whether the last axis has to be that of the channels, and others are places.
    """

    function: Callable[..., Float[Array, ""]]
    ranks: tuple[int, ...] = ()
    check: Callable[..., None] = lambda *_: None
    channels: bool = False


@functools.partial(jax.tree_util.register_dataclass, data_fields=["weight", "args"], meta_fields=["measure", "layer"])
@dataclasses.dataclass(frozen=True, eq=False)
class Term:
    """A measure of one layer with its weight."""

    weight: Any
    args: tuple[Any, ...]
    measure: Measure
    layer: str


@functools.partial(jax.tree_util.register_dataclass, data_fields=["terms"], meta_fields=[])
@dataclasses.dataclass(frozen=True, eq=False)
class Objective:
    """What is to grow: a weighted sum of measures of activations.

    Objectives add and subtract, and take numbers as factors. They are pytrees whose leaves are the class, the channel,
    the position and the weights: another class is no other program, and arrays in place of numbers are a batch of
    objectives, which `render` maximizes side by side.

    Example:
        >>> from jaxviz.maximize import channel, logit
        >>> sum([logit(4), 0.5 * logit(9)]) - channel("conv1", 3) / 2
        Objective(logit(4) + 0.5 logit(9) - 0.5 channel('conv1', 3))
    """

    terms: tuple[Term, ...]

    def __call__(self, activations: Mapping[str, Float[Array, "n ..."]], layout: MapLayout = PLAIN) -> Float[Array, ""]:
        """The value for some images, from the activations of `layers` and, under `OUTPUT`, the network's output."""
        total = jnp.zeros(())
        for term in self.terms:
            activation = activations[term.layer]
            read = layout.maps(activation) if term.measure.channels else activation
            total += term.weight * term.measure.function(read, *term.args)
        return total

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers that are looked at, each once."""
        return tuple(dict.fromkeys(term.layer for term in self.terms if term.layer != OUTPUT))

    @property
    def on_output(self) -> bool:
        """Whether the network's output is looked at."""
        return any(term.layer == OUTPUT for term in self.terms)

    @property
    def size(self) -> int | None:
        """How many objectives a batch holds; None for a single one.

        Raises:
            ValueError: arrays of several lengths, or of too many axes.
        """
        lengths = set()
        for leaf, rank in zip(jax.tree.leaves(self), self._ranks(), strict=True):
            if jnp.ndim(leaf) not in (rank, rank + 1):
                raise ValueError(
                    f"`objective` must hold arrays of {rank} axes, or of {rank + 1} for a batch, got one of "
                    f"{jnp.shape(leaf)} in {self}."
                )
            lengths |= {jnp.shape(leaf)[0]} if jnp.ndim(leaf) > rank else set()
        if len(lengths) > 1 or 0 in lengths:
            raise ValueError(
                f"`objective` must hold arrays of one length for a batch, got {sorted(lengths)} in {self}."
            )
        return lengths.pop() if lengths else None

    def at(self, index: Any) -> "Objective":
        """One objective of a batch, or a smaller batch."""
        leaves, tree = jax.tree.flatten(self)
        pairs = zip(leaves, self._ranks(), strict=True)
        return jax.tree.unflatten(tree, [leaf[index] if jnp.ndim(leaf) > rank else leaf for leaf, rank in pairs])

    def axes(self) -> "Objective":
        """What `jax.vmap` takes as `in_axes`: 0 for the leaves that differ within a batch, None for the others."""
        leaves, tree = jax.tree.flatten(self)
        pairs = zip(leaves, self._ranks(), strict=True)
        return jax.tree.unflatten(tree, [0 if jnp.ndim(leaf) > rank else None for leaf, rank in pairs])

    def _ranks(self) -> list[int]:
        # In the order of the leaves: the weight of a term, then what its measure takes.
        return [rank for term in self.terms for rank in (0, *term.measure.ranks)]

    def __add__(self, other: Any) -> "Objective":
        if isinstance(other, int | float) and other == 0:  # where `sum` starts
            return self
        return Objective(self.terms + other.terms) if isinstance(other, Objective) else NotImplemented

    __radd__ = __add__

    def __sub__(self, other: Any) -> "Objective":
        return self + -other if isinstance(other, Objective) else NotImplemented

    def __neg__(self) -> "Objective":
        return -1.0 * self

    def __mul__(self, factor: Any) -> "Objective":
        if isinstance(factor, Objective) or isinstance(factor, str) or np.ndim(factor) > 1:
            return NotImplemented
        return Objective(tuple(dataclasses.replace(term, weight=term.weight * factor) for term in self.terms))

    __rmul__ = __mul__
    # NumPy leaves the multiplication to __rmul__ instead of making an array of objectives.
    __array_ufunc__ = None

    def __truediv__(self, divisor: Any) -> "Objective":
        return NotImplemented if isinstance(divisor, Objective | str) else self * (1.0 / divisor)

    def __repr__(self) -> str:
        parts = []
        for term in self.terms:
            name = getattr(term.measure.function, "__name__", "custom").strip("_")
            args = [repr(term.layer)] if term.layer != OUTPUT else []
            args += [str(arg) if np.ndim(arg) == 0 else f"array of {np.shape(arg)}" for arg in term.args]
            known = not isinstance(term.weight, Tracer) and np.ndim(term.weight) == 0
            sign = "- " if known and term.weight < 0 else "+ "
            size = "" if known and abs(term.weight) == 1 else f"{abs(term.weight):g} " if known else "weights "
            parts.append(f"{sign}{size}{name}({', '.join(args)})")
        return f"Objective({' '.join(parts).removeprefix('+ ')})"


def batch(objectives: Sequence[Objective]) -> Objective:
    """Objectives of one structure as a batch of them, which `render` maximizes side by side in one program.

    Example:
        >>> from jaxviz.maximize import logit
        >>> batch([logit(1) + logit(7), logit(4) + logit(9)]).size
        2

    Args:
        objectives: the same sum of the same measures of the same layers each; classes, channels, positions and weights
            may differ.

    Raises:
        ValueError: they differ in structure, there is none, or one is a batch itself.
    """
    structures = [jax.tree.structure(objective) for objective in objectives]
    if not structures or any(structure != structures[0] for structure in structures):
        raise ValueError(
            f"`objectives` must be one or more of the same structure, got {list(objectives)}. Render others in calls "
            "of their own."
        )
    if any(objective.size is not None for objective in objectives):
        raise ValueError("`objectives` must be single ones, got a batch among them. Join their classes or channels.")
    return jax.tree.map(lambda *leaves: np.stack(leaves), *objectives)

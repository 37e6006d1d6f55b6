"""One layer of a traced program."""

from typing import Any, NamedTuple

import jax
from jax.extend import core

from jaxviz._core.jaxpr.axes import Axes
from jaxviz._core.jaxpr.interpret import Path
from jaxviz._core.jaxpr.primitives import batch_axes, kind, parameters


class Layer(NamedTuple):
    """A named value: output number `output` of the equation at `path`.

    `inside` are the equations around it that do not simply run their body once, `axes` what its axes stand for, which
    only `find_layers` says.
    """

    path: Path
    output: int
    aval: Any
    inside: tuple[core.JaxprEqn, ...]
    axes: Axes = Axes(())

    def shape(self) -> jax.ShapeDtypeStruct:
        """Shape outside of everything: stacked over the iterations of a scan, joined over the shards of a shard_map."""
        shape = self.aval.shape
        for eqn in reversed(self.inside):
            if kind(eqn) == "scan":
                shape = (parameters(eqn)["length"], *shape)
            elif kind(eqn) == "shard_map":
                leading = batch_axes(eqn)
                axes = () if leading is None else (leading,) if isinstance(leading, str) else leading
                count = 1
                for axis in axes:
                    count *= eqn.params["mesh"].shape[axis]
                shape = (shape[0] * count, *shape[1:])
        return jax.ShapeDtypeStruct(shape, self.aval.dtype)

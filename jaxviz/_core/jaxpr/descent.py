"""Which values of a traced program depend on its inputs, and what their axes stand in the place of."""

from collections.abc import Callable, Sequence
from typing import Any

from jaxviz._core.jaxpr.axes import Axes, Axis, rule_of, stacked, start, together, unknown
from jaxviz._core.jaxpr.cells import Cell, contents, use
from jaxviz._core.jaxpr.effects import references
from jaxviz._core.jaxpr.interpret import Path, Program, Site, evaluate
from jaxviz._core.jaxpr.primitives import Inner, bodies, is_reference, jaxpr_of, kind, parameters, plain_body


class Descent:
    """The axes of every value of a program, those inside of calls and loops as well.

    Args:
        program: a traced call, whose arguments are the inputs; the leaves of the function itself are none.
        given: the axes of the inputs; by default they are images, where they have the four axes of such.

    Attributes:
        outputs: the axes of what the program returns; what is no `Axes` depends on no input.
    """

    def __init__(self, program: Program, given: Sequence[Axes] | None = None):
        self._outputs: dict[Path, list[Any]] = {}
        self._leading: dict[Path, Axis] = {}
        self._outside: dict[int, Cell] = {}
        inputs = []
        for number, var in enumerate(jaxpr_of(program.body).invars):
            if given is None:
                value = start(var.aval.shape) if number in program.of_examples else None
            else:
                value = given[number]
            inputs.append(Cell(value) if is_reference(var) else value)
        self.outputs = evaluate(program.body, inputs, self._handle)

    def axes(self, path: Path, output: int) -> Axes | None:
        """The axes of an output of an equation, stacked as loops stack them; None where it depends on no input."""
        # Branches that no input reaches are not entered.
        value = self._outputs[path][output] if path in self._outputs else None
        for depth in range(len(path) - 2, 0, -2):
            if path[:depth] in self._leading:
                value = stacked(value, self._leading[path[:depth]])
        return value if isinstance(value, Axes) else None

    def _handle(self, eqn: Any, values: list[Any], site: Site) -> list[Any]:
        # A reference that the function closes over stands there as itself.
        values = [
            self._outside.setdefault(id(value), Cell(None))
            if is_reference(atom) and not isinstance(value, Cell)
            else value
            for atom, value in zip(eqn.invars, values, strict=True)
        ]
        outs = use(eqn, values)
        if outs is None:
            reached = any(isinstance(value, Axes) for value in contents(values))
            outs = self._outs(eqn, values, site) if reached else [None] * len(eqn.outvars)
        self._outputs[site.path] = contents(outs)
        return outs

    def _outs(self, eqn: Any, values: list[Any], site: Site) -> list[Any]:
        name, shapes = kind(eqn), [var.aval.shape for var in eqn.outvars]
        if (inner := plain_body(eqn)) is not None:
            return evaluate(inner.body, inner.taken(values), self._handle, (*site.path, 0))
        if name == "shard_map":
            (inner,) = bodies(eqn)
            inputs = [_resized(v, var.aval.shape) for v, var in zip(values, jaxpr_of(inner.body).invars, strict=True)]
            outs = evaluate(inner.body, inputs, self._handle, (*site.path, 0))
            return [_resized(out, shape) for out, shape in zip(outs, shapes, strict=True)]
        if name == "scan":
            return self._scan(eqn, values, site)
        if name == "while":
            return self._while(eqn, values, site)
        if name == "cond":
            options = [self._body(inner, values[1:], (*site.path, n)) for n, inner in enumerate(bodies(eqn))]
            outs = [together(of_each, shape) for of_each, shape in zip(zip(*options, strict=True), shapes, strict=True)]
            return _chosen(values[0], outs, shapes)
        known = contents(values)
        for cell, reference in zip([v for v in values if isinstance(v, Cell)], references(eqn), strict=True):
            # A read of a part leaves it as it is; anything else may have put anything anywhere.
            cell.value = cell.value if name == "get" else unknown(reference.aval.shape)
        rule = rule_of(eqn)
        return [rule(eqn, known, shape) for shape in shapes]

    def _while(self, eqn: Any, values: list[Any], site: Site) -> list[Any]:
        (condition, inner), shapes = bodies(eqn), [var.aval.shape for var in eqn.outvars]

        def step(carry: list[Any]) -> list[Any]:
            return self._body(inner, [*inner.taken(values), *carry], (*site.path, 1))

        carry = self._settled(values[len(values) - len(shapes) :], step, shapes, values)
        (goes_on,) = self._body(condition, [*condition.taken(values), *carry], (*site.path, 0))
        return _chosen(goes_on, carry, shapes)

    def _scan(self, eqn: Any, values: list[Any], site: Site) -> list[Any]:
        (inner,), shapes = bodies(eqn), [var.aval.shape for var in eqn.outvars]
        pairs = zip(eqn.invars, jaxpr_of(inner.body).invars, strict=True)
        # What is scanned over has an axis more outside of the body than in it; a carry has not.
        scanned = [len(outside.aval.shape) > len(inside.aval.shape) for outside, inside in pairs]
        carried = [i for i, place in enumerate(inner.operands) if place is None and not scanned[i]]
        inputs, over = list(values), [Axes((Axis.of(parameters(eqn)["length"]),))]
        for i, value in enumerate(values):
            if scanned[i] and isinstance(value, Axes):
                inputs[i] = Axes(value.axes[1:])
                over.append(Axes(value.axes[:1]))
        self._leading[site.path] = leading = together(over, (parameters(eqn)["length"],)).axes[0]
        made: list[Any] = []

        def step(carry: list[Any]) -> list[Any]:
            given = dict(zip(carried, carry, strict=True))
            outs = self._body(inner, [given.get(i, value) for i, value in enumerate(inputs)], (*site.path, 0))
            made[:] = outs[len(carried) :]
            return outs[: len(carried)]

        carry = self._settled([values[i] for i in carried], step, shapes[: len(carried)], values)
        return [*carry, *(stacked(value, leading) for value in made)]

    def _settled(self, carry: Sequence[Any], step: Callable, shapes: Sequence[Any], values: list[Any]) -> list[Any]:
        """What a loop carries, references among its operands included, once another iteration adds nothing."""
        held = [value for value in values if isinstance(value, Cell)]
        now = list(carry)
        for _ in range(len(now) + len(held) + 2):
            before = contents(held)
            outs = [together(pair, shape) for pair, shape in zip(zip(now, step(now), strict=True), shapes, strict=True)]
            if outs == now and contents(held) == before:
                break
            now = outs
        return now

    def _body(self, inner: Inner, values: list[Any], path: Path) -> list[Any]:
        """One run of a body that may run again, or not at all: a reference holds what it held or what is put there."""
        cells = [(value, value.value) for value in values if isinstance(value, Cell)]
        outs = evaluate(inner.body, values, self._handle, path)
        for cell, before in cells:
            known = [value for value in (before, cell.value) if isinstance(value, Axes)]
            cell.value = together(known, [axis.size for axis in known[0].axes]) if known else cell.value
        return outs


def _chosen(by: Any, values: list[Any], shapes: Sequence[Any]) -> list[Any]:
    """Values of which it depends on another which ones they are."""
    if not isinstance(by, Axes):
        return values
    return [value if isinstance(value, Axes) else unknown(shape) for value, shape in zip(values, shapes, strict=True)]


def _resized(value: Any, shape: Sequence[int]) -> Any:
    return value.resized(shape) if isinstance(value, Axes) else value

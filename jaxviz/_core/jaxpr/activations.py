"""Which values of a program are ReLUs, and which clamps are something else.

A value is the ReLU of the nearest earlier one of its shape that it equals `max(x, 0)` or `min(max(x, 0), c)` of,
however that is spelled. It is passed over where it is

- a part of a larger activation: all that is made of it elementwise is a function of `x` again, which `x` reaches on
  another way too (softplus, PReLU, `x + relu(x)`). Other operands that are full maps, such as the residual branch of a
  block, make it another value; constants, parameters and what is broadcast do not. A gate, which multiplies `x` itself
  (hard-swish), is no part.
- a guard: it goes into a root, a logarithm, a divisor or an index, and into nothing that is computed further.
- a check of pictures: it clips an input of the function to [0, 1] or [0, 255] ahead of the first layer.
- a constant: it does not depend on the inputs.
"""

import dataclasses
import math

import jax.numpy as jnp

from jaxviz._core.jaxpr.elementwise import IDENTITIES
from jaxviz._core.jaxpr.probe import relu_of
from jaxviz._core.jaxpr.sites import place
from jaxviz._core.jaxpr.values import GIVEN, OUTPUT, Values

_ABOVE = 16  # how many earlier values one is compared with
_STEPS = 400  # how far the readers of a clamp are followed
_RANGES = (1.0, 255.0)
_SHAPES = frozenset(
    {"broadcast_in_dim", "reshape", "squeeze", "transpose", "expand_dims", "slice", "rev", "custom", "stop_gradient"}
)
_CARRIERS = _SHAPES | frozenset("convert_element_type neg mul div sub max min clamp rem floor ceil round".split())
_SMALL = 0.5  # what is added to a guarded value to keep it from zero is less
_ROOTS = frozenset({"sqrt", "rsqrt", "log"})
_INDEXED = {"gather": 1, "dynamic_slice": 1, "dynamic_update_slice": 2}


Pairs = dict[int, tuple[int, float]]
"""For values that are ReLUs: of which value, and the ceiling."""


@dataclasses.dataclass(frozen=True)
class Clamp:
    """A value that is a ReLU: `out` of `x`, both by number, with its ceiling, and why it is no activation, if so."""

    out: int
    x: int
    ceiling: float | None
    reason: str = ""


def find_clamps(values: Values) -> list[Clamp]:
    """All ReLUs that something reads, in order of computation."""
    pairs: Pairs = {}
    for number in sorted(values.readers):
        if found := _pair(values, pairs, number):
            pairs[number] = found
    clamps = []
    for out in _whole(values, pairs):
        x, ceiling = pairs[out]
        clamps.append(Clamp(out, x, None if math.isinf(ceiling) else ceiling, _reason(values, pairs, out)))
    return clamps


def _pair(values: Values, pairs: Pairs, number: int) -> tuple[int, float] | None:
    """The nearest value that this one is the ReLU of, and the ceiling."""
    value = values.values[number]
    if not value.bend or value.constant is not None or not jnp.issubdtype(value.dtype, jnp.floating):
        return None
    own = set(value.axes)
    if any(length != 1 for axis, length in enumerate(value.shape) if axis not in own):
        return None
    found: tuple[int, float] | None = None
    for other in values.above(number, _ABOVE):
        x = values.values[other]
        if x.depth >= (value if found is None else values.values[found[0]]).bend:
            continue
        if (x.shape, x.axes, x.dtype) != (value.shape, value.axes, value.dtype):
            continue
        ceiling = relu_of(values, number, other)
        if found is None and ceiling is not None:
            found = other, ceiling
            alone = _ends_in(values, other, number)
            if alone and other in pairs:  # clamped once more: both are one
                again = relu_of(values, number, pairs[other][0])
                return found if again is None else (pairs[other][0], again)
            if not alone or not math.isinf(ceiling):
                break
        elif ceiling is not None and not math.isinf(ceiling):
            return other, ceiling  # the ceiling was put on first
    return found


def _whole(values: Values, pairs: Pairs) -> list[int]:
    """Leaves out what only moves or scales a ReLU, and a ReLU that only a ceiling is put on."""
    left = dict.fromkeys(pairs)
    for out, (x, ceiling) in pairs.items():
        for inner in _inside(values, pairs, out):
            below, inner_ceiling = pairs[inner]
            repeats = inner_ceiling == ceiling or (below != x and inner_ceiling < math.inf)
            if repeats and (_at_hand(values, inner, below) or not _at_hand(values, out, x)):
                left.pop(out, None)
            elif inner in left and out in left and _ends_in(values, inner, out):
                del left[inner]
    for out in list(left):
        for inner in values.above(out, _ABOVE) if _at_hand(values, out, pairs[out][0]) else ():
            if inner in left and not _at_hand(values, inner, pairs[inner][0]) and _ends_in(values, inner, out):
                del left[inner]  # the same, moved to where it can be overridden
    return list(left)


def _at_hand(values: Values, out: int, x: int) -> bool:
    return place(values, out, x).operand is not None


def _inside(values: Values, pairs: Pairs, out: int) -> list[int]:
    """The ReLUs between a ReLU and what it is the ReLU of."""
    top = values.values[pairs[out][0]].depth
    between = [number for number in values.above(out, _ABOVE) if number in pairs]
    return [number for number in between if values.values[pairs[number][0]].depth >= top]


def _ends_in(values: Values, start: int, end: int) -> bool:
    """Whether a value is read for the other alone."""
    seen, stack = {start, end}, [start]
    while stack:
        for reader, _ in values.readers[stack.pop()]:
            if reader == OUTPUT or not values.values[reader].elementwise or len(seen) > _STEPS:
                return False
            if reader not in seen:
                seen.add(reader)
                stack.append(reader)
    return True


def _reason(values: Values, pairs: Pairs, out: int) -> str:
    x, ceiling = pairs[out]
    if not values.values[x].depends:
        return "does not depend on the input"
    if guarded := _guards(values, out):
        return guarded
    if ceiling in _RANGES and _checks_pictures(values, out):
        return "keeps the pictures in their range"
    if _is_part(values, pairs, out):
        return "is a part of a larger activation, which its input also reaches around it"
    return ""


def _is_part(values: Values, pairs: Pairs, out: int) -> bool:
    cuts, own = [out, *_inside(values, pairs, out)], {*values.above(out, _ABOVE)}
    seen, stack, part = {out}, [out], False
    while stack and len(seen) < _STEPS:
        for reader, _ in values.readers[stack.pop()]:
            if reader == OUTPUT or not values.values[reader].elementwise:
                return False  # read by itself
            if reader in seen:
                continue
            seen.add(reader)
            if any(values.hangs_below(reader, cut) for cut in cuts):
                stack.append(reader)
            elif values.values[reader].root != values.values[out].root:
                return False  # joined with other maps
            elif values.values[reader].op == "mul" and reader not in pairs and own & {*values.values[reader].operands}:
                return False  # a gate
            else:
                part = True
    return part


def _guards(values: Values, out: int) -> str:
    """What a clamp keeps from leaving its domain; empty where it is computed with."""
    reasons: dict[str, None] = {}
    further = False
    seen, stack = {out}, [out]
    while stack and len(seen) < _STEPS:
        number = stack.pop()
        for reader, operand in values.readers[number]:
            if reader == OUTPUT:  # a running variance also leaves the function
                continue
            found = _needs(values, reader, operand)
            if found:
                reasons[found] = None
            if found in ("", _WHOLE) and not _carries(values, reader):
                further |= jnp.issubdtype(values.values[number].dtype, jnp.floating)
            elif found in ("", _WHOLE) and reader not in seen:
                seen.add(reader)
                stack.append(reader)
    if _INDEX in reasons:
        return _INDEX
    return "" if further else next(iter(reasons), "")


_INDEX, _WHOLE = "feeds an index", "becomes a whole number"


def _needs(values: Values, reader: int, operand: int) -> str:
    """The operation, where it is defined or meant for some numbers only."""
    value = values.values[reader]
    if value.op in _ROOTS:
        return f"feeds {value.op}"
    if value.op == "div" and operand == 1:
        return "divides"
    if value.op == "integer_pow" and value.params["y"] < 0:
        return "divides"
    if value.op == "pow" and operand == 0:
        power = values.values[value.operands[1]].constant
        return "feeds a root" if power is not None and (power < 0 or power != int(power)) else ""
    if value.op.startswith("scatter"):
        return _INDEX if operand == 1 else ""
    if value.op == "convert_element_type" and not jnp.issubdtype(value.dtype, jnp.floating):
        return _WHOLE
    return _INDEX if value.op in _INDEXED and operand >= _INDEXED[value.op] else ""


def _carries(values: Values, reader: int) -> bool:
    """Whether the operation leaves a guarded value what it is: moved, scaled, rounded, or kept from zero."""
    value = values.values[reader]
    if value.op in _CARRIERS or value.op in IDENTITIES:
        return True
    if value.op == "add":
        constants = [values.values[operand].constant for operand in value.operands]
        return all(constant is None or abs(constant) < _SMALL for constant in constants)
    return not jnp.issubdtype(value.dtype, jnp.floating)  # indices may be computed with


def _checks_pictures(values: Values, out: int) -> bool:
    """Whether a clamp is of an input of the program, and goes from there to a layer and nowhere else."""
    root = values.values[values.values[out].root]
    if root.op != "input" or root.rank != GIVEN or values.values[out].rank != GIVEN:
        return False
    seen, stack, layers = {out}, [out], 0
    while stack and len(seen) < _STEPS:
        for reader, _ in values.readers[stack.pop()]:
            if reader == OUTPUT:
                return False
            if reader in seen:
                continue
            seen.add(reader)
            value = values.values[reader]
            if value.op in ("conv_general_dilated", "dot_general"):
                layers += 1
            elif value.op in _SHAPES or value.op == "pad" or values.hangs_below(reader, out):
                stack.append(reader)
            else:
                return False
    return layers > 0

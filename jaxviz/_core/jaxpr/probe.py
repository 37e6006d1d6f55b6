"""Whether one value of a program is the ReLU of another: what lies between is computed for a few dozen numbers."""

import math
from typing import Any

import numpy as np

from jaxviz._core.jaxpr.elementwise import run_elementwise
from jaxviz._core.jaxpr.values import Values

_NUMBERS = np.array(
    [1e-12, 1e-6, 1e-3, 0.01, 0.1, 0.25, 0.3, 0.5, 0.7, 0.9, 1, 1.1, 1.5, 2, 2.5, 2.9, 3, 3.3, 4, 4.6, 5.5, 6, 7.3, 11,
     37.7, 100, 1234.5, 1e4]
)  # fmt: skip
_AROUND = np.array([0.5, 0.9, 0.999, 1, 1.001, 1.1, 2])
_TOLERANCE = 1e-6  # relative: constants are rounded to the network's precision
_HUGE = 1e30  # a ceiling this high is the largest number there is, and none
_MOST = 200  # equations between the two


def relu_of(values: Values, out: int, x: int) -> float | None:
    """The ceiling under which `out` is the ReLU of `x`: infinity for a plain one, None where it is no ReLU.

    What is compared is the value, on numbers of either sign, small and large, whole and not, and around each constant
    that occurs; and that it follows a second set of numbers where a `stop_gradient` holds on to the first.
    """
    program = _between(values, out, x)
    if program is None:
        return None
    constants = {
        abs(float(values.values[operand].constant))
        for number in program
        for operand in values.values[number].operands
        if values.values[operand].constant is not None
    }
    numbers = [number for number in constants if 0 < number < math.inf]
    ceiling = _compare(values, program, out, x, numbers, None)
    if ceiling is None or math.isinf(ceiling):
        return ceiling
    return _compare(values, program, out, x, [*numbers, ceiling], ceiling)


def _between(values: Values, out: int, x: int) -> list[int] | None:
    """The values computed between `x` and `out` in order, None where anything else than `x` and constants is read."""
    order: list[int] = []
    seen, stack = {x}, [(out, False)]
    while stack:
        number, done = stack.pop()
        value = values.values[number]
        if done:
            order.append(number)
        elif number not in seen and value.constant is None:
            seen.add(number)
            if not value.elementwise or value.depth <= values.values[x].depth or len(seen) > _MOST:
                return None
            stack.append((number, True))
            stack += [(operand, False) for operand in value.operands]
    return order


def _compare(
    values: Values, program: list[int], out: int, x: int, constants: list[float], ceiling: float | None
) -> float | None:
    around = np.outer(constants, _AROUND).ravel()
    sizes = np.concatenate([_NUMBERS, around[around < math.inf], [2 * max([*constants, 1e4])]])
    sizes.sort()
    tried = np.concatenate([-sizes[::-1], [0.0], sizes])
    tried = np.stack([tried, tried[::-1]])
    results = _run(values, program, out, x, tried)
    if results is None or np.shape(results)[-2:] != tried.shape:
        return None
    top = float(np.ravel(results[..., 0, -1])[0])
    found = math.inf if abs(top - tried[0, -1]) <= _TOLERANCE * top else ceiling or top
    if not found > 0:
        return None
    expected = np.clip(tried, 0, found)
    close = np.abs(results - expected) <= _TOLERANCE * np.minimum(np.abs(tried), found)
    return (math.inf if found > _HUGE else found) if close.all() else None


def _run(values: Values, program: list[int], out: int, x: int, tried: np.ndarray) -> Any:
    extra = len(values.values[x].shape) - len(values.values[x].axes)  # all of length 1
    known: dict[int, Any] = {x: tried.reshape((1,) * extra + tried.shape)}
    with np.errstate(all="ignore"):
        for number in program:
            value = values.values[number]
            operands = [
                known[operand] if operand in known else values.values[operand].constant for operand in value.operands
            ]
            if value.op == "custom":
                result = operands[0]
            else:
                result = value.run(*operands) if value.run else run_elementwise(value.op, value.params, operands)
            if result is None:
                return None
            known[number] = result
    return known[out]

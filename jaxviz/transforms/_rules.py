"""Other backward rules for the ReLUs of any JAX function, and switches for its max-pools."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, Literal, get_args

import jax
import jax.numpy as jnp
from jaxtyping import Array

from jaxviz._core.callables import as_pytree
from jaxviz._core.jaxpr.interpret import Path, Program, Site, evaluate, trace
from jaxviz._core.jaxpr.layer import Layer
from jaxviz._core.jaxpr.match import Found, Match, Matches, Search, search
from jaxviz._core.jaxpr.names import find_layers
from jaxviz._core.jaxpr.primitives import bodies, rebind, rebuild
from jaxviz.transforms._pooling import switched_max_pool

RuleName = Literal["gradient", "deconvnet", "guided", "redirected"]
Rule = RuleName | Callable[[Array, Array, Array], Array]
"""How the signal passes a ReLU on its way down."""
CustomVjp = Literal["error", "keep", "enter"]


def _gradient(y: Array, g: Array, ceiling: float | None) -> Array:
    return jnp.where(_open(y, ceiling), g, 0)


def _deconvnet(y: Array, g: Array, ceiling: float | None) -> Array:
    del y, ceiling
    return jnp.maximum(g, 0)


def _guided(y: Array, g: Array, ceiling: float | None) -> Array:
    return jnp.where(_open(y, ceiling), jnp.maximum(g, 0), 0)  # not g > 0, which would hide a NaN


def _redirected(x: Array, g: Array, ceiling: float | None) -> Array:
    low, high = x < 0, False if ceiling is None else x > ceiling
    passed = jnp.where(low | high, 0, g)
    helps = jnp.where((low & (g < 0)) | (high & (g > 0)), 0, g)
    anything = jnp.any(passed != 0, axis=tuple(range(1, x.ndim)), keepdims=True)
    return jnp.where(anything, passed, helps)


def _open(y: Array, ceiling: float | None) -> Array:
    # The output tells as much as the input, and is kept for the next layer anyway.
    return y > 0 if ceiling is None else (y > 0) & (y < ceiling)


RULES: dict[str, Callable[[Array, Array, float | None], Array]] = {
    "gradient": _gradient,
    "deconvnet": _deconvnet,
    "guided": _guided,
    "redirected": _redirected,
}
_OF_THE_INPUT = frozenset({"redirected"})  # which tells an input of zero from a negative one


def with_rule(f: Callable, rule: Rule, *, custom_vjp: CustomVjp = "error") -> Callable:
    """`f` with another backward pass through its ReLUs; max-pools go down through recorded switches.

    The values stay what they were; gradients change. What a ReLU is, is decided by what is computed and not by how it
    is spelled: a value that equals `max(x, 0)`, or `min(max(x, 0), c)`, of an earlier one, on a few dozen numbers that
    are tried. So `jax.nn.relu`, `relu6`, `jnp.clip(x, 0)`, `jnp.where(x > 0, x, 0)`, `x * (x > 0)`, `(x + |x|) / 2` are
    ReLUs, and so is the one in `relu(x + b)` and `2 * relu(x)`, wherever it stands: inside `jit`, `checkpoint`, `scan`,
    `while_loop`, `cond`, `shard_map`. What is none keeps its own gradient, and a function that has no ReLU is an error:

    - A smooth or leaky activation. Where the same `x` also reaches the elementwise result around the clamp, the
      activation is the whole: softplus, CELU, mish, PReLU, `x + relu(x)`. Not where the result is a function of other
      maps too (the residual branch of a block, a convolution of `relu(x)`), nor where a layer reads the clamp by
      itself, nor where the clamp multiplies `x`: hard-swish is `x` times a ReLU6 that gates it and follows the rule.
    - A guard, which feeds a root, a logarithm, a divisor or an index: the variance in a norm layer, a coordinate.
    - A clip of an input of `f` to [0, 1] or [0, 255] on its way to the first layer, which keeps pictures in range.
      Elsewhere it is a ReLU6 with that ceiling.
    - A clamp of what does not depend on the inputs of `f` or its parameters, such as weights of a resize.
    - A part of an elementwise `custom_jvp` function that as a whole is no ReLU.

    `matches` shows what a rule will change, and the clamps that it passes over, with the reason.

    | rule | passes down, for `y = relu(x)` and an incoming `g` |
    | --- | --- |
    | `"gradient"` | `g` where `x > 0`: ReLUs are left alone, and so are all values to the last bit |
    | `"deconvnet"` | `max(g, 0)` |
    | `"guided"` | `max(g, 0)` where `x > 0` (`relu6`: where `0 < x < 6`) |
    | `"redirected"` | `g` where `x >= 0`; if that is zero for a whole example, also `g > 0` where `x < 0` |
    | a callable | `rule(x, y, g)` |

    `"redirected"` is meant for ascent: `g` is the gradient of what is to grow. A `relu6` passes `g` where
    `0 <= x <= 6`, and if that is zero for a whole example, also what leads back from below or above.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> f = lambda x: -jax.nn.relu(x)
        >>> jax.grad(lambda x: with_rule(f, "guided")(x).sum())(jnp.array([1.0, -1.0])).tolist()
        [0.0, 0.0]

    Args:
        f: any JAX function or callable pytree. The first axis of an activation is taken for the batch.
        rule: one of the names above, or `(x, y, g) -> gx`, all of the activation's shape.
        custom_vjp: what to do with a `jax.custom_vjp` that hides a ReLU: `"error"`, `"keep"` its own rule, or
            `"enter"` it and drop that rule. A `custom_jvp` is entered where it holds a ReLU.

    Returns:
        A function like `f`, a pytree with the leaves of `f`. Reverse mode only, to any order that the rule allows.

    Raises:
        ValueError: on the call, where the rule matched nothing, or a `custom_vjp` hides a ReLU.
        NotImplementedError: on the call, where a ReLU lies in a primitive that cannot be entered, which is named.

    References:
        Deconvnet: Zeiler and Fergus, [Visualizing and Understanding Convolutional
        Networks](https://arxiv.org/abs/1311.2901), 2014, section 2.1. Guided: Springenberg et al., [Striving for
        Simplicity](https://arxiv.org/abs/1412.6806), 2015, section 3.4. Redirected: Olah et al., [Feature
        Visualization](https://distill.pub/2017/feature-visualization/), 2017, as in its published code.
    """
    if not callable(rule) and rule not in RULES:
        raise ValueError(f"`rule` must be one of {', '.join(map(repr, RULES))} or a callable, got {rule!r}.")
    if custom_vjp not in get_args(CustomVjp):
        raise ValueError(f"`custom_vjp` must be 'error', 'keep' or 'enter', got {custom_vjp!r}.")
    return WithRule(as_pytree(f), rule, custom_vjp)


@functools.partial(jax.tree_util.register_dataclass, data_fields=["f"], meta_fields=["rule", "custom_vjp"])
@dataclasses.dataclass(frozen=True, eq=False)  # compared and hashed by identity, as functions are
class WithRule:
    """A function under another backward rule; made by `with_rule`."""

    f: Callable
    rule: Rule
    custom_vjp: CustomVjp = "error"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The outputs of `f`."""
        program = trace(self.f, *args, **kwargs)
        found = _search(program, self.rule, self.custom_vjp).found
        inside = {path[:depth] for path in found for depth in range(1, len(path))}

        def handle(eqn: Any, values: list[Any], site: Site) -> list[Any] | None:
            if site.path in found:
                return [_override(eqn, values, found[site.path], site, self.rule)]
            if site.path not in inside:
                return None
            inner = bodies(eqn)

            def call(index: int, *inputs: Any) -> tuple[list[Any], dict]:
                return evaluate(inner[index].body, inputs, handle, (*site.path, index)), {}

            return rebuild(eqn, values, call)[0]

        return jax.tree.unflatten(program.out_tree, evaluate(program.body, program.leaves, handle))


def matches(
    f: Callable, images: Any, rule: Rule, *args: Any, custom_vjp: CustomVjp = "error", **kwargs: Any
) -> Matches:
    """What `with_rule(f, rule)` would change, in order of computation, and what it passes over.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> [match.op for match in matches(lambda x: jax.nn.relu6(x), jnp.ones(3), "guided")]
        ['relu6']
        >>> f = lambda x: jax.nn.relu(x) / jnp.sqrt(jnp.maximum(x.var(), 0) + 1e-3)
        >>> found = matches(f, jnp.ones(3), "guided")
        >>> len(found), [match.reason for match in found.passed_over]
        (1, ['feeds sqrt'])

    Args:
        f: any JAX function or callable pytree.
        images: its input, or a `jax.ShapeDtypeStruct` in place of it; any tree of arrays.
        rule: as for `with_rule`.
        args: further arguments of `f`, behind `images`.
        custom_vjp: as for `with_rule`.
        kwargs: further arguments of `f` by name.

    Returns:
        A list with one `Match` for each ReLU and each max-pool: its kind, the scope or layer that it belongs to, and
        its shape. Its `passed_over` lists the clamps that compute a ReLU and are none, each with its `reason`.

    Raises:
        ValueError: the rule matched nothing, or a `custom_vjp` hides a ReLU.
        NotImplementedError: a ReLU lies in a primitive that cannot be entered, which is named.
    """
    program = trace(f, images, *args, **kwargs)
    layers = find_layers(program, functions=False)
    result = _search(program, rule, custom_vjp)

    def named(path: Path, match: Match) -> Match:
        return dataclasses.replace(match, scope=match.scope or _above(layers, path))

    return Matches(
        (named(path, found.match) for path, found in result.found.items()),
        [named(path, match) for path, match in result.passed_over.items()],
    )


def _above(layers: dict[str, Layer], path: Path) -> str:
    """The first layer that is computed from there on."""
    return next((name for name, layer in layers.items() if layer.path >= path), "")


def _search(program: Program, rule: Rule, custom_vjp: str) -> Search:
    result = search(program.body, relus=rule != "gradient", enter_custom_vjp=custom_vjp == "enter")
    if result.hidden:
        raise NotImplementedError(
            f"`f` must hold its ReLUs where they can be reached, got one inside `{result.hidden[0]}`, which cannot be "
            "entered. Compute it outside of that primitive."
        )
    if result.custom and custom_vjp == "error":
        raise ValueError(
            f"`custom_vjp` must say what to do with {result.custom[0]!r}, a jax.custom_vjp that hides a ReLU, got "
            "'error'. Use 'keep' for its own backward rule or 'enter' for yours."
        )
    if rule != "gradient" and all(found.windows is not None for found in result.found.values()):
        others = f" It has {', '.join(result.others)}." if result.others else ""
        reasons = dict.fromkeys(match.reason for match in result.passed_over.values())
        others += "".join(f" A clamp in it {reason}." for reason in reasons)
        raise ValueError(
            f"`rule` must match a ReLU, got {rule!r} for a function that has none.{others} "
            "Its gradient would be the plain one: ask for rule='gradient'."
        )
    return result


def _override(eqn: Any, values: list[Any], found: Found, site: Site, rule: Rule) -> Array:
    x = site.read(found.operand)
    if found.windows is not None:
        return switched_max_pool(x, found.windows, x.shape)
    # The output comes from the equation itself, so that it is the same to the last bit.
    y = rebind(eqn, jax.lax.stop_gradient(values))[0]
    return ruled_relu(x, y, rule, found.match.ceiling)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def ruled_relu(x: Array, y: Array, rule: Rule, ceiling: float | None) -> Array:
    """`y`, as an activation of `x` with the backward pass of `rule`; layers are looked for under this name."""
    del x, rule, ceiling
    return y


def _forward(x: Array, y: Array, rule: Rule, ceiling: float | None) -> tuple[Array, tuple[Array, ...]]:
    # By the rule again, for a second derivative to see it; `y` alone depends on nothing.
    y = ruled_relu(x, y, rule, ceiling)
    return y, (x, y) if callable(rule) else (x,) if rule in _OF_THE_INPUT else (y,)


def _backward(rule: Rule, ceiling: float | None, residuals: tuple[Array, ...], g: Array) -> tuple[Array, None]:
    if callable(rule):
        x, y = residuals
        return rule(x, y, g), None
    (kept,) = residuals
    return RULES[rule](kept, g, ceiling), None


ruled_relu.defvjp(_forward, _backward)

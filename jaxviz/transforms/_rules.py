"""Other backward rules for the ReLUs of any JAX function, and switches for its max-pools."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from jaxviz.transforms._callable import callee
from jaxviz.transforms._interpret import Path, Program, Site, evaluate, trace
from jaxviz.transforms._match import Found, Match, Search, search
from jaxviz.transforms._names import Layer, find_layers
from jaxviz.transforms._pooling import switched_max_pool
from jaxviz.transforms._primitives import bodies, rebind, rebuild

Rule = str | Callable[[Array, Array, Array], Array]


def _gradient(y: Array, g: Array, ceiling: float | None) -> Array:
    return jnp.where(_open(y, ceiling), g, 0)


def _deconvnet(y: Array, g: Array, ceiling: float | None) -> Array:
    del y, ceiling
    return jnp.maximum(g, 0)


def _guided(y: Array, g: Array, ceiling: float | None) -> Array:
    return jnp.where(_open(y, ceiling) & (g > 0), g, 0)


def _redirected(y: Array, g: Array, ceiling: float | None) -> Array:
    passed = _gradient(y, g, ceiling)
    helps = (y <= 0) & (g > 0) if ceiling is None else ((y <= 0) & (g > 0)) | ((y >= ceiling) & (g < 0))
    anything = jnp.any(passed != 0, axis=tuple(range(1, y.ndim)), keepdims=True)
    return jnp.where(anything, passed, jnp.where(helps, g, passed))


def _open(y: Array, ceiling: float | None) -> Array:
    # The output tells as much as the input, and is kept for the next layer anyway.
    return y > 0 if ceiling is None else (y > 0) & (y < ceiling)


RULES: dict[str, Callable[[Array, Array, float | None], Array]] = {
    "gradient": _gradient,
    "deconvnet": _deconvnet,
    "guided": _guided,
    "redirected": _redirected,
}


def with_rule(f: Callable, rule: Rule, *, custom_vjp: str = "error") -> Callable:
    """`f` with another backward pass through its ReLUs; max-pools go down through recorded switches.

    The values stay what they were; gradients change. ReLUs are found by structure: `jax.nn.relu`, `jax.nn.relu6` (any
    ceiling), `jnp.maximum(x, 0)`, `jnp.clip(x, 0)`, `jnp.where(x > 0, x, 0)`, wherever they stand: inside `jit`,
    `checkpoint`, `scan`, `while_loop`, `cond`, `shard_map`. Leaky ReLU, ELU, SiLU and GELU are no ReLUs: they keep
    their own gradient, and a function that has only those is an error. `hard_sigmoid` and `hard_swish` are built on
    `relu6`, which follows the rule. Look at `matches` to see what a rule will change.

    | rule | passes down, for `y = relu(x)` and an incoming `g` |
    | --- | --- |
    | `"gradient"` | `g` where `x > 0`: ReLUs are left alone, and so are all values to the last bit |
    | `"deconvnet"` | `max(g, 0)` |
    | `"guided"` | `max(g, 0)` where `x > 0` (`relu6`: where `0 < x < 6`) |
    | `"redirected"` | as the gradient, but where that is zero for a whole example, also `g > 0` where `x <= 0` |
    | a callable | `rule(x, y, g)` |

    `"redirected"` is meant for ascent: `g` is the gradient of what is to grow.

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
    if custom_vjp not in ("error", "keep", "enter"):
        raise ValueError(f"`custom_vjp` must be 'error', 'keep' or 'enter', got {custom_vjp!r}.")
    return WithRule(callee(f), rule, custom_vjp)


@functools.partial(jax.tree_util.register_dataclass, data_fields=["f"], meta_fields=["rule", "custom_vjp"])
@dataclasses.dataclass(frozen=True, eq=False)  # compared and hashed by identity, as functions are
class WithRule:
    """A function under another backward rule; made by `with_rule`."""

    f: Callable
    rule: Rule
    custom_vjp: str = "error"

    def __call__(self, *args: Any) -> Any:
        """The outputs of `f`."""
        program = trace(self.f, *args)
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


def matches(f: Callable, images: Any, rule: Rule, *, custom_vjp: str = "error") -> list[Match]:
    """What `with_rule(f, rule)` would change, in order of computation.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> [match.op for match in matches(lambda x: jax.nn.relu6(x), jnp.ones(3), "guided")]
        ['relu6']

    Args:
        f: any JAX function or callable pytree.
        images: its input, or a `jax.ShapeDtypeStruct` in place of it.
        rule: as for `with_rule`.
        custom_vjp: as for `with_rule`.

    Returns:
        One `Match` for each ReLU and each max-pool: its kind, the scope or layer that it belongs to, and its shape.

    Raises:
        ValueError: the rule matched nothing, or a `custom_vjp` hides a ReLU.
        NotImplementedError: a ReLU lies in a primitive that cannot be entered, which is named.
    """
    program = trace(f, images)
    layers = find_layers(program.body)
    return [
        dataclasses.replace(found.match, scope=found.match.scope or _above(layers, path))
        for path, found in _search(program, rule, custom_vjp).found.items()
    ]


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
        others = f" It has {', '.join(sorted(set(result.others)))}." if result.others else ""
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
    return _ruled(x, y, rule, found.match.ceiling)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def _ruled(x: Array, y: Array, rule: Rule, ceiling: float | None) -> Array:
    """`y`, as an activation of `x` with the backward pass of `rule`."""
    del x, rule, ceiling
    return y


def _forward(x: Array, y: Array, rule: Rule, ceiling: float | None) -> tuple[Array, tuple[Array, ...]]:
    # By the rule again, for a second derivative to see it; `y` alone depends on nothing.
    y = _ruled(x, y, rule, ceiling)
    return y, (x, y) if callable(rule) else (y,)


def _backward(rule: Rule, ceiling: float | None, residuals: tuple[Array, ...], g: Array) -> tuple[Array, None]:
    if callable(rule):
        x, y = residuals
        return rule(x, y, g), None
    (y,) = residuals
    return RULES[rule](y, g, ceiling), None


_ruled.defvjp(_forward, _backward)

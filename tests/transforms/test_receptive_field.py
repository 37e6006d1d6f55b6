"""Against what a naive perturbation of every pixel changes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.ad_checkpoint import checkpoint_name

import jaxviz as jv
from tests.quick import jit

SHAPE = (11, 13, 2)


def conv(x, size, maps=3, stride=1, padding="SAME", **options):
    """Of positive weights: with a pixel that is raised rises all that it can reach."""
    groups = options.get("feature_group_count", 1)
    size = (size, size) if isinstance(size, int) else size
    kernel = jnp.ones((*size, x.shape[-1] // groups, maps)) / 8
    strides = (stride, stride) if isinstance(stride, int) else stride
    numbers = ("NHWC", "HWIO", "NHWC")
    return jax.lax.conv_general_dilated(x, kernel, strides, padding, dimension_numbers=numbers, **options)


BANDS = np.zeros((11, 13, 4), np.float32)
BANDS[[2, 3, 7, 9], [5, 5, 1, 12], [0, 0, 1, 3]] = 1


def pool(x, size=3, stride=2, padding="VALID"):
    return jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, size, size, 1), (1, stride, stride, 1), padding)


def scanned(x):
    def step(carry, scale):
        carry = conv(carry, 3, 2) * scale
        return carry, carry[:, ::2]

    last, made = jax.lax.scan(step, x, jnp.ones(2))
    return jnp.concatenate([last[:, ::2], made[0]], -1)


NETWORKS = {
    "stride and one-sided padding": lambda x: conv(x, (3, 4), stride=(2, 3), padding=[(0, 2), (3, 1)]),
    "depth": lambda x: conv(pool(jax.nn.relu(conv(x, 3))), 3, stride=2),
    "dilation": lambda x: conv(conv(x, (2, 3), rhs_dilation=(3, 2)), 1, stride=2),
    "transposed": lambda x: conv(conv(x, 3, stride=2), 3, padding=[(2, 1), (2, 1)], lhs_dilation=(2, 2)),
    "branches": lambda x: conv(jnp.concatenate([conv(x, 1), pool(x, 5, 1, "SAME"), conv(x, (3, 1))], -1), 1),
    "channels apart": lambda x: jnp.concatenate([conv(x, 1), conv(x, 3)], -1),
    "grouped over channels apart": lambda x: conv(
        jnp.concatenate([conv(x, 1, 2), conv(x, 5, 2)], -1), 1, 4, feature_group_count=2
    ),
    "residual": lambda x: conv(x, 1, stride=2) + conv(conv(x, 3, stride=2), 3),
    "squeeze and excite": lambda x: x[..., :1] + 0.1 * x.mean((1, 2), keepdims=True)[..., 1:],
    "crop, pad, flip": lambda x: jnp.pad(x[:, 2:9, ::2], ((0, 0), (3, 1), (0, 2), (0, 0)))[:, ::-1],
    "only padding": lambda x: conv(x, 2, padding=[(4, 0), (0, 3)]),
    "channels first": lambda x: pool(conv(x.transpose(0, 3, 1, 2).transpose(0, 2, 3, 1), 3)).transpose(0, 3, 1, 2),
    "flattened": lambda x: pool(conv(x, 3, 1), 3, 3).reshape(1, -1),
    "dense over rows": lambda x: jnp.einsum("nhwc,wk->nhkc", x, jnp.ones((13, 4))),
    "cumulative": lambda x: jnp.cumsum(x, 1),
    "scan": scanned,
    "cond": lambda x: jax.lax.cond(True, lambda x: conv(x, 3), lambda x: conv(x, 3) * 2, x),
    "resized, linear": lambda x: jax.image.resize(x, (1, 22, 26, 2), "linear"),
    "resized, cubic": lambda x: jax.image.resize(conv(x, 3), (1, 22, 26, 2), "cubic"),
    "resized, nearest": lambda x: jax.jit(lambda x: jax.image.resize(x, (1, 17, 7, 2), "nearest"))(x),
    "moved": lambda x: jax.image.scale_and_translate(
        x, (1, 9, 9, 2), (1, 2), jnp.array([0.7, 1.3]), jnp.array([1.0, -0.5]), "linear"
    ),
    "banded from the left": lambda x: jnp.einsum("ih,nhwc->niwc", jnp.eye(11) + jnp.eye(11, k=2), x),
    "banded over two axes": lambda x: jnp.tensordot(x, BANDS, ((1, 2), (0, 1)))[:, None, :, ::-1],
    "rows by number": lambda x: x[:, jnp.array([3, 1, 7])][:, :, ::2],
    "rows by number, some beyond": lambda x: jnp.take(x, jnp.array([3, 1, 99]), axis=1, mode="fill", fill_value=0.0),
    "a slice at a constant place": lambda x: jax.lax.dynamic_slice(x, (0, jnp.arange(9)[2], 1, 0), (1, 3, 2, 2)),
    "patches": lambda x: conv(x[:, :9, :12].reshape(1, 3, 3, 4, 3, 2).sum((2, 4)), 1),
    "average": lambda x: jax.lax.reduce_window(x, 0.0, jax.lax.add, (1, 2, 3, 1), (1, 2, 3, 1), "SAME"),
    "clipped": lambda x: jnp.clip(jnp.maximum(conv(x, 3), conv(x, 1)), -1e9, 1e9),
}


def naive(f):
    """Of every unit the smallest box around the pixels that change it, by raising each by much."""
    image = jax.random.uniform(jax.random.key(0), (1, *SHAPE))
    rows, cols, planes = jnp.unravel_index(jnp.arange(np.prod(SHAPE)), SHAPE)
    raised = jax.vmap(lambda row, col, plane: image.at[0, row, col, plane].add(1e4))(rows, cols, planes)
    # More than rounding, less than the weakest path.
    changed = np.abs(np.asarray(jit(jax.vmap(f))(raised)) - np.asarray(f(image))) > 0.5
    changed = changed[:, 0]
    changed = changed.reshape(*SHAPE, *changed.shape[1:]).any(2)
    boxes = np.zeros((*changed.shape[2:], 4), int)
    for unit in np.ndindex(changed.shape[2:]):
        at_rows, at_cols = np.nonzero(changed[(..., *unit)])
        if at_rows.size:
            boxes[unit] = at_rows.min(), at_cols.min(), at_rows.max() + 1, at_cols.max() + 1
    return boxes


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.slow if name == "moved" or "resized" in name else []) for name in NETWORKS],
)
def test_it_is_the_box_of_all_pixels_that_change_a_unit(name):
    f = NETWORKS[name]
    found = jv.receptive_field(lambda x: checkpoint_name(f(x), "layer"), jnp.zeros((1, *SHAPE)), "layer")
    np.testing.assert_array_equal(found, naive(f))


def test_the_layer_may_lie_below_more_and_inside_of_a_jit():
    f = jax.jit(lambda x: conv(checkpoint_name(conv(x, 3), "layer"), 5))
    found = jv.receptive_field(f, jax.ShapeDtypeStruct((4, *SHAPE), jnp.float32), "layer")
    assert found[5, 5, 1].tolist() == [4, 4, 7, 7]


def test_what_cannot_be_followed_is_taken_to_need_everything():
    f = lambda x: checkpoint_name(conv(jnp.sort(x, 1)[:, ::2], 3), "layer")  # noqa: E731
    found = jv.receptive_field(f, jnp.zeros((1, *SHAPE)), "layer")
    assert (found == [0, 0, 11, 13]).all()


def test_places_that_the_image_decides_are_taken_to_be_anywhere():
    def f(x):
        return checkpoint_name(jnp.take(x, x[0, 0, 0, 0].astype(int)[None], axis=1), "row")

    assert (jv.receptive_field(f, jnp.zeros((1, 7, 8, 1)), "row") == [0, 0, 7, 8]).all()


def test_a_parameter_that_happens_to_be_zero_is_followed():
    """What a unit can see is a matter of the network, not of what it was trained to."""

    @jax.tree_util.Partial
    def f(kernel, x):
        return checkpoint_name(jnp.einsum("nhwc,hk->nkwc", x, kernel), "rows")

    f = jax.tree_util.Partial(f.func, jnp.zeros((7, 3)))
    assert (jv.receptive_field(f, jnp.zeros((1, 7, 8, 1)), "rows")[..., [0, 2]] == [0, 7]).all()


def test_a_layer_that_does_not_depend_on_the_images_is_refused():
    f = lambda x: x + checkpoint_name(jnp.ones((1, 2)), "layer").sum()  # noqa: E731
    with pytest.raises(ValueError, match="`layer` must depend on the images, got 'layer'"):
        jv.receptive_field(f, jnp.zeros((1, *SHAPE)), "layer")

"""What one method's maps of a batch of images are worth, measured in the same way for all."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import scipy.ndimage

import models
from jaxviz import metrics
from jaxviz.attribution import METHODS, Settings
from scripts.trust.methods import FLOORS, maps

_BLUR = 10.0
_MOSAIC = 4
_NOISY = 25
_OTHER, _MOSAIC_DRAW, _CASCADE = 1, 2, 3  # 0 is the map itself


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Measure:
    """From a network and a batch of images to the numbers of each image.

    Attributes:
        cascade: the network with more and more of its layers randomized, stacked.
        examples: of the data, in the range of the network: baselines, and the other images of a mosaic.
        classes: of the examples.
        name: of the method.
        layer: that is read by the methods that read one.
        steps: of the insertion and deletion curves.
        samples: of the methods that take a mean.
        masks: of RISE.
        changes: copies for the sensitivity.
        seed: of all that is drawn.
    """

    cascade: models.Network
    examples: jax.Array
    classes: jax.Array
    name: str = dataclasses.field(metadata={"static": True})
    layer: str = dataclasses.field(metadata={"static": True})
    steps: int = dataclasses.field(metadata={"static": True})
    samples: int = dataclasses.field(metadata={"static": True})
    masks: int = dataclasses.field(metadata={"static": True})
    changes: int = dataclasses.field(metadata={"static": True})
    seed: int = dataclasses.field(metadata={"static": True})

    def __call__(self, network: models.Network, images: jax.Array, labels: jax.Array) -> dict[str, jax.Array]:
        """Arrays by the names of the metrics; NaN where a map is blank, or the metric does not apply."""
        key = self._settings().key
        logits = network(images)
        targets = logits.argmax(-1)
        others = _another(logits, _keys(key, images))
        found = self.maps(network, images, targets)
        moved = metrics.max_sensitivity(
            lambda near: self.maps(network, near, targets), images, key=key, num_samples=self.changes
        )
        start = (network, images, targets, found)
        blurred = _blurred(images)
        insertion = metrics.insertion(*start, num_steps=self.steps, baseline=blurred)
        deletion = metrics.deletion(*start, num_steps=self.steps)
        other, _ = likeness(found, self.maps(network, images, others, _OTHER))
        ranks, structures = likeness(found[:, None], jnp.moveaxis(self.redrawn(images, targets), 0, 1))
        return {
            "insertion": insertion.area,
            "insertion_curve": insertion.values,
            "deletion": deletion.area,
            "deletion_curve": deletion.values,
            "road": metrics.road(*start, key=key).score,
            "mosaic": self._mosaic(network, images, labels, targets),
            "redrawn": ranks[:, 0],
            "rank": ranks,
            "ssim": structures,
            "other": other,
            "sensitivity": moved,
            "infidelity": self._infidelity(network, images, targets),
            "sparseness": metrics.sparseness(found),
            "target": targets,
            "other_target": others,
        }

    def maps(self, network: models.Network, images: jax.Array, targets: jax.Array, draw: int | jax.Array = 0):
        """One map for each image, as large as the image."""
        return maps(self.name, network, images, targets, self._settings(), jnp.asarray(draw))

    def redrawn(self, images: jax.Array, targets: jax.Array) -> jax.Array:
        """The maps of the networks of the cascade, `(depths, n, h, w)`."""
        depths = len(jax.tree.leaves(self.cascade)[0])

        def one(pair: tuple[models.Network, jax.Array]) -> jax.Array:
            return self.maps(pair[0], images, targets, pair[1])

        # A loop, so that a method is compiled once for all of them.
        return jax.lax.map(one, (self.cascade, _CASCADE + jnp.arange(depths)))

    def _settings(self) -> Settings:
        return Settings(self.layer, jax.random.key(self.seed), self.samples, self.masks, self.examples)

    def _infidelity(self, network: models.Network, images: jax.Array, targets: jax.Array) -> jax.Array:
        """As a share of what a map of zeros leaves; of the methods that are gradients, by a rule or smoothed."""
        nothing = jnp.full(len(images), jnp.nan)
        if self.name in FLOORS or METHODS[self.name].summed:
            return nothing
        found = METHODS[self.name].call(network, images, targets, self._settings())
        if found.shape != images.shape:
            return nothing
        options = {"key": self._settings().key, "normalize": True, "num_samples": _NOISY}
        whole = metrics.infidelity(network, images, targets, jnp.zeros_like(images), **options)
        left = metrics.infidelity(network, images, targets, found, **options)
        return jnp.where(whole > 0, left / jnp.where(whole > 0, whole, 1), jnp.nan)

    def _mosaic(self, network: models.Network, images: jax.Array, labels: jax.Array, targets: jax.Array) -> jax.Array:
        """The share of the energy on the image itself; NaN where the network does not know it, or all are alike."""
        if len(self.classes) < _MOSAIC - 1:
            return jnp.full(len(images), jnp.nan)
        keys = _keys(self._settings().key, images)
        alike = self.classes == labels[:, None]
        draws = jax.vmap(lambda key: jax.random.uniform(key, self.classes.shape))(keys)
        # Those of another class first, in random order.
        chosen = jnp.argsort(draws + alike, axis=1)[:, : _MOSAIC - 1]
        enough = jnp.take_along_axis(~alike, chosen, 1).all(1)
        place = jax.vmap(lambda key: jax.random.randint(jax.random.fold_in(key, 1), (), 0, _MOSAIC))(keys)
        tiles = jnp.concatenate([images[:, None], self.examples[chosen]], 1)
        # The image itself at `place`, the others in their order around it.
        order = (jnp.arange(_MOSAIC) - place[:, None]) % _MOSAIC
        mosaic = in_quarters(jnp.take_along_axis(tiles, order[..., None, None, None], 1))
        own = in_quarters(jnp.broadcast_to((order == 0)[..., None, None, None], (*order.shape, *images.shape[1:3], 1)))
        found = self.maps(network, mosaic, labels, _MOSAIC_DRAW)
        share = metrics.energy_in(found, own[..., 0] > 0.5)
        return jnp.where(enough & (targets == labels), share, jnp.nan)


def in_quarters(tiles: jax.Array) -> jax.Array:
    """Four images `(n, 4, h, w, c)` in the four quarters of one `(n, h, w, c)`."""
    num, _, height, width, channels = tiles.shape
    rows, cols = (height // 2, height - height // 2), (width // 2, width - width // 2)
    small = [
        jax.image.resize(
            tiles[:, quarter].astype(jnp.float32), (num, rows[quarter // 2], cols[quarter % 2], channels), "linear"
        )
        for quarter in range(_MOSAIC)
    ]
    return jnp.concatenate([jnp.concatenate(small[:2], 2), jnp.concatenate(small[2:], 2)], 1)


def likeness(maps: jax.Array, others: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Rank correlation and structural similarity of absolute values; no number where a map is blank.

    Args:
        maps: `(n, h, w)` or `(n, 1, h, w)`.
        others: `(n, h, w)` or `(n, m, h, w)`.

    Returns:
        A number for each of the others.
    """
    maps = jnp.broadcast_to(maps, others.shape)
    flat, flat_others = (_unit(some.reshape(-1, *some.shape[-2:])) for some in (maps, others))
    rank = metrics.rank_correlation(flat, flat_others)
    structure = jnp.where(jnp.isnan(rank), jnp.nan, metrics.ssim(flat, flat_others))
    return rank.reshape(others.shape[:-2]), structure.reshape(others.shape[:-2])


def scaled(maps: jax.Array) -> jax.Array:
    """Values from -1 to 1, of which one at least is as large as that; signs as they were."""
    most = jnp.abs(maps).max((-2, -1), keepdims=True)
    return maps / jnp.where(most > 0, most, 1)


def _unit(maps: jax.Array) -> jax.Array:
    return jnp.abs(scaled(maps))


def _keys(key: jax.Array, images: jax.Array) -> jax.Array:
    """A key for each image that depends on nothing but the image."""
    bits = jax.lax.bitcast_convert_type(images.mean((1, 2, 3)).astype(jnp.float32), jnp.uint32)
    return jax.vmap(lambda one: jax.random.fold_in(key, one))(bits)


def _another(logits: jax.Array, keys: jax.Array) -> jax.Array:
    """A class that has something to explain: where a network ends in a ReLU, most have no gradient."""
    draws = jax.vmap(lambda key: jax.random.uniform(key, logits.shape[1:]))(keys)
    first = jnp.arange(logits.shape[1]) == logits.argmax(-1)[:, None]
    return (draws + (logits > 0) - 2 * first).argmax(-1)


def _blurred(images: jax.Array) -> jax.Array:
    """Through a Gaussian, the edges repeated."""
    rows, cols = (
        jnp.asarray(scipy.ndimage.gaussian_filter1d(np.eye(size), _BLUR, axis=0, mode="nearest"), jnp.float32)
        for size in images.shape[1:3]
    )
    return jnp.einsum("ij,njwc->niwc", rows, jnp.einsum("kw,nhwc->nhkc", cols, images))

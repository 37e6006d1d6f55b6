"""The networks by name, and their weights from files."""

import dataclasses
import difflib
import functools
import hashlib
from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np
from flax import nnx
from safetensors import SafetensorError
from safetensors.numpy import load as parse_safetensors

from models.network import Network, Spec
from models.squeezenet import SqueezeNet

CHECKPOINTS = Path(__file__).parents[1] / "checkpoints"


@dataclasses.dataclass(frozen=True)
class Entry:
    """How a network is made: its architecture, what it expects, and the checksum of its committed weights."""

    module: Callable[..., nnx.Module]
    spec: Callable[[], Spec]
    sha256: str


def names() -> list[str]:
    """The names that `load` knows."""
    return list(_NETWORKS)


def load(name: str, weights: str | Path | None = None) -> Network:
    """A network with its weights.

    Args:
        name: one of `names()`.
        weights: a safetensors file, keyed by the paths of the parameters (`fire2/squeeze1x1/kernel`). None reads the
            committed one, without a network.

    Returns:
        The network, a callable pytree.

    Raises:
        ValueError: an unknown name, or a file that is truncated, of another network, or not finite.
        FileNotFoundError: no such file.
    """
    if name not in _NETWORKS:
        close = difflib.get_close_matches(name, _NETWORKS, 1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise ValueError(f"`name` must be one of {', '.join(_NETWORKS)}, got {name!r}.{hint}")
    entry = _NETWORKS[name]
    path = Path(weights) if weights else CHECKPOINTS / f"{name}.safetensors"
    if not path.is_file():
        raise FileNotFoundError(f"`weights` must be a file, got {path}. Restore or download it.")
    content = path.read_bytes()
    if not weights and hashlib.sha256(content).hexdigest() != entry.sha256:
        raise ValueError(f"`weights` must be the committed file, got {path} with another checksum. Check it out again.")
    try:
        arrays = parse_safetensors(content)
    except SafetensorError as error:
        raise ValueError(f"`weights` must be a safetensors file, got {path}: {error}. Get it again.") from error
    graphdef, state = nnx.split(nnx.eval_shape(lambda: entry.module(rngs=nnx.Rngs(0))))
    return Network(fill(state, arrays, str(path)), graphdef, entry.spec())


def fill(state: nnx.State, arrays: dict[str, np.ndarray], source: str) -> nnx.State:
    """The state with every parameter taken from `arrays`, keyed by path.

    Raises:
        ValueError: with all that does not fit: missing, unknown, of another shape, not finite.
    """
    wanted = {"/".join(map(str, path)): variable for path, variable in nnx.to_flat_state(state)}
    problems = [f"{key} is missing" for key in wanted.keys() - arrays.keys()]
    problems += [f"{key} is unknown" for key in arrays.keys() - wanted.keys()]
    for key in wanted.keys() & arrays.keys():
        if arrays[key].shape != wanted[key].shape:
            problems.append(f"{key} has shape {arrays[key].shape} and not {wanted[key].shape}")
        elif not np.isfinite(arrays[key]).all():
            problems.append(f"{key} is not finite")
    if problems:
        shown = "; ".join(sorted(problems)[:10]) + (f"; and {len(problems) - 10} more" if len(problems) > 10 else "")
        raise ValueError(f"`weights` must fit the network, got {source}: {shown}. Give the weights of this network.")
    flat = [
        (path, v.replace(jax.numpy.asarray(arrays["/".join(map(str, path))]))) for path, v in nnx.to_flat_state(state)
    ]
    return nnx.from_flat_state(flat)


@functools.cache
def imagenet_labels() -> tuple[str, ...]:
    """The first WordNet lemma of each of the 1000 ImageNet classes, spaces as underscores."""
    return tuple((Path(__file__).parent / "imagenet_labels.txt").read_text().split())


_NETWORKS = {
    "squeezenet": Entry(
        SqueezeNet,
        lambda: Spec(
            "squeezenet",
            (227, 227, 3),
            imagenet_labels(),
            mean=(103.939, 116.779, 123.68),
            scale=255.0,
            bgr=True,
            resize=240,
            any_size=True,
        ),
        sha256="2f3a80c5bbc3b172f6765639edad8f3b0db22dc574c46e65be0ffbb9e68094a3",
    ),
}

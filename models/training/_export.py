"""The weights of a network as a file that `models.load` reads."""

import numpy as np
from flax import nnx
from safetensors.numpy import save

from models.network import Network


def to_safetensors(network: Network) -> bytes:
    """The parameters under their own paths (`conv1/kernel`), as the content of a safetensors file.

    The same weights give the same bytes, and so the same checksum.
    """
    flat = nnx.to_flat_state(network.state)
    return save({"/".join(map(str, path)): np.ascontiguousarray(variable[...]) for path, variable in flat})

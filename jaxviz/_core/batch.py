"""How many images go through a network at a time where nobody says how many."""

import math
from collections.abc import Callable
from typing import Any

import jax

from jaxviz._core.grown import num_rows
from jaxviz._core.incremental.flat import Slot, flatten
from jaxviz._core.jaxpr.interpret import trace
from jaxviz._core.program import once

# A layer that has left the cache when the next one reads it is what a large batch costs on a CPU: a gradient of
# SqueezeNet in a loop (3.3 MB for its largest map, 16 MB of cache) takes 28, 26, 28, 29 and 32 ms of processor time an
# image at batches of 1, 2, 4, 8 and 16. Assumed and not asked for, so that a result does not depend on the processor.
_CACHE = 2**24
_MOST_ON_CPU = 64
# Every chunk reads all weights, so that those of a large network ask for more images: ResNet-18 (47 MB) takes 150, 121,
# 107 and 101 ms an image at batches of 1, 2, 4 and 8.
_WEIGHTS = 8
_CPU_BYTES = 2**31
# An accelerator wants as many as its memory bears. Not measured.
_SHARE = 1 / 4
_MOST = 256
_UNKNOWN_MEMORY = 2**32


def default_batch(f: Callable, images: Any) -> int:
    """How many images go through `f`, or a gradient of it, at a time: at least 1; computed once for a structure.

    On a CPU as many as keep the operands and outputs of the largest operation in the cache, and so many that the
    activations have eight times the bytes of the weights, within 2 GB. On an accelerator, whose memory is what bounds
    it, as many as hold all activations at once in a quarter of that, a power of two.

    Args:
        f: any JAX function or callable pytree.
        images: `(n, h, w, c)`, or their shape and dtype; any tree of such with the examples first.
    """
    return once(_default_batch, f, images)


def _default_batch(f: Callable, images: Any) -> int:
    flat = flatten(trace(f, images))
    reached, num_images = flat.depends(*flat.inputs[flat.num_own :]), num_rows(images)

    def size(slots: list[Slot]) -> float:
        return sum(slot.nbytes for slot in slots if slot.index in reached) / num_images

    largest = max((size(op.slots) for op in flat.ops), default=0) or 1
    activations = sum(size(list(op.outputs)) for op in flat.ops) or 1
    if jax.default_backend() == "cpu":
        wanted = max(int(_CACHE / largest), math.ceil(_WEIGHTS * flat.held_bytes() / activations))
        return max(1, min(_MOST_ON_CPU, int(_CPU_BYTES / activations), wanted))
    stats = jax.local_devices()[0].memory_stats() or {}
    fitting = min(_MOST, int(_SHARE * stats.get("bytes_limit", _UNKNOWN_MEMORY) / activations))
    return 2 ** (max(1, fitting).bit_length() - 1)

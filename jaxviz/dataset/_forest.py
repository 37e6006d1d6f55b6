"""Partial results merged in a fixed tree, so that a sum does not depend on who added it up, nor when.

A batch is a leaf of a binary tree over all batches, and two halves are merged as soon as both are there. So a partial
result is a set of complete subtrees that grows with the logarithm of the number of batches, and to merge two is to
unite the sets: associative and commutative down to the last bit, although the addition of floats is neither.
"""

from collections.abc import Callable
from typing import Any

Partial = dict[str, Any]
"""What a study knows of some batches: NumPy arrays or numbers, by name."""
Node = tuple[int, int]
"""A level and a place on it: the batches `place * 2**level` and the `2**level - 1` after it."""
Forest = dict[Node, Partial]
"""Complete subtrees of which none is a part of another, and no two of which are halves of one."""
Merge = Callable[[Partial, Partial], Partial]


def insert(forest: Forest, batch: int, partial: Partial, merge: Merge) -> Forest:
    """The forest with one batch more."""
    return _joined(forest, (0, batch), partial, merge)


def union(forests: list[Forest], merge: Merge) -> Forest:
    """All that is in several forests that have no batch in common; the order does not matter."""
    whole: Forest = {}
    for forest in forests:
        for node, partial in forest.items():
            whole = _joined(whole, node, partial, merge)
    return whole


def reduce(forest: Forest, merge: Merge) -> Partial:
    """What the whole forest knows: its trees merged from the first batch to the last."""
    trees = [forest[node] for node in sorted(forest, key=lambda node: node[1] << node[0])]
    whole = trees[0]
    for partial in trees[1:]:
        whole = merge(whole, partial)
    return whole


def _joined(forest: Forest, node: Node, partial: Partial, merge: Merge) -> Forest:
    grown = dict(forest)
    level, place = node
    while (other := grown.pop((level, place ^ 1), None)) is not None:
        partial = merge(other, partial) if place % 2 else merge(partial, other)
        level, place = level + 1, place // 2
    grown[(level, place)] = partial
    return grown

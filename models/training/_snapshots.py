"""The state of a training on the disk: whole under its name or not there, whatever interrupts the writing."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jax

from models.training._step import State


class Snapshots:
    """The newest state of one training, with the epoch that it was left after."""

    def __init__(self, checkpointer: Any, run: dict[str, Any]):
        self._checkpointer, self._run = checkpointer, run

    def load(self, like: State) -> tuple[int, State]:
        """The epoch and the state that were saved last; 0 and `like` where there are none.

        Raises:
            ValueError: they are of another training.
        """
        newest = self._checkpointer.latest
        if newest is None:
            return 0, like
        run = self._checkpointer.metadata(newest.step).custom_metadata
        if run != self._run:
            differing = [key for key in sorted({*run, *self._run}) if run.get(key) != self._run.get(key)]
            raise ValueError(
                f"`folder` must hold snapshots of the same training, got some that differ in {', '.join(differing)}. "
                "Give another folder, or delete them."
            )
        leaves, tree = jax.tree.flatten(like)
        saved = self._checkpointer.load(
            newest.step, {name: _abstract(leaf) for name, leaf in _numbered(leaves).items()}
        )
        return newest.step, jax.tree.unflatten(tree, [saved[name] for name in _numbered(leaves)])

    def save(self, epoch: int, state: State) -> None:
        """Keep the state after an epoch, and then drop the one before."""
        self._checkpointer.save(epoch, _numbered(jax.tree.leaves(state)), custom_metadata=self._run)


@contextmanager
def snapshots(folder: Path, run: dict[str, Any]) -> Iterator[Snapshots]:
    """The snapshots in a folder, which is made where it is missing.

    Args:
        folder: for these snapshots alone.
        run: what tells this training from others, as JSON.
    """
    from orbax.checkpoint.experimental.v1 import training

    newest: Any = training.preservation_policies.LatestN(1)
    path: Any = folder.absolute()
    with training.Checkpointer(path, preservation_policy=newest, cleanup_tmp_directories=True) as checkpointer:
        yield Snapshots(checkpointer, run)


def _abstract(leaf: Any) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=leaf.sharding)


def _numbered(leaves: list[Any]) -> dict[str, Any]:
    return {f"{number:04}": leaf for number, leaf in enumerate(leaves)}

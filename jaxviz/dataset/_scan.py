"""One pass of a network over a data set, on one device or many, from where an interrupted one left off."""

import collections
import dataclasses
import importlib.metadata
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding

from jaxviz._core.check import check_count
from jaxviz._core.grown import check_no_rows
from jaxviz._core.identity import digest, traced
from jaxviz._core.jaxpr.interpret import is_array, split
from jaxviz._core.program import one_program
from jaxviz.dataset._dataset import Batch, Examples
from jaxviz.dataset._fingerprint import fingerprint
from jaxviz.dataset._forest import Partial, insert, reduce, union
from jaxviz.dataset._processes import allgather_bytes
from jaxviz.dataset._progress import Progress, Record

FINITE = "finite"
"""The output of a study that says of each image whether its numbers can be used."""
_LARGEST = 64  # images in a batch
_AHEAD = 2  # groups of batches that are read, and that are computed, before they are needed


@dataclasses.dataclass(frozen=True)
class Scan:
    """How a study goes over a data set.

    The examples are cut into batches in their order, and every batch is one run of one program on one device: so
    results are the same, to the last bit, on one device and on many, in one process and in many.

    A data set is a pair of arrays `(images, labels)`, or anything with `len()` whose items are `{"image", "label"}` or
    pairs. More machines: call `jax.distributed.initialize` in every process and then the same study with the same
    arguments. Each process reads an equal share of the batches, all of them return the result of the whole.

    Attributes:
        batch_size: images that a device computes at a time; it bounds the memory. The last batch is filled up with
            blank images. By default batches are of equal size, of 64 images at most, so that few are blank.
        devices: how many of the process's devices, or which. All of them by default.
        preprocess: from a batch of images as the data set holds them (uint8, say) to the range of the network. It runs
            on the device. Give the same function again: another one is another program.
        resume: a folder for what has been found so far. The same study of the same function and data goes on from
            there, after whatever has happened to the process, and gives the same result (to the last bit on the same
            kind of device); any other study is refused. The same is what computes the same: the traced programs of
            function and `preprocess` with their constants, the weights, all bytes of images and labels in memory. Of
            data that are read one by one it is their `fingerprint`, an attribute that changes with them, and 128
            examples spread over them: without that attribute other changes are not noticed.
        save_every: the most batches that are computed again then (at least one for each device is).
        skip_corrupt: whether to leave out examples that cannot be read; their numbers are in the result. Otherwise the
            first one is an error.
        progress: called with the number of examples done and the number of all, of this process; first with what
            `resume` had.
        num_threads: threads that read ahead, for data that are not in memory; they need `grain`. 0 reads in between.
    """

    batch_size: int | None = None
    devices: int | Sequence[jax.Device] | None = None
    preprocess: Callable[[Any], Any] | None = None
    resume: str | Path | None = None
    save_every: int = 64
    skip_corrupt: bool = False
    progress: Callable[[int, int], None] | None = None
    num_threads: int = 2

    def mesh(self) -> Mesh:
        """The devices, one behind the other.

        Raises:
            ValueError: more devices than there are.
        """
        devices = jax.local_devices()
        if self.devices is not None and not isinstance(self.devices, int) and not len(self.devices):
            raise ValueError("`devices` must hold a device, got none. Leave it out to use all.")
        if isinstance(self.devices, int):
            if not 1 <= self.devices <= len(devices):
                raise ValueError(f"`devices` must be in 1..{len(devices)}, the devices there are, got {self.devices}.")
            devices = devices[: self.devices]
        elif self.devices is not None:
            devices = list(self.devices)
        return Mesh(np.array(devices), ("batch",))

    def size(self, num_examples: int) -> int:
        """Images in each batch of a data set of so many."""
        if self.batch_size is not None:
            return check_count(self.batch_size, "batch_size")
        batches = max(1, -(-num_examples // _LARGEST))
        return max(1, -(-num_examples // batches))

    def read(self, examples: Examples) -> Any:
        """A batch as the data set holds it."""
        size = self.size(len(examples))
        check_count(self.save_every, "save_every")
        dtype = jax.dtypes.canonicalize_dtype(examples.dtype)
        return jax.ShapeDtypeStruct((size, *examples.shape), dtype)

    def images(self, examples: Examples) -> Any:
        """A batch as the network gets it.

        Raises:
            TypeError: the images are not in any network's range.
        """
        raw = self.read(examples)
        preprocess = examples.into_range(self.preprocess)
        images = raw if preprocess is None else jax.eval_shape(preprocess, raw)
        for array in jax.tree.leaves(images):
            if not jnp.issubdtype(array.dtype, jnp.floating):
                raise TypeError(
                    f"`dataset` must hold floating-point images, got {array.dtype}. Give a `preprocess` that brings "
                    "them into the range that the network was trained on."
                )
        return images


DEFAULT = Scan()
"""What a study does unless it is told otherwise."""


@runtime_checkable
class Study(Protocol):
    """What a scan finds out; a frozen dataclass, so that the same study is the same program."""

    def batch(self, f: Any, images: Any, labels: jax.Array, valid: jax.Array) -> dict[str, jax.Array]:
        """What is computed of a batch, on the device. `FINITE` is checked and taken out."""
        ...

    def partial(self, outs: Partial, batch: Batch) -> Partial:
        """What is known of the data set from this batch alone."""
        ...

    def merge(self, left: Partial, right: Partial) -> Partial:
        """What is known from the batches of both, those on the left being the earlier ones."""
        ...


class ScanResult(NamedTuple):
    """What a scan has found, and the numbers of the examples that it left out."""

    value: Partial
    skipped: tuple[int, ...]


def run_scan(f: Any, study: Study, examples: Examples, options: Scan) -> ScanResult:
    """The study over all batches of all processes.

    Raises:
        ValueError: an example that cannot be read, unless it is to be skipped; none that can; the folder of another
            scan; `f` holds rows for each example.
        FloatingPointError: a number that is not finite.
        NotImplementedError: a function that calls Python, where the result is to be kept.
    """
    check_no_rows(f)
    options = dataclasses.replace(options, preprocess=examples.into_range(options.preprocess))
    mesh = options.mesh()
    record = Record(None if options.resume is None else Path(options.resume), _identity(f, study, examples, options))
    total = -(-len(examples) // options.size(len(examples)))
    share = [total * place // jax.process_count() for place in range(jax.process_count() + 1)]
    mine = range(share[jax.process_index()], share[jax.process_index() + 1])
    progress = _run_local(f, study, examples, options, mesh, record, mine)
    everyone = [Progress.from_bytes(content)[0] for content in allgather_bytes(progress.to_bytes())]
    whole = reduce(union([one.forest for one in everyone], study.merge), study.merge)
    skipped = tuple(sorted(number for one in everyone for number in one.corrupt))
    if len(skipped) == len(examples):
        raise ValueError(f"`dataset` must hold an example that can be used, got {len(skipped)} that cannot.")
    return ScanResult(whole, skipped)


def _run_local(
    f: Any, study: Study, examples: Examples, options: Scan, mesh: Mesh, record: Record, mine: range
) -> Progress:
    """This process's share of the batches."""
    progress = record.load()
    if progress.corrupt and not options.skip_corrupt:
        raise _unreadable("an example that cannot be read", progress.corrupt[0])
    size = options.size(len(examples))
    most = min(len(examples), mine.stop * size) - mine.start * size
    saved = progress.batches

    def report() -> None:
        if options.progress:
            options.progress(min(progress.batches * size, most), most)

    report()
    f = jax.tree.map(lambda leaf: jax.device_put(leaf, NamedSharding(mesh, jax.P())) if is_array(leaf) else leaf, f)
    running: collections.deque[tuple[list[Batch], Any]] = collections.deque()
    started = progress.batches
    for group in _groups(examples, options, mine[progress.batches :], mesh.size):
        if record.kept and started + len(group) - saved > options.save_every and started > saved:
            while running:
                progress = _finish(study, mine, progress, options, *running.popleft())
                report()
            record.save(progress)
            saved = progress.batches
        running.append((group, _start(f, study, group, options, mesh)))
        started += len(group)
        if len(running) > _AHEAD:
            progress = _finish(study, mine, progress, options, *running.popleft())
            report()
    while running:
        progress = _finish(study, mine, progress, options, *running.popleft())
        report()
    record.save(progress)
    return progress


def _groups(examples: Examples, options: Scan, batches: range, devices: int) -> Iterator[list[Batch]]:
    """The batches, as many at a time as there are devices, read ahead by threads."""
    starts, size = range(0, len(batches), devices), options.size(len(examples))

    def read(number: int) -> list[Batch]:
        chosen = batches[number * devices : (number + 1) * devices]
        return [examples.batch(batch * size, size) for batch in chosen]

    if examples.in_memory or not options.num_threads or not starts:
        return map(read, range(len(starts)))
    try:
        import grain
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "`grain` must be installed to read ahead. Run: pip install grain, or give num_threads=0."
        ) from error
    ahead = grain.ReadOptions(num_threads=options.num_threads, prefetch_buffer_size=_AHEAD)
    return iter(grain.MapDataset.range(len(starts)).map(read).to_iter_dataset(ahead))


def _start(f: Any, study: Study, group: list[Batch], options: Scan, mesh: Mesh) -> Any:
    """Has the devices begin with a batch each; those left over get one without a valid example."""
    for batch in group:
        if batch.corrupt and not options.skip_corrupt:
            number, reason = batch.corrupt[0]
            raise _unreadable(reason, number)

    def stacked(name: str) -> np.ndarray:
        arrays = [getattr(batch, name) for batch in group]
        arrays += [np.zeros_like(arrays[0])] * (mesh.size - len(group))
        return arrays[0] if mesh.size == 1 else np.concatenate(arrays)

    arrays = jax.device_put(
        tuple(stacked(name) for name in ("images", "labels", "valid")), NamedSharding(mesh, jax.P("batch"))
    )
    return _step(f, *arrays, study=study, preprocess=options.preprocess, mesh=mesh)


@one_program
def _step(f: Any, images: Any, labels: Any, valid: Any, *, study: Study, preprocess: Any, mesh: Mesh) -> Any:
    arrays, join = split(f)

    def single(arrays: list, images: Any, labels: Any, valid: Any) -> Any:
        images = images if preprocess is None else preprocess(images)
        outs = study.batch(join(arrays), images, labels, valid)
        return jax.tree.map(lambda array: array[None], outs)

    # By hand and not left to the partitioner: each device runs what one device alone would run.
    mapped = jax.shard_map(
        single, mesh=mesh, in_specs=(jax.P(), *[jax.P("batch")] * 3), out_specs=jax.P("batch"), check_vma=False
    )
    return mapped(arrays, images, labels, valid)


def _finish(study: Study, mine: range, progress: Progress, options: Scan, group: list[Batch], outs: Any) -> Progress:
    outs = jax.tree.map(np.asarray, outs)
    done, forest, corrupt = progress
    for place, batch in enumerate(group):
        mine_alone = {name: array[place] for name, array in outs.items()}
        unusable = batch.valid & ~mine_alone.pop(FINITE)
        if unusable.any():
            raise FloatingPointError(
                "`f` must give finite numbers, got NaN or infinity for example "
                f"{batch.first + int(unusable.argmax())}. Look for them in the weights and in the image first."
            )
        forest = insert(forest, mine[done + place], study.partial(mine_alone, batch), study.merge)
        corrupt = (*corrupt, *(number for number, _ in batch.corrupt))
    return Progress(done + len(group), forest, corrupt)


def _unreadable(reason: str, number: int) -> ValueError:
    return ValueError(
        f"`dataset` must hold examples that can be read, got {reason} at {number}. Mend it, or leave out what "
        "cannot be read with skip_corrupt=True."
    )


def _identity(f: Any, study: Study, examples: Examples, options: Scan) -> dict[str, Any]:
    """All that the result depends on, by the names that a refusal gives them. Only a scan that is kept needs it."""
    if options.resume is None:
        return {}
    images = options.images(examples)
    functions = [traced(one, images) for one in (f if isinstance(f, tuple) and not callable(f) else (f,))]
    preprocess = None if options.preprocess is None else traced(options.preprocess, options.read(examples))
    return {
        "study": digest(study),
        "function": digest([one.function for one in functions]),
        "weights": digest([one.weights for one in functions]),
        "preprocess": digest(preprocess),
        **fingerprint(examples),
        "batch_size": options.size(len(examples)),
        "version of jax": jax.__version__,
        "version of jaxviz": importlib.metadata.version("jaxviz-convnets"),
    }

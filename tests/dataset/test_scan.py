"""The pass that every study is made of: shares, interruptions, faults."""

import os
import random
import re
import socket
import subprocess
import sys
import time

import jax
import numpy as np
import pytest

import jaxviz as jv
from jaxviz.dataset._forest import insert, reduce, union
from tests import networks
from tests.dataset import sets, study
from tests.dataset.sums import sums

IMAGES = study.images()
STUDY = [sys.executable, "-m", "tests.dataset.study"]


@pytest.fixture(scope="module")
def alone():
    """What one device finds in one go."""
    return sums(sets.rounding(), IMAGES, jv.dataset.Scan(batch_size=4, devices=1)).value


def same(found, expected):
    assert found.keys() == expected.keys()
    for name in expected:
        np.testing.assert_array_equal(found[name], expected[name])


def add(left, right):
    return {"sum": left["sum"] + right["sum"]}


def test_a_forest_adds_up_alike_in_any_order_and_any_split():
    values = np.random.default_rng(0).normal(size=77) * 10.0 ** np.arange(77)[::-1].clip(0, 12)
    leaves = [{"sum": np.array(value)} for value in values]

    def grown(numbers):
        forest = {}
        for number in numbers:
            forest = insert(forest, number, leaves[number], add)
        return forest

    whole = grown(range(77))
    expected = reduce(whole, add)["sum"]
    np.testing.assert_allclose(expected, values.sum(), rtol=1e-12)
    assert len(whole) == bin(77).count("1")
    shuffled = random.Random(0)
    differing = set()
    for _ in range(20):
        numbers = shuffled.sample(range(77), 77)
        cuts = sorted(shuffled.sample(range(77), 4))
        parts = [grown(part) for part in (part.tolist() for part in np.split(numbers, cuts))]
        shuffled.shuffle(parts)
        assert reduce(union(parts, add), add)["sum"] == expected
        differing.add(float(sum(values[number] for number in numbers)))
    assert len(differing) > 1  # plain addition depends on the order


@pytest.mark.parametrize("devices", [8, 3])
def test_many_devices_find_the_same_to_the_last_bit(alone, devices):
    same(sums(sets.rounding(), IMAGES, jv.dataset.Scan(batch_size=4, devices=devices)).value, alone)


def test_the_count_and_the_sum_are_those_of_all_examples(alone):
    act = np.asarray(jax.jit(jv.upto(sets.rounding(), "maps"))(IMAGES))
    assert alone["count"] == 118
    parts = [act[start : start + 4].sum((0, 1, 2)).astype(np.float64) for start in range(0, 118, 4)]
    np.testing.assert_allclose(alone["total"], sum(part**1.1 for part in parts), rtol=1e-5)


def launched(*arguments, **options):
    flags = {"JAX_PLATFORMS": "cpu", "XLA_FLAGS": "--xla_force_host_platform_device_count=2"}
    command = [*STUDY, *map(str, arguments)]
    return subprocess.Popen(command, env=os.environ | flags, stdout=subprocess.PIPE, text=True, **options)


def counts(lines):
    """What a process says that it has done; others print there too."""
    return [int(line.removeprefix("done ")) for line in lines if line.startswith("done ")]


def result(path):
    with np.load(path) as arrays:
        return dict(arrays)


def test_a_process_alone_gathers_what_it_has():
    assert jv.dataset.allgather_bytes(b"alone") == [b"alone"]


@pytest.mark.slow
def test_two_processes_find_the_same_to_the_last_bit(alone, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    outs = [tmp_path / f"{place}.npz" for place in range(2)]
    processes = [
        launched(out, f"address={address}", f"place={place}", "of=2", "devices=2") for place, out in enumerate(outs)
    ]
    done = [counts(process.communicate(timeout=120)[0].splitlines())[-1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert done == [60, 58]  # each has read its own half
    for out in outs:
        same(result(out), alone)


@pytest.mark.slow
def test_a_killed_scan_goes_on_and_ends_with_the_same(alone, tmp_path):
    moment = random.SystemRandom()
    repeated = []
    before = 0
    for _ in range(2):
        with launched(tmp_path / "out.npz", f"resume={tmp_path / 'state'}", "pause=0.05", "save_every=3") as process:
            until, seen = before + moment.randint(20, 40), []
            for line in process.stdout:
                seen += counts([line])
                if seen and seen[-1] >= until:
                    break
            time.sleep(moment.random() * 0.1)
            process.kill()
            seen += counts(process.stdout)
        repeated.append(before - seen[0])
        before = seen[-1]
    last = launched(tmp_path / "out.npz", f"resume={tmp_path / 'state'}")
    seen = counts(last.communicate(timeout=120)[0].splitlines())
    repeated.append(before - seen[0])
    assert 0 < seen[0] < 118
    assert max(repeated) <= 3 * 4
    same(result(tmp_path / "out.npz"), alone)


class Interrupted(Exception):
    pass


def stopping(at):
    def progress(done, total):
        if done >= at:
            raise Interrupted

    return progress


@pytest.mark.parametrize(("before", "after"), [(1, 8), (8, 1)])
def test_an_interrupted_scan_may_go_on_with_other_devices(alone, tmp_path, before, after):
    scan = jv.dataset.Scan(batch_size=4, resume=tmp_path, save_every=1)
    with pytest.raises(Interrupted):
        sums(sets.rounding(), IMAGES, jv.dataset.Scan(**vars(scan) | {"devices": before, "progress": stopping(70)}))
    seen = []
    options = vars(scan) | {"devices": after, "progress": lambda done, total: seen.append((done, total))}
    same(sums(sets.rounding(), IMAGES, jv.dataset.Scan(**options)).value, alone)
    assert seen[0][0] >= 60
    assert seen[-1] == (118, 118)
    assert [path.name for path in tmp_path.iterdir()] == ["part-0-of-1.npz"]


def test_a_full_disk_leaves_the_last_good_state(alone, tmp_path, monkeypatch):
    scan = jv.dataset.Scan(batch_size=4, devices=1, resume=tmp_path, save_every=2)
    written, sync = [], os.fsync

    def full(descriptor):
        written.append(descriptor)
        if len(written) == 4:
            raise OSError(28, "No space left on device")
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        sums(sets.rounding(), IMAGES, scan)
    assert [path.name for path in tmp_path.iterdir()] == ["part-0-of-1.npz"]
    seen = []
    options = vars(scan) | {"progress": lambda done, total: seen.append(done)}
    same(sums(sets.rounding(), IMAGES, jv.dataset.Scan(**options)).value, alone)
    assert seen[0] == 3 * 2 * 4


def test_what_is_no_file_of_a_scan_is_refused(tmp_path):
    (tmp_path / "part-0-of-1.npz").write_bytes(b"not a file of a scan")
    with pytest.raises(ValueError, match=r"^`resume` must hold the file of a scan"):
        sums(sets.rounding(), IMAGES, jv.dataset.Scan(batch_size=4, devices=1, resume=tmp_path))


def test_what_cannot_be_read_is_named_and_skipped_only_on_demand():
    images, labels = sets.integers(30)
    broken = sets.Items(images, labels, corrupt=(0, 9, 29))
    with pytest.raises(
        ValueError,
        match=re.escape("`dataset` must hold examples that can be read, got OSError: broken data stream at 0."),
    ):
        jv.dataset.strongest(sets.network(), broken, ["maps"], num=3, scan=jv.dataset.Scan(batch_size=4, devices=2))[
            "maps"
        ]
    found = jv.dataset.strongest(
        sets.network(), broken, ["maps"], num=29, scan=jv.dataset.Scan(batch_size=4, devices=2, skip_corrupt=True)
    )["maps"]
    assert found.skipped == (0, 9, 29)
    good = [index for index in range(30) if index not in found.skipped]
    expected = jv.dataset.strongest(
        sets.network(), (images[good], None), ["maps"], num=27, scan=jv.dataset.Scan(devices=1)
    )["maps"]
    np.testing.assert_array_equal(found.indices[:, :27], np.array(good)[expected.indices])
    np.testing.assert_array_equal(found.scores[:, :27], expected.scores)
    assert (found.indices[:, 27:] == -1).all()


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda image: image[:-1], "ValueError: an image of (4, 6, 2) and not (5, 6, 2) at 1."),
        (lambda image: image.astype(np.float64), "TypeError: an image of float64 and not float32 at 1."),
    ],
)
def test_images_that_differ_in_kind_are_named(change, text):
    images, _ = sets.integers(3)
    with pytest.raises(ValueError, match=re.escape(text)):
        jv.dataset.strongest(sets.network(), [(images[0], 0), (change(images[1]), 0)], ["maps"], num=1)["maps"]


def test_a_number_that_is_not_finite_is_named():
    images, _ = sets.integers(30)
    images[17, 0, 0, 0] = np.nan
    with pytest.raises(FloatingPointError, match="got NaN or infinity for example 17"):
        jv.dataset.strongest(
            sets.network(), (images, None), ["maps"], num=3, scan=jv.dataset.Scan(batch_size=4, devices=1)
        )["maps"]


def test_the_last_batch_takes_no_program_of_its_own_and_neither_does_a_second_scan():
    other = jax.tree.map(lambda leaf: 2 * leaf, sets.rounding())
    compiled = []
    jax.monitoring.register_event_duration_secs_listener(
        lambda event, _, **__: compiled.append(event) if "backend_compile_duration" in event else None
    )
    scan = jv.dataset.Scan(batch_size=5, devices=2)
    sums(sets.rounding(), IMAGES[:17], scan)
    once = len(compiled)
    assert 1 <= once
    sums(other, IMAGES[:23], scan)
    assert len(compiled) == once


@pytest.mark.slow
def test_equinox_modules_that_hold_functions_work():
    f, images = networks.FAMILIES["equinox"](), networks.images(8)
    labels = np.arange(8) % 5
    found = jv.dataset.confusion(f, (np.asarray(images), labels), scan=jv.dataset.Scan(devices=2))
    expected = np.zeros((5, 5), int)
    np.add.at(expected, (labels, np.asarray(f(images)).argmax(1)), 1)
    np.testing.assert_array_equal(found.matrix, expected)


@pytest.mark.parametrize(
    ("num_images", "batch_size", "expected"),
    [(115, None, 58), (30, None, 30), (64, None, 64), (129, None, 43), (10_000, None, 64), (17, 8, 8), (3, 8, 8)],
)
def test_batches_are_equal_unless_told_otherwise(num_images, batch_size, expected):
    seen = []

    def f(images):
        seen.append(images.shape[0])
        return images.mean((1, 2))

    images = np.random.default_rng(0).random((num_images, 2, 2, 3), np.float32)
    found = jv.dataset.confusion(f, (images, np.zeros(num_images, int)), scan=jv.dataset.Scan(batch_size=batch_size))
    assert set(seen) == {expected}
    assert found.matrix[0].tolist() == np.bincount(images.mean((1, 2)).argmax(1), minlength=3).tolist()

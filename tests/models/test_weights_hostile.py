"""Files that are damaged, that lie, or that want code to be run: a clear error, and nothing happens."""

import io
import os
import pickle
import random
import re
import sys
import types
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
from safetensors.numpy import save_file

from models.weights import read

GOLDEN = Path(__file__).parents[1] / "golden"
ZIPPED, PLAIN, KERAS = "vgg16_torchvision.pth", "alexnet.pth", "vgg16_keras.h5"


class Called:
    """Pickled, it is a call of `function`."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


class Storage:
    """Pickled, it is a reference to bytes beside the pickle."""

    def __init__(self, size, key="0", kind=None):
        self.identity = "storage", kind or sys.modules["torch"].FloatStorage, key, "cpu", size


class Pickler(pickle.Pickler):
    def persistent_id(self, value):
        return value.identity if isinstance(value, Storage) else None


@pytest.fixture
def torch(monkeypatch):
    """The names that torch's pickles refer to."""
    module, inner = types.ModuleType("torch"), types.ModuleType("torch._utils")
    module._utils = inner
    module.FloatStorage = type("FloatStorage", (), {"__module__": "torch"})

    def _rebuild_tensor_v2(*arguments):
        raise AssertionError(f"called with {arguments}")

    _rebuild_tensor_v2.__module__, _rebuild_tensor_v2.__qualname__ = "torch._utils", "_rebuild_tensor_v2"
    inner._rebuild_tensor_v2 = _rebuild_tensor_v2
    monkeypatch.setitem(sys.modules, "torch", module)
    monkeypatch.setitem(sys.modules, "torch._utils", inner)
    return inner


def pickled(state, protocol=2):
    stream = io.BytesIO()
    Pickler(stream, protocol).dump(state)
    return stream.getvalue()


def archive(path, state, members=(), compression=zipfile.ZIP_STORED):
    """A file as torch writes it, with this pickle."""
    with zipfile.ZipFile(path, "w", compression) as made:
        made.writestr("archive/data.pkl", state)
        for name, content in dict(members).items():
            made.writestr(f"archive/{name}", content)
    return path


def plain(path, state, rest=b""):
    """A file as torch wrote it before version 1.6, with this pickle and one storage."""
    first = (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True})
    path.write_bytes(b"".join(pickle.dumps(part, 2) for part in first) + state + pickle.dumps(["0"], 2) + rest)
    return path


def refused(path, match):
    with pytest.raises(ValueError, match=match) as caught:
        read(path)
    assert str(caught.value).startswith("`weights` must be ")
    assert str(path) in str(caught.value)


def test_what_these_tests_write_is_read_where_nothing_is_wrong_with_it(torch, tmp_path):
    whole = np.arange(6, dtype=np.float32)
    state = {"a": Called(torch._rebuild_tensor_v2, Storage(6), 1, (2, 2), (1, 2), False, {})}
    for protocol in (2, 3, 4, 5):
        path = archive(tmp_path / "a.pth", pickled(state, protocol), {"data/0": whole.tobytes()})
        np.testing.assert_array_equal(read(path)["a"], [[1, 3], [2, 4]])
    path = plain(tmp_path / "b.pth", pickled(state), np.int64(6).tobytes() + whole.tobytes())
    np.testing.assert_array_equal(read(path)["a"], [[1, 3], [2, 4]])


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("write", [archive, plain])
def test_a_pickle_that_calls_something_calls_nothing(tmp_path, write, protocol):
    proof = tmp_path / "proof"
    bomb = pickle.dumps({"a": Called(os.system, f"touch {proof}")}, protocol)
    # Protocols 0 and 1 write whole numbers and texts in ways that weights have not been written in.
    refused(write(tmp_path / "bomb.pth", bomb), "which weights do not need: nothing was run")
    assert not proof.exists()
    pickle.loads(bomb)
    assert proof.exists()  # it does work on those who let it


BOMBS = {
    "an instance in the oldest way": b"(S'touch {proof}'\niposix\nsystem\n.",
    "a call by OBJ": b"(cposix\nsystem\nX{size}touch {proof}o.",
    "a new object": b"\x80\x02cposix\nsystem\nX{size}touch {proof}\x85\x81.",
    "an extension": b"\x80\x02\x82\x01X{size}touch {proof}\x85R.",
    "a name put together": b"\x80\x04\x8c\x05posix\x8c\x06system\x93X{size}touch {proof}\x85R.",
    "a builtin": b"\x80\x02cbuiltins\neval\nX{size}touch {proof}\x85R.",
    "an attribute of what is allowed": b"\x80\x02ctorch._utils\nsys.modules\nX{size}touch {proof}\x85R.",
    "a call of a text": b"\x80\x02X{size}touch {proof}X{size}touch {proof}\x85R.",
    "a state for what is called": b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n}b.",
    "a call of the result of a call": b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n)R)R.",
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_no_way_of_a_pickle_to_call_is_open(tmp_path, bomb):
    proof = str(tmp_path / "proof").encode()
    size = len(b"touch " + proof).to_bytes(4, "little")
    content = BOMBS[bomb].replace(b"{proof}", proof).replace(b"{size}", size)
    refused(archive(tmp_path / "bomb.pth", content), "nothing was run|its pickle is damaged at byte")
    assert not (tmp_path / "proof").exists()


LIES = {
    "more than there is": (0, (3, 3), (3, 1), r"a of shape \(3, 3\) reaches beyond its storage of 4"),
    "one entry, repeated without end": (0, (10**9, 10**9), (0, 0), r"reaches beyond its storage"),
    "steps that lead out": (0, (2, 2), (3, 1), r"reaches beyond its storage"),
    "a start beyond the end": (10**12, (0,), (1,), r"reaches beyond its storage"),
    "backwards": (3, (2,), (-1,), r"its tensor a is damaged"),
    "a negative size": (0, (-4,), (1,), r"its tensor a is damaged"),
    "no whole number": (0, (2.0,), (1,), r"its tensor a is damaged"),
    "shape and strides that differ": (0, (2,), (1, 1), r"its tensor a is damaged"),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_tensor_that_is_not_in_its_storage_is_refused(torch, tmp_path, lie):
    *place, match = LIES[lie]
    state = pickled({"a": Called(torch._rebuild_tensor_v2, Storage(4), *place, False, {})})
    refused(archive(tmp_path / "a.pth", state, {"data/0": bytes(16)}), match)
    refused(plain(tmp_path / "b.pth", state, np.int64(4).tobytes() + bytes(16)), match)


def test_a_tensor_of_eight_bits_is_named(torch, tmp_path, monkeypatch):
    """As torch writes it: by a function of its own, with bytes for a storage and the type beside it."""
    module = sys.modules["torch"]
    inner = types.ModuleType("torch.storage")
    inner.UntypedStorage = type("UntypedStorage", (), {"__module__": "torch.storage"})

    def _rebuild_tensor_v3(*arguments):
        raise AssertionError(f"called with {arguments}")

    def float8_e4m3fn():
        raise AssertionError("called")

    _rebuild_tensor_v3.__module__, _rebuild_tensor_v3.__qualname__ = "torch._utils", "_rebuild_tensor_v3"
    float8_e4m3fn.__module__, float8_e4m3fn.__qualname__ = "torch", "float8_e4m3fn"
    torch._rebuild_tensor_v3, module.float8_e4m3fn, module.storage = _rebuild_tensor_v3, float8_e4m3fn, inner
    monkeypatch.setitem(sys.modules, "torch.storage", inner)
    storage = Storage(6, kind=inner.UntypedStorage)
    call = Called(_rebuild_tensor_v3, storage, 0, (2, 3), (3, 1), False, {}, float8_e4m3fn)
    archive(tmp_path / "weights.pth", pickled({"a": call}), {"data/0": bytes(6)})
    refused(
        tmp_path / "weights.pth",
        "its tensor a is of torch.float8_e4m3fn, which is not read: save the tensors as torch.float32",
    )


def test_a_storage_that_lies_about_its_size_is_refused(torch, tmp_path):
    def state(size, shape=(4,)):
        return pickled({"a": Called(torch._rebuild_tensor_v2, Storage(size), 0, shape, (1,), False, {})})

    refused(archive(tmp_path / "a.pth", state(10**15), {"data/0": bytes(16)}), "storage 0 has 16 bytes, and 10{15} of")
    refused(archive(tmp_path / "a.pth", state(4)), "it has no archive/data/0")
    refused(plain(tmp_path / "b.pth", state(10**15), np.int64(10**15).tobytes() + bytes(16)), "ends before its storage")
    refused(plain(tmp_path / "b.pth", state(4), np.int64(5).tobytes() + bytes(16)), "another size than was promised")
    both = {key: Called(torch._rebuild_tensor_v2, Storage(size), 0, (4,), (1,)) for key, size in (("a", 4), ("b", 5))}
    refused(archive(tmp_path / "a.pth", pickled(both), {"data/0": bytes(16)}), "promised in two sizes")


def test_what_is_compressed_is_not_inflated(torch, tmp_path):
    state = pickled({"a": Called(torch._rebuild_tensor_v2, Storage(10**6), 0, (10**6,), (1,), False, {})})
    bomb = archive(tmp_path / "bomb.pth", state, {"data/0": bytes(4 * 10**6)}, zipfile.ZIP_DEFLATED)
    assert bomb.stat().st_size < 10_000
    refused(bomb, "it holds archive/data.pkl compressed")
    with zipfile.ZipFile(bomb, "w") as made:
        made.writestr("archive/data.pkl", state)
        made.writestr("archive/data/0", bytes(4 * 10**6), zipfile.ZIP_DEFLATED)
    refused(bomb, "it holds archive/data/0 compressed")


def test_a_pickle_that_would_take_all_memory_or_time_is_refused(tmp_path):
    refused(
        archive(tmp_path / "a.pth", b"\x80\x02}r\xff\xff\xff\xffX" + bytes(4) + b"K\x01s."), "entry '' is no tensor"
    )
    refused(archive(tmp_path / "a.pth", b"\x80\x02X\xff\xff\xff\x7f."), "expected 2147483647 bytes")
    refused(archive(tmp_path / "a.pth", b"\x80\x02" + bytes(5 << 20)), "its pickle has 5242882 bytes")
    nest = b"\x80\x02}K\x01q\x00" + b"".join(b"h\x00h\x00\x86q\x00" for _ in range(60)) + b"K\x01s."
    refused(archive(tmp_path / "a.pth", nest), "its pickle is damaged")  # 2**60 hashes as a key
    deep = b"\x80\x02" + b"K\x01" + b"\x85" * 100_000 + b"."
    refused(archive(tmp_path / "a.pth", deep), "it holds no tensors by name")


@pytest.mark.parametrize("state", [[1, 2], {"epoch": 3}, {"state_dict": {}, "epoch": 3}])
def test_a_checkpoint_that_is_more_than_a_state_says_what_to_save(tmp_path, state):
    refused(archive(tmp_path / "a.pth", pickle.dumps(state, 2)), re.escape("save the model's state_dict() alone"))


@pytest.mark.parametrize(
    "file", [ZIPPED, PLAIN, "resnet18.pth", KERAS, "vgg16_keras.weights.h5", "vgg16_timm.safetensors"]
)
def test_a_file_that_ends_early_is_refused(tmp_path, file):
    whole = (GOLDEN / file).read_bytes()
    path = tmp_path / file
    for share in (0.1, 0.5, 0.9, 0.999):
        path.write_bytes(whole[: int(share * len(whole))])
        refused(path, r"Get it again\.$")


@pytest.mark.parametrize("file", [ZIPPED, PLAIN, "vgg16_timm.safetensors"])
def test_damage_anywhere_is_an_error_of_ours_or_a_change_of_numbers(tmp_path, file):
    whole, chance, outcomes = (GOLDEN / file).read_bytes(), random.Random(0), set()
    path = tmp_path / file
    for _ in range(60):
        damaged = bytearray(whole)
        for _ in range(5):
            damaged[chance.choice((chance.randrange(4000), -1 - chance.randrange(4000)))] = chance.randrange(256)
        path.write_bytes(damaged)
        try:
            read(path)
            outcomes.add("read")
        except ValueError as error:
            outcomes.add(str(error)[:17])
    assert outcomes <= {"read", "`weights` must be"}
    assert len(outcomes) == 2


def test_keras_files_do_not_lead_elsewhere_or_grow(tmp_path):
    path, other = tmp_path / "weights.h5", tmp_path / "other.h5"
    with h5py.File(other, "w") as file:
        file["a/kernel"] = np.ones(3, np.float32)

    def written(put, weights=("kernel",)):
        with h5py.File(path, "w") as file:
            file.attrs["layer_names"] = ["a"]
            file.create_group("a").attrs["weight_names"] = list(weights)
            put(file["a"])
        return path

    written(lambda layer: layer.create_dataset("kernel", data=np.ones(3, np.float32)))
    np.testing.assert_array_equal(read(path)["a/0"], np.ones(3))

    def link(layer):
        layer["kernel"] = h5py.ExternalLink(str(other), "a/kernel")

    def external(layer):
        layer.create_dataset("kernel", (8,), np.float32, external=[(str(GOLDEN / "keras.npz"), 0, 32)])

    refused(written(link), "it names a/kernel and does not hold it")
    refused(written(lambda layer: layer.create_dataset("kernel", (10**6, 10**6), np.float32, chunks=(9, 9))), "whole")
    refused(written(lambda layer: layer.create_dataset("kernel", data=np.zeros(10**6), compression="gzip")), "whole")
    refused(written(external), "does not hold a/kernel whole")
    refused(written(lambda layer: layer.create_group("kernel")), "does not hold it")
    refused(written(lambda layer: None, ["nothing"]), "it names a/nothing and does not hold it")
    with h5py.File(path, "w") as file:
        file["photos"] = np.ones(3)
    refused(path, "it was not written by Keras")


def test_another_kind_of_file_is_refused(tmp_path):
    path = tmp_path / "weights.safetensors"
    path.write_bytes(b"<!DOCTYPE html><title>404</title>")
    refused(path, r"must be a file of safetensors, torch \(\.pth\) or Keras \(\.h5\), got .* begins with b'<!DOCTYP'")
    path.write_bytes(b"")
    refused(path, "begins with b''")
    with zipfile.ZipFile(path, "w") as made:
        made.writestr("config.json", "{}")
    refused(path, "a zip without the one data.pkl that torch writes")


def test_the_checksum_in_a_name_is_compared(tmp_path):
    content = (GOLDEN / ZIPPED).read_bytes()
    path = tmp_path / "vgg16-397923af.pth"
    path.write_bytes(content)
    refused(path, "must be the file with the checksum 397923af")


def test_no_file_is_no_traceback_from_elsewhere(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"`weights` must be a file, got .*nothing"):
        read(tmp_path / "nothing.pth")
    with pytest.raises(FileNotFoundError, match="`weights` must be a file"):
        read(tmp_path)


def test_a_safetensors_file_that_lies_about_its_sizes_is_refused(tmp_path):
    path = tmp_path / "weights.safetensors"
    save_file({"a": np.ones(4, np.float32)}, path)
    path.write_bytes(path.read_bytes().replace(b"[4]", b"[9]"))
    refused(path, "must be a whole safetensors file")

"""What every script shares: photos, folders, JSON."""

import io
import json
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

import models
from scripts._harness import photo as _photo
from scripts._harness.clock import Clock
from scripts._harness.command import UsageError
from scripts._harness.run_folder import RunFolder, Step, dumps, free, opened


def test_a_photo_is_turned_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (40, 20)).save(tmp_path / "turned.jpg", exif=exif)
    assert _photo.load(str(tmp_path / "turned.jpg")).pixels.shape == (40, 20, 3)


@pytest.mark.parametrize("mode", ["L", "1", "P", "LA", "RGBA", "CMYK", "I;16"])
def test_every_kind_of_picture_becomes_rgb(tmp_path, mode):
    path = tmp_path / "photo.tif"
    Image.new(mode, (8, 6)).save(path)
    photo = _photo.load(str(path)).pixels
    assert (photo.shape, photo.dtype) == ((6, 8, 3), np.uint8)


def test_sixteen_bits_are_scaled_and_not_cut_off(tmp_path):
    gray = np.arange(256, dtype=np.uint8).reshape(16, 16)
    for name in ("gray.png", "gray.tif"):
        Image.fromarray(gray.astype(np.uint16) * 257).save(tmp_path / name)
        found = _photo.load(str(tmp_path / name)).pixels
        np.testing.assert_array_equal(found, np.repeat(gray[..., None], 3, -1))
    # Between two levels the nearer one; the file is opened as it is, turned or not.
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.array([[0, 128, 129, 65535]], np.uint16)).save(tmp_path / "turned.png", exif=exif)
    assert _photo.load(str(tmp_path / "turned.png")).pixels[..., 0].ravel().tolist() == [0, 0, 1, 255]


def test_a_set_of_sixteen_bits_is_scaled_too():
    from models._pictures import eight_bits

    wide = Image.fromarray(np.array([[0, 257, 65535]], np.int32))
    assert np.asarray(eight_bits(wide, "PNG")).tolist() == [[0, 1, 255]]


@pytest.mark.parametrize(("dtype", "kind"), [(np.float32, "floating-point numbers"), (np.int32, "32-bit integers")])
def test_numbers_of_an_unknown_range_are_refused(tmp_path, dtype, kind):
    path = tmp_path / "photo.tif"
    Image.fromarray(np.linspace(0, 1, 12).reshape(3, 4).astype(dtype)).save(path)
    with pytest.raises(
        ValueError, match=f"`PHOTO` must be a picture that can be read, got .*it holds {kind}, and does"
    ):
        _photo.load(str(path))


@pytest.mark.parametrize("mode", ["CMYK", "P", "1", "LA"])
def test_colors_survive_the_mode(tmp_path, mode):
    color = (0, 255, 255) if mode in ("CMYK", "P") else (255, 255, 255)
    stored = Image.new("RGB", (8, 6), color).convert(mode)
    stored.save(tmp_path / "photo.tif")
    np.testing.assert_array_equal(_photo.load(str(tmp_path / "photo.tif")).pixels[0, 0], color)


def test_the_accuracy_is_of_photos_turned_upright(tmp_path, monkeypatch):
    from scripts.accuracy.__main__ import accuracy

    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (40, 20)).save(tmp_path / "turned.jpg", exif=exif)
    crop, seen = models.Network.crop, []
    monkeypatch.setattr(models.Network, "crop", lambda self, photo: seen.append(photo.shape) or crop(self, photo))
    accuracy(models.load("mnist_cnn1"), [tmp_path / "turned.jpg"], [0])
    assert seen == [(40, 20, 3)]


def test_what_is_transparent_is_white(tmp_path):
    Image.new("RGBA", (4, 4), (255, 0, 0, 0)).save(tmp_path / "clear.png")
    assert (_photo.load(str(tmp_path / "clear.png")).pixels == 255).all()


@pytest.mark.parametrize("name", _photo.SAMPLES)
def test_samples_need_no_download(name, monkeypatch):
    import socket

    monkeypatch.setattr(socket, "socket", None)
    assert _photo.load(name).pixels.dtype == np.uint8


def test_the_hash_tells_photos_apart():
    assert len({_photo.load(name).sha256 for name in _photo.SAMPLES}) == len(_photo.SAMPLES)


RUN = {"script": "train", "a": [1]}


def folder(path, run=None, versions=None) -> RunFolder:
    return RunFolder(path, run or RUN, versions or {"jax": "1"})


def end(out, files=dict, headline="", text=""):
    out.finish(files, lambda: headline, lambda: text, Clock())


def test_finished_steps_come_back_after_an_interruption(tmp_path):
    first = folder(tmp_path / "out")
    first.save("one", Step({"x": 0.1}, {"y": np.arange(3)}))
    again = folder(tmp_path / "out")
    assert again.finished("one")
    assert not again.finished("two")
    assert again.load("one").numbers == {"x": 0.1}
    assert again.load("one").arrays["y"].tolist() == [0, 1, 2]


def test_a_step_is_measured_once_and_timed(tmp_path, capsys):
    calls = []

    def measure():
        calls.append(1)
        return Step({"pair": (1, 2)}, {"y": np.arange(3)})

    for _ in range(2):
        step = folder(tmp_path / "out").step("a step", measure)
        # As it is read from the folder, whether this run has measured it or an earlier one.
        assert step.numbers == {"pair": [1, 2]}
        assert step.arrays["y"].tolist() == [0, 1, 2]
    assert len(calls) == 1
    other = folder(tmp_path / "other")
    other.step("a step", measure)
    end(other)
    assert re.search(r"^  a step +\d+\.\d s$", capsys.readouterr().out, re.MULTILINE)


def test_settings_are_said_and_kept_as_json_has_them(tmp_path, capsys):
    given = {"script": "s", "sizes": (1, (2, 3)), "photos": Path("a/b"), "data_sha256": "0" * 8}
    out = opened("name", given, tmp_path / "out")
    assert out.run == {"script": "s", "sizes": [1, [2, 3]], "photos": "a/b", "data_sha256": "0" * 8}
    assert capsys.readouterr().out == "  script s\n  sizes  [1, [2, 3]]\n  photos a/b\n"


def test_a_complete_run_is_done_again_and_so_is_one_of_other_versions(tmp_path):
    first = folder(tmp_path / "out")
    first.save("one", Step({}, {}))
    assert not folder(tmp_path / "out", versions={"jax": "2"}).finished("one")
    end(first)
    assert not folder(tmp_path / "out").finished("one")


def test_another_run_is_refused_and_gets_the_next_free_name(tmp_path):
    folder(tmp_path / "out")
    other = {**RUN, "a": [2]}
    with pytest.raises(UsageError, match=r"got .*out: it holds a run with another a\. Use another\."):
        folder(tmp_path / "out", other)
    assert free(tmp_path / "out", other) == tmp_path / "out-2"
    folder(tmp_path / "out-2", other)
    assert free(tmp_path / "out", other) == tmp_path / "out-2"
    assert free(tmp_path / "out", {**RUN, "a": [3]}) == tmp_path / "out-3"


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="that is a file"):
        folder(tmp_path / "file")
    with pytest.raises(UsageError, match="`--out` must be a folder that can be written"):
        folder(tmp_path / "file" / "out")


@pytest.mark.slow
def test_a_folder_has_one_run_at_a_time(tmp_path):
    # One that works in it, in another process, until its input ends.
    code = """if True:
        import json, pathlib, sys
        from scripts._harness.clock import Clock
        from scripts._harness.run_folder import RunFolder
        out = RunFolder(pathlib.Path(sys.argv[1]), json.loads(sys.argv[3]), {"jax": "1"})
        print("in it", flush=True)
        sys.stdin.readline()
        if sys.argv[2] == "ends":
            out.finish(dict, str, lambda: "ended", Clock())
            sys.stdout.flush()
            sys.stdin.readline()
    """
    for ending in ("ends", "dies"):
        out = tmp_path / ending
        command = [sys.executable, "-c", code, str(out), ending, json.dumps(RUN)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
            assert other.stdin is not None
            assert other.stdout is not None
            assert other.stdout.readline() == "in it\n"
            with pytest.raises(UsageError, match="`--out` must be a folder in which no other run is at work"):
                folder(out)
            other.stdin.write("\n")
            other.stdin.flush()
            if ending == "ends":
                assert "ended\n" in [other.stdout.readline() for _ in range(2)]
                # Complete, though the process is still there.
                folder(out)
            else:
                other.wait()
                assert not folder(out).finished("a")


def test_a_finished_run_has_a_page(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["/x/train/__main__.py", "mnist_cnn1", "--seed", "1"])
    out = folder(tmp_path / "out")
    out.write("numbers.json", b"{}")
    pictures = {}
    for name in ("second.png", "first.png", "first.webp"):
        file = io.BytesIO()
        Image.new("RGB", (1500, 30)).save(file, Path(name).suffix[1:])
        pictures[name] = file.getvalue()
    end(out, lambda: pictures, "Accuracy <98%>.", "  98% <right>")
    text = (tmp_path / "out" / "index.html").read_text()
    assert "<h1>Train</h1>" in text
    assert '<p class="lead">Train a small network, watch it learn, and keep its weights.</p>' in text
    assert "Accuracy &lt;98%&gt;. The command says" in text
    assert json.loads((tmp_path / "out" / "run.json").read_text())["headline"] == "Accuracy <98%>."
    assert "  98% &lt;right&gt;</pre>" in text
    assert "<code>python -m scripts.train mnist_cnn1 --seed 1</code>" in text
    # In the order they were written in, as wide as the page; the WebP is the same again.
    assert re.findall(r'width="(\d+)"', text) == ["1000", "1000"]
    assert re.findall(r'<strong><a href="([^"]*)"', text) == ["second.png", "first.png"]
    listed = re.findall(r'<li><a href="([^"#]*)"', text)
    assert listed == ["first.png", "first.webp", "numbers.json", "run.json", "second.png"]
    printed = capsys.readouterr().out
    assert printed.startswith("\n  98% <right>\n\nAccuracy <98%>.\n\nWhere the time went:\n")
    assert printed.endswith(f"\n{tmp_path / 'out' / 'index.html'}\n")


def test_a_write_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    out = folder(tmp_path / "out")
    out.write("page", b"old")
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError("full")))
    with pytest.raises(OSError, match="full"):
        out.write("page", b"new")
    assert (tmp_path / "out" / "page").read_bytes() == b"old"
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["page", "run.json"]


def test_steps_and_pictures_can_have_the_names_of_any_layers(tmp_path):
    names = ["fire9", "St. Bernard", "block/conv", "block-conv", "block#0", "block/0", "vmap(a)/<b>\\c"]
    first = folder(tmp_path / "out")
    for number, name in enumerate(names):
        first.save(name, Step({"number": number}, {f"{name}.maps": np.array(number)}))
        first.write(f"maps-{name}.png", str(number).encode())
    again = folder(tmp_path / "out")
    assert again.steps() == names
    for number, name in enumerate(names):
        assert again.load(name) == Step({"number": number}, {f"{name}.maps": number})
    files = {path.name for path in (tmp_path / "out").iterdir()}
    assert len(files) == 3 * len(names) + 1
    assert {"fire9.json", "fire9.npz", "maps-fire9.png", "maps-St. Bernard.png", "block-conv.npz"} < files
    assert not set("".join(files)) & set('/\\:*?"<>|#%')


def test_json_keeps_its_values_and_puts_plain_lists_on_a_line():
    numbers = {"a": [1, 2.5, None], "b": [["x [1],\n  y", "{"], [[3], []]], "c": [{"d": "[\n 1\n]"}]}
    text = dumps(numbers)
    assert json.loads(text) == numbers
    assert '"a": [1, 2.5, null],' in text


def test_json_has_no_nan():
    with pytest.raises(ValueError, match="JSON"):
        dumps({"a": float("nan")})


def test_a_block_inside_a_block_is_counted_once(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("scripts._harness.clock.time", SimpleNamespace(perf_counter=lambda: now[0]))
    clock = Clock()
    with clock("outer"):
        now[0] += 1
        with clock("inner"):
            now[0] += 3
        now[0] += 2
    table = [line.split() for line in clock.table().splitlines()]
    assert table == [["inner", "3.0", "s"], ["outer", "3.0", "s"], ["other", "0.0", "s"], ["total", "6.0", "s"]]


def test_the_clock_adds_up():
    clock = Clock()
    for _ in range(2):
        with clock("work"):
            pass
    clock.note("work", "twice")
    lines = clock.table().splitlines()
    assert [line.split()[0] for line in lines] == ["work", "other", "total"]
    assert lines[0].endswith("twice")

"""The scripts of the paper's experiments: places on photos, parts files, energy in a box, and whole runs (slow)."""

import json
import re

import numpy as np
import pytest
import skimage.data
from PIL import Image

import models
from jaxviz import render
from scripts._harness.photo_study import photos as _photos
from scripts.attention import study as _attention
from scripts.correspondence import study as _correspondence
from scripts.occlude import heatmap as _heatmap
from scripts.occlude import regions as _regions
from tests.scripts.commands import run


@pytest.fixture(scope="module")
def network():
    return models.load("squeezenet")


@pytest.fixture(autouse=True)
def no_photos(monkeypatch):
    monkeypatch.delenv("JAXVIZ_PHOTOS", raising=False)


def refused(capsys, script, *arguments):
    with pytest.raises(SystemExit) as stop:
        run(script, *arguments)
    assert stop.value.code == 2
    return capsys.readouterr().err


@pytest.fixture
def faces(tmp_path):
    """Four gray pictures, each with a white and a black square as its parts."""
    entries = []
    for number in range(4):
        pixels = np.full((300, 320, 3), 120, np.uint8)
        col, row = 90 + 15 * number, 110 + 10 * number
        pixels[row - 8 : row + 8, col - 8 : col + 8] = 255
        pixels[row + 52 : row + 68, col + 32 : col + 48] = 0
        Image.fromarray(pixels).save(tmp_path / f"face{number}.png")
        entries.append({"file": f"face{number}.png", "eye": [col, row], "nose": [col + 40, row + 60]})
    (tmp_path / "parts.json").write_text(json.dumps(entries))
    return tmp_path / "parts.json"


@pytest.fixture
def cat(tmp_path):
    path = tmp_path / "cat.png"
    Image.fromarray(skimage.data.chelsea()).save(path)
    return path


@pytest.mark.parametrize("size", [(256, 384), (382, 256), (240, 240), (1000, 300), (200, 231)])
def test_a_place_of_the_file_is_found_where_the_crop_shows_it(network, size):
    top, left = size[0] // 2 - 10, size[1] // 2 + 5
    photo = np.zeros((*size, 3), np.uint8)
    photo[top : top + 40, left : left + 30] = 255
    shown = np.argwhere(network.crop(photo)[..., 0] > 127)
    box = _photos.box_seen(network, size, [top, left, top + 40, left + 30])
    assert np.abs(shown.min(0) - box[:2]).max() <= 1
    assert np.abs(shown.max(0) + 1 - box[2:]).max() <= 1


def test_a_box_is_cut_at_the_edge_and_refused_beyond_it(network):
    assert _photos.box_seen(network, (256, 384), [0, 0, 256, 384]) == (0, 0, 227, 227)
    with pytest.raises(
        ValueError, match=r"^`--boxes` must lie on the part of the photo that squeezenet sees, got 0,0,9"
    ):
        _photos.box_seen(network, (256, 384), [0, 0, 90, 40])


@pytest.mark.parametrize("box", ["1,2,3", "1,2,3,4,5", "a,b,c,d", "1.5,2,3,4", ""])
def test_a_box_is_four_whole_numbers(box):
    assert _photos.parsed("1,-2,3,4") == [1, -2, 3, 4]
    with pytest.raises(ValueError, match="`--boxes` must be top,left,bottom,right in whole pixels"):
        _photos.parsed(box)


def test_every_mark_is_a_box():
    marks = json.loads(_photos._MARKS.read_text())
    for name, found in marks.items():
        for top, left, bottom, right in [found["object"], *found.get("telling", []), *found.get("other", [])]:
            assert 0 <= top < bottom, name
            assert 0 <= left < right, name


def test_the_share_of_a_box_counts_every_pixel_once():
    attribution = np.zeros((6, 8, 3))
    attribution[1, 2], attribution[4, 7] = [1, -2, 3], [0, 0, -2]  # 6 in the box, 2 outside
    energy = _attention.energy(attribution, (6, 8))
    assert _attention.share(energy, render.Box(0, 0, 3, 4)) == 0.75
    assert _attention.share(np.zeros((6, 8)), render.Box(0, 0, 3, 4)) == 0
    stretched = _attention.energy(np.ones((2, 2)), (6, 8))
    assert _attention.share(stretched, render.Box(0, 0, 3, 4)) == 0.25


def test_parts_of_a_file_are_where_the_network_sees_them(network, faces):
    photos, parts = _correspondence.load(faces, network)
    assert [photo.name for photo in photos] == ["face0", "face1", "face2", "face3"]
    assert list(parts) == ["eye", "nose"]
    for photo, eye, nose in zip(photos, parts["eye"], parts["nose"], strict=True):
        for place, color in ((eye, 255), (nose, 0)):
            row, col = np.rint(place).astype(int)
            assert (photo.pixels[row - 3 : row + 4, col - 3 : col + 4] == color).all()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", None),
        ('{"file": "a.png"}', "got another JSON"),
        ('[{"file": "a.png"}]', "the same parts for each"),
        ('[{"file": "a.png", "eye": [1, 2]}, {"file": "b.png", "nose": [1, 2]}]', "the same parts for each, got"),
        ('[{"file": "nowhere.png", "eye": [1, 2]}]', "no such file"),
        ("[{", None),
    ],
)
def test_a_parts_file_of_another_form_is_refused(network, tmp_path, text, message, capsys):
    (tmp_path / "parts.json").write_text(text)
    error = refused(capsys, "correspondence", "--parts", tmp_path / "parts.json", "--out", tmp_path / "out")
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert message is None or message in error
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("invariance", "`--photos` must be paths of photos or a folder of them, got 'great_white_shark'."),
        ("invariance --photos {cat} --layers nowhere", "`--layers` must be one of"),
        ("invariance --network resnet", "`--network` must be one of"),
        ("invariance --network vgg16", "vgg16"),
        ("correspondence", "`--parts` must be a JSON file of parts, got"),
        ("correspondence --parts {faces} --counts 2", "`--counts` must be in 3..4, the number of photos, got 2."),
        ("correspondence --parts {faces} --counts 5", "`--counts` must be in 3..4, the number of photos, got 5."),
        ("attention --photos {cat}", "`--boxes` must be given, as no box around 'cat' is known."),
        ("attention --photos {cat} --boxes 0,0,9,9 1,1,9,9", "`--boxes` must be one for each of 1 photos, got 2."),
        ("attention --photos {cat} --boxes 0,0,9", "`--boxes` must be top,left,bottom,right"),
        ("attention --photos {cat} --layer logits", "`--layer` must be one of"),
        ("occlude --photos {cat}", "`--boxes` or `--grid` must be given, as no boxes on 'cat' are known."),
        ("occlude --photos {cat} --boxes 0,0,0,9", "`--boxes` must lie on the part of the photo"),
        ("occlude --photos {cat} --grid 1", "`--grid` must be at least 2, got 1."),
        (
            "occlude --photos {cat} --grid 2 --cover 3",
            "`--cover` must be at most 2, half of the cells of the grid",
        ),
        ("occlude --photos {cat} --grid 2 --draws 0", "`--draws` must be at least 1, got 0."),
        ("occlude --photos {cat} --grid 2 --boxes 0,0,9,9", "`--grid` must not be given with `--boxes`."),
    ],
)
def test_a_wrong_argument_gets_one_line_and_writes_nothing(command, message, cat, faces, tmp_path, capsys):
    script, *arguments = command.format(cat=cat, faces=faces).split()
    error = refused(capsys, script, *arguments, "--out", tmp_path / "out")
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert message in error
    assert not (tmp_path / "out").exists()


def test_the_class_that_wins_most_comes_first():
    winners = np.array([[7, 7, 3], [3, 7, 5]])
    assert _heatmap._by_count(winners) == [7, 3, 5]
    assert _heatmap._correlation(np.arange(4.0), -np.arange(4.0)) == pytest.approx(-1)
    assert _heatmap._correlation(np.arange(4.0), np.ones(4)) == 0


def test_boxes_are_covered_and_nothing_else():
    images = np.random.default_rng(0).normal(size=(2, 6, 7, 3)).astype(np.float32)
    boxes = [[render.Box(0, 0, 2, 3), render.Box(1, 2, 4, 5)], [render.Box(5, 6, 6, 7)]]
    covered = np.asarray(_regions._covered(images, boxes))
    for image in range(2):
        for row, col in np.ndindex(6, 7):
            inside = any(t <= row < b and left <= col < r for t, left, b, r in boxes[image])
            np.testing.assert_array_equal(covered[image, row, col], 0 if inside else images[image, row, col])


# Arguments, pictures, and how the headline begins; small networks where the study goes through one many times.
WHOLE = {
    "invariance": (
        "--photos {cat} --network cifar_small",
        "invariance",
        r"Area under the distance at conv1 and at logits: shift down \(pixels of 224\) \d",
    ),
    "compression": (
        "--photos {cat} --qualities 90 20 2",
        "compression",
        r"The mean probability of the class, 0\.\d\d before, is halved at ",
    ),
    "correspondence": (
        "--parts {faces} --draws 9 --size 20 --layers fire5 logits",
        "distances-4 covered-4",
        r"4 photos\. logits, share of signs that differ: eye \d",
    ),
    "attention": (
        "--photos {cat} --boxes 20,100,300,400",
        "attention",
        r"On the object, a box of \d\d% of the picture: Grad-CAM \d",
    ),
    "occlude": (
        "--photos {cat} --network cifar_small --grid 3 --cover 2 --window 8 --stride 8 --samples 2 --draws 3",
        "heatmap areas regions-grid-3-most",
        r"[a-z]+ \d+%, \d+\.\d% without the grid 3 most.* correlate by -?\d\.\d\d\.$",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("script", WHOLE)
def test_a_whole_run_leaves_pictures_and_numbers_and_can_be_repeated(script, cat, faces, tmp_path, capsys):
    arguments, pictures, headline = WHOLE[script]
    out = tmp_path / "out"
    run(script, *arguments.format(cat=cat, faces=faces).split(), "--out", out)
    assert "Where the time went" in capsys.readouterr().out
    assert re.match(headline, json.loads((out / "run.json").read_text())["headline"])
    for picture in pictures.split():
        with Image.open(out / f"{picture}.png") as image:
            assert min(image.size) > 200
    steps = {path.stem for path in out.glob("*.npz")}
    assert steps
    for step in steps:
        assert json.loads((out / f"{step}.json").read_text())
    assert json.loads((out / "run.json").read_text())["complete"]

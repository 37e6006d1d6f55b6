"""Data sets of a few photos, written as `tensorflow-datasets` writes them."""

import io
import json

import numpy as np
import pytest
from array_record.python.array_record_module import ArrayRecordWriter
from PIL import Image
from tensorflow_datasets.proto import tf_example_pb2

from models import datasets

VERSIONS = {"mnist": "3.0.1", "cifar10": "3.0.2", "tf_flowers": "3.0.1"}
SHAPES = {"mnist": (28, 28, 1), "cifar10": (32, 32, 3), "tf_flowers": (0, 0, 3)}


def photo(number, shape):
    rows, cols, channels = shape
    photo = np.random.default_rng(number).integers(0, 256, (rows or 20 + number, cols or 30, channels), np.uint8)
    return photo


def write(folder, name, train=30, test=7, missing=0):
    """A prepared set of photos that are known by their number; `missing` of the training records are not written."""
    path = folder / name / VERSIONS[name]
    path.mkdir(parents=True)
    for split, count in (("train", train - missing), ("test", test)):
        writer = ArrayRecordWriter(str(path / f"{name}-{split}.array_record-00000-of-00001"), "group_size:1")
        for number in range(count):
            file, example = io.BytesIO(), tf_example_pb2.Example()
            Image.fromarray(photo(number, SHAPES[name]).squeeze()).save(file, "PNG")
            example.features.feature["image"].bytes_list.value.append(file.getvalue())
            example.features.feature["label"].int64_list.value.append(number % 5)
            writer.write(example.SerializeToString())
        writer.close()
    template = "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}"
    splits = [
        {"name": split, "numBytes": "1", "shardLengths": [str(count)], "filepathTemplate": template}
        for split, count in (("train", train), ("test", test))
    ]
    about = {"name": name, "version": VERSIONS[name], "fileFormat": "array_record", "splits": splits}
    (path / "dataset_info.json").write_text(json.dumps(about))
    features = "tensorflow_datasets.core.features"
    shape = {"dimensions": [str(size or -1) for size in SHAPES[name]]}
    entries = {
        "image": {
            "pythonClassName": f"{features}.image_feature.Image",
            "image": {"dtype": "uint8", "shape": shape, "encodingFormat": "png"},
        },
        "label": {
            "pythonClassName": f"{features}.class_label_feature.ClassLabel",
            "classLabel": {"numClasses": "5"},
        },
    }
    (path / "features.json").write_text(
        json.dumps({"pythonClassName": f"{features}.features_dict.FeaturesDict", "featuresDict": {"features": entries}})
    )
    return path


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    return tmp_path


def expected(name, numbers):
    return np.stack([photo(number, SHAPES[name]) for number in numbers])


@pytest.mark.parametrize("name", ["mnist", "cifar10"])
def test_all_photos_come_in_the_order_of_the_set(name, folder, monkeypatch, capfd):
    write(folder, name)
    monkeypatch.setattr("models._prepared._BLOCK", 4)  # several blocks, the last one short
    found = datasets.load(name)
    np.testing.assert_array_equal(found.images, expected(name, range(30)))
    np.testing.assert_array_equal(found.labels, np.arange(30) % 5)
    assert found.images.dtype == np.uint8
    assert found.labels.dtype == np.int32
    assert "30/30" in capfd.readouterr().err


def test_the_bar_can_be_left_out(folder, capfd):
    write(folder, "mnist")
    datasets.load("mnist", "test", progress=False)
    assert "photo" not in capfd.readouterr().err


def test_a_part_of_a_split(folder):
    write(folder, "mnist")
    np.testing.assert_array_equal(datasets.load("mnist", "train[5:8]").images, expected("mnist", [5, 6, 7]))
    assert datasets.size("mnist", "test") == 7
    assert datasets.size("mnist", "train+test") == 37


def test_photos_of_different_sizes_need_a_transform(folder):
    write(folder, "tf_flowers")
    with pytest.raises(
        ValueError, match=r"`transform` must bring the photos of tf_flowers to one size, got \(21, 30, 3\)"
    ):
        datasets.load("tf_flowers")
    found = datasets.load("tf_flowers", transform=lambda photo: photo[:20:2])
    np.testing.assert_array_equal(found.images[3], photo(3, SHAPES["tf_flowers"])[:20:2])


def test_a_stream_has_every_photo_once(folder):
    write(folder, "cifar10")
    batches = list(datasets.stream("cifar10", batch_size=8))
    assert [len(batch.labels) for batch in batches] == [8, 8, 8, 6]
    np.testing.assert_array_equal(np.concatenate([b.images for b in batches]), expected("cifar10", range(30)))


def test_a_stream_is_shuffled_by_its_seed(folder):
    write(folder, "mnist")
    orders = [
        np.concatenate([b.images for b in datasets.stream("mnist", batch_size=9, seed=seed)]) for seed in (0, 0, 1)
    ]
    np.testing.assert_array_equal(orders[0], orders[1])
    assert (orders[0] != orders[2]).any()
    whole = {image.tobytes() for image in expected("mnist", range(30))}
    assert {image.tobytes() for image in orders[2]} == whole


def test_labels_are_those_of_the_set(folder):
    write(folder, "mnist")
    assert datasets.labels("mnist") == tuple("0123456789")


def test_a_set_that_is_not_there_gets_the_command(folder):
    with pytest.raises(
        FileNotFoundError,
        match=r"pip install -e '\.\[datasets\]' && python -c .*builder\('mnist', file_format='array_record'",
    ):
        datasets.load("mnist")


def test_records_that_lack_are_counted(folder):
    write(folder, "mnist", missing=3)
    with pytest.raises(
        FileNotFoundError, match=r"whole, got mnist with 27 of 30 examples in .*train.*Delete that folder"
    ):
        datasets.load("mnist", "test")


@pytest.mark.parametrize("damage", ["cut", "gone"])
def test_a_damaged_file_is_refused(damage, folder):
    file = write(folder, "mnist") / "mnist-train.array_record-00000-of-00001"
    whole = file.read_bytes()
    file.unlink()
    if damage == "cut":
        file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(FileNotFoundError, match="got mnist with 0 of 30 examples"):
        datasets.stream("mnist", batch_size=4)


def test_files_of_tensorflow_are_refused(folder):
    info = write(folder, "mnist") / "dataset_info.json"
    info.write_text(info.read_text().replace("array_record", "tfrecord", 1))
    with pytest.raises(FileNotFoundError, match="must be a set in ArrayRecord files"):
        datasets.load("mnist")


def test_a_photo_that_cannot_be_read_is_named(folder, monkeypatch):
    write(folder, "mnist")
    monkeypatch.setattr(Image, "open", lambda *_, **__: (_ for _ in ()).throw(OSError("broken data stream")))
    with pytest.raises(ValueError, match="photo 0 of mnist must be a PNG or JPEG that can be read: broken data stream"):
        datasets.load("mnist")


@pytest.mark.parametrize("split", ["validation", "train[:0]", "train[:"])
def test_an_unknown_split_is_told_the_known_ones(split, folder):
    write(folder, "mnist")
    with pytest.raises(ValueError, match="`split` must be one of train, test, or a part of one"):
        datasets.load("mnist", split)


def test_an_unknown_set_is_refused(folder):
    with pytest.raises(ValueError, match="`name` must be a data set of tensorflow-datasets, got 'mnits'"):
        datasets.load("mnits")

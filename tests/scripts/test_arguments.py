"""A wrong value of any option of any script is one line, exit 2, and nothing has begun: no folder, no compilation."""

import dataclasses
import functools
import importlib
import json
import pathlib
import pkgutil
import sys
import typing
from typing import Annotated, Literal

import numpy as np
import pytest
import tyro
from PIL import Image

import models
import scripts
from scripts._harness.command import UsageError, start
from scripts._harness.ranges import Count, Counts, FolderName, Range, check, options
from tests.models.test_datasets import write

NAMES = [found.name for found in pkgutil.iter_modules(scripts.__path__) if not found.name.startswith("_")]
# Options of every script but where one has rows of its own, by what is wrong with each value.
NETWORK = ["nope", "vgg16 -> --weights"]
WEIGHTS = ["/nowhere.safetensors", "{folder}/tfds/mnist/3.0.1/features.json", "hub"]
LAYERS = ["nope", "conv1 nope"]
SCAN = {
    "weights": WEIGHTS,
    "data": ["nope", "caltech101"],
    "photos": ["/nowhere", "{empty}", "{unnamed}"],
    "split": ["nope", "train[:0]"],
    "devices": ["1000"],
    "distributed": ["here", "a:1,1,1", "a:b,0,1", "a,0,1"],
}
PHOTOS = ["/nowhere", "{empty}", "{unnamed}"]
NAMED = ["nope", "/nowhere.jpg", "{empty}", "{folder}/photos.json -> PHOTO"]
BOXES = ["1,2,3", "0,0,0,0", "900,900,999,999", "a,b,c,d"]
# What stands before the options, so that all else is in order, with a network that is loaded in a moment.
START = {
    "ablate": "mnist_cnn1",
    "accuracy": "mnist_cnn1",
    "attention": "--network mnist_cnn1 --photos zero --boxes 2,2,20,20",
    "class_statistics": "mnist_cnn1",
    "convert_efficientnet": "/nowhere.whl",
    "convert_squeezenet": "/nowhere.tar",
    "compression": "--network mnist_cnn1 --photos zero",
    "correspondence": "--network mnist_cnn1 --size 8",
    "evolution": "mnist_cnn1 --checkpoints {checkpoints}",
    "invariance": "--network mnist_cnn1 --photos zero",
    "occlude_pixels": "mnist_cnn1",
    "quantize": "mnist_cnn1",
    "occlude": "--network mnist_cnn1 --photos zero --boxes 2,2,20,20 --window 8",
    "microscope": "mnist_cnn1",
    "strongest": "mnist_cnn1",
    "train": "mnist_cnn1",
    "trust": "--network mnist_cnn1 --depths 2",
    "adversarial": "--network mnist_cnn1 --target 1 --size 6 --train 2",
    "architectures": "--images 2 --train 2",
    "benchmark occlusion": "--network mnist_cnn1",
    "benchmark approximations": "--network mnist_cnn1",
    "benchmark precisions": "--network mnist_cnn1",
    "benchmark methods": "--network mnist_cnn1",
    "benchmark maximize": "",
    "benchmark first-call": "--network mnist_cnn1",
    "benchmark one-method": "--network mnist_cnn1",
    "generalize": "--network mnist_cnn1 --data mnist",
    "transfer": "--network mnist_cnn1 --data mnist",
    "maximize classes": "--network mnist_cnn1",
    "maximize filters": "--network mnist_cnn1",
    "maximize sweep": "--network mnist_cnn1",
    "maximize photo": "chelsea --network mnist_cnn1",
    "recognized": "mnist_cnn1 --classes 5",
    "photos": "{folder} --network mnist_cnn1",
}
ROWS: dict[str, dict[str, list[str]]] = {
    "ablate": {
        "NETWORK": NETWORK,
        "filters": ["conv1", "nope:1", "conv1:16", "conv1:x"],
        "layers": LAYERS,
        "rank-on": ["nope", "train[:0]"],
        **SCAN,
    },
    "accuracy": {"NETWORK": ["nope", "vgg16 -> --weights", "cifar_small -> --network"], "weights": WEIGHTS,
                 "photos": PHOTOS},
    "adversarial": {
        "target": ["nope", "11", "5"],
        "network": NETWORK,
        "weights": WEIGHTS,
        "photos": PHOTOS,
        "train": ["4", "1000"],
        "size": ["28", "500"],
        "scales": ["2 1", "0 1", "1"],
        "degrees": ["181"],
        "looked": ["1000"],
        "steps": [], "batch": [], "circular": [], "draws": [], "levels": [], "pgd-steps": [],
    },
    "architectures": {
        "networks": ["mnist_cnn1", "mnist_cnn1 nope", "mnist_cnn1 cifar_small", "mnist_cnn1 vgg16"],
        "images": ["24"],
        "train": ["42"],
        "epochs": [], "seeds": [],
    },
    "attention": {"photos": NAMED, "boxes": [*BOXES, "10,10,90,90 10,10,90,90"], "network": NETWORK,
                  "weights": WEIGHTS, "layer": ["nope", "logits"]},
    "benchmark occlusion": {"network": ["nope"], "window": ["500"], "stride": ["500"], "batch-sizes": [],
                            "repeats": [], "naive-windows": []},
    "benchmark precisions": {"network": ["nope"], "window": ["500"], "stride": ["500"], "precisions": [],
                             "batch-sizes": [], "repeats": []},
    "benchmark approximations": {"photo": ["nope -> PHOTO"], "network": ["nope"], "window": ["500"],
                                 "stride": ["500"], "caps": ["1", "0.5 0"], "steps": ["1"], "tolerances": [],
                                 "repeats": []},
    "benchmark sweep": {"network": ["nope"], "windows": ["33", "3 500"], "images": [], "repeats": []},
    "benchmark methods": {"network": ["nope"], "methods": ["nope"], "batches": [], "repeats": []},
    "benchmark maximize": {"network": ["nope"], "layer": ["nope", "logits"], "batch": ["1000"], "size": ["1"],
                           "num-steps": [], "repeats": []},
    "benchmark first-call": {"network": ["nope"], "window": ["500"], "stride": ["500"]},
    "benchmark one-method": {"network": ["nope"], "method": ["nope"], "who": [], "batch": [], "repeats": []},
    "benchmark table": {"results": ["/nowhere", "{empty}"], "out": ["{folder}/photos.json", "/nowhere.md"]},
    "class_statistics": {"NETWORK": NETWORK, "layers": LAYERS, "label": ["nope", "10", "7"], **SCAN},
    "convert_efficientnet": {"WHEEL": ["/nowhere.whl", "{folder}/photos.json"]},
    "convert_squeezenet": {"ARCHIVE": ["/nowhere.tar.gz", "{folder}/photos.json"]},
    "correspondence": {
        "parts": ["/nowhere.json", "{folder}/photos.json", "{folder}/tfds/mnist/3.0.1/features.json"],
        "counts": ["2", "4", "3 1"],
        "size": ["28", "500"],
        "network": NETWORK,
        "weights": WEIGHTS,
        "layers": LAYERS,
        "draws": [], "batch-size": [],
    },
    "evolution": {
        "NETWORK": ["nope", "vgg16 -> --checkpoints"],
        "checkpoints": ["/nowhere", "{empty}"],
        "layers": LAYERS,
        "channels": ["33"],
        **SCAN,
        "weights": ["hub"],
    },
    "generalize": {
        "network": NETWORK,
        "weights": WEIGHTS,
        "data": ["nope", "caltech101"],
        "layers": LAYERS,
        "counts": ["100"],
        "folds": [], "strengths": [],
    },
    "compression": {"photos": NAMED, "network": NETWORK, "weights": WEIGHTS, "layers": LAYERS, "qualities": ["96"]},
    "invariance": {"photos": NAMED, "network": NETWORK, "weights": WEIGHTS, "layers": LAYERS, "border": [],
                   "batch-size": []},
    "maximize classes": {
        "classes": ["nope", "10", "-1"],
        "objective": [],
        "orientations": ["1"],
        "diversity": [],
        "diversity-layer": ["nope", "predictions"],
        "network": NETWORK, "weights": WEIGHTS, "steps": [],
    },
    "maximize filters": {
        "layers": LAYERS,
        "photos": ["/nowhere", "{empty}"],
        "size": ["1 --network squeezenet"],
        "network": NETWORK, "weights": WEIGHTS, "steps": [], "first": [], "random": [], "num-photos": [],
    },
    "maximize sweep": {"target": ["nope", "10"], "tv-weights": [], "certain": [],
                       "network": NETWORK, "weights": WEIGHTS, "steps": []},
    "maximize photo": {
        "PHOTO": ["nope", "{folder}/photos.json", "{empty}"],
        "layers": LAYERS,
        "units": ["33"],
        "photos": ["/nowhere", "{empty}"],
        "network": NETWORK, "weights": WEIGHTS, "steps": [],
    },
    "occlude": {
        "photos": NAMED,
        "boxes": BOXES,
        "grid": ["3 -> --grid", "500"],
        "cover": [],
        "network": NETWORK,
        "weights": WEIGHTS,
        "layer": ["nope", "logits"],
        "window": ["228", "500"],
        "stride": ["500"],
        "samples": [],
    },
    "occlude_pixels": {"NETWORK": ["nope", "squeezenet"], "weights": WEIGHTS, "windows": ["29", "3 500"], "num": ["24"],
                       "split": ["nope", "train[:0]"], "baseline": []},
    "photos": {"FOLDER": ["/nowhere", "{empty}", "{unnamed}", "{checkpoints}"], "network": ["nope", "squeezenet"],
               "replace": []},
    "quantize": {"NETWORK": ["nope", "squeezenet"], "weights": ["/nowhere.safetensors", "{folder}/photos.json"],
                 "split": ["nope", "train[:0]"]},
    "recognized": {"NETWORK": NETWORK, "weights": WEIGHTS, "classes": ["11"], "batch": ["11"], "objective": [],
                   "steps": []},
    "reproduce": {"only": ["nope", "explain nope"], "list": [], "table": ["nowhere.md"]},
    "microscope": {
        "NETWORK": NETWORK,
        "layers": LAYERS, "pictures-of": LAYERS,
        "channels": ["x", "99:", "70,80"],
        "compare": ["/nowhere.safetensors", "{folder}/photos.json"],
        "size": [],
        "without": [], "num": [], "rule": [], "steps": [], "diverse": [],
        **SCAN,
    },
    "strongest": {
        "NETWORK": NETWORK,
        "layers": LAYERS,
        "channels": ["33"],
        "filters": ["conv1", "nope:1", "conv1:16", "conv1:x"],
        "num": ["24"],
        "score": [], "rule": [],
        **SCAN,
    },
    "train": {
        "NETWORK": ["nope", "squeezenet"],
        "batch-size": ["42"],
        "train": ["nope", "train[:0]"],
        "test": ["nope"],
        "epochs": [], "learning-rate": [], "weight-decay": [],
    },
    "transfer": {
        "network": NETWORK,
        "weights": WEIGHTS,
        "data": ["nope", "caltech101"],
        "layers": LAYERS,
        "size": ["33", "1 --network squeezenet"],
        "scratch-size": ["33"],
        "splits": ["11"],
        "hidden": [], "epochs": [], "scratch-epochs": [],
    },
    "trust": {
        "network": NETWORK,
        "num-images": ["100000"],
        "methods": ["nope", "saliency nope"],
        "steps": ["785"],
        "depths": ["4"],
        "samples": [], "masks": [], "changes": [],
        **SCAN,
    },
}  # fmt: skip


def commands():
    """Each script, or each of its subcommands, with its config."""
    for name in NAMES:
        module = importlib.import_module(f"scripts.{name}.__main__")
        for config in typing.get_args(module.Config) or (module.Config,):
            word = "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in config.__name__)
            yield f"{name} {word.strip('-')}" if config is not module.Config else name, module, config


COMMANDS = {name: (module, config) for name, module, config in commands() if name != "explain"}


def is_list(option):
    return typing.get_origin(option.kind) is tuple


def plain(option):
    """Its type, or that of its entries."""
    return next(iter(typing.get_args(option.kind)), option.kind) if is_list(option) else option.kind


def cases():
    for name in COMMANDS:
        for option, values in ROWS[name].items():
            for value in values:
                option = option if option.isupper() else f"--{option.removeprefix('--')}"
                yield pytest.param(name, option, value, id=f"{name} {option} {value}")


def test_every_option_of_every_script_has_a_wrong_value():
    assert ROWS.keys() == COMMANDS.keys()
    for name, (_, config) in COMMANDS.items():
        known = {option.name: option for option in options(config)}
        rows = {option for option in ROWS[name] if not option.isupper()}
        positional = {f"--{option.lower()}" for option in ROWS[name] if option.isupper()}
        positional |= {"--source"} if name.startswith("convert") else set()
        # Numbers and folders have their rules, and what chooses or switches takes no other words.
        own = {name for name, option in known.items() if option.rule is not None or plain(option) is bool}
        own |= {name for name, option in known.items() if typing.get_origin(plain(option)) is typing.Literal}
        # What is converted has to be there before anything is written.
        own |= {"--out"} if name.startswith(("convert", "quantize")) else set()
        assert known.keys() - own <= {f"--{row}" for row in rows if ROWS[name][row]} | positional, name
        assert {f"--{row}" for row in rows} <= known.keys(), name


@pytest.mark.parametrize("name", COMMANDS)
def test_every_number_and_every_folder_has_a_rule(name):
    _, config = COMMANDS[name]
    for option in options(config):
        if plain(option) in (int, float):
            assert isinstance(option.rule, Range), option.name
        if option.name == "--out" and not name.startswith(("convert", "quantize", "benchmark table")):
            assert isinstance(option.rule, FolderName)


def wrong(option, path):
    """Values next to those that its rule allows."""
    if isinstance(option.rule, FolderName):
        return [path, path / "inside"]
    rule, step = option.rule, 1 if plain(option) is int else 1e-9
    ends = [rule.least - step * (not rule.open), rule.most + step * (not rule.open)]
    return [end for end in ends if np.isfinite(end)] + [float("nan"), float("inf"), -float("inf")]


@pytest.mark.parametrize("name", COMMANDS)
def test_a_value_outside_its_rule_is_refused(name, tmp_path):
    _, config = COMMANDS[name]
    (tmp_path / "file").touch()

    def filled(one, change):
        kinds = typing.get_type_hints(one)
        given = {}
        for field in dataclasses.fields(one):
            if dataclasses.is_dataclass(kinds[field.name]):
                given[field.name] = filled(kinds[field.name], change)
            elif f"--{field.name.replace('_', '-')}" in change:
                given[field.name] = change[f"--{field.name.replace('_', '-')}"]
            elif field.default is field.default_factory is dataclasses.MISSING:
                given[field.name] = "x"
        return one(**given)

    check(filled(config, {}))
    for option in options(config):
        for value in wrong(option, tmp_path / "file") if option.rule is not None else ():
            given = (value,) if is_list(option) else value
            with pytest.raises(UsageError, match=rf"^`{option.name}` must be .*, got "):
                check(filled(config, {option.name: given}))


@dataclasses.dataclass(frozen=True)
class Some:
    """One option of each type."""

    photo: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="PHOTO")]
    number: Count = 1
    maybe: Count | None = None
    share: Annotated[float, Range(0, 1)] = 0.5
    pair: Annotated[tuple[float, float], Range(0)] = (1.0, 2.0)
    several: Counts = (1, 2)
    names: tuple[str, ...] = ()
    choice: Literal["one", "other"] = "one"
    switch: bool = False


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("", "`PHOTO` must be given. See --help."),
        ("cat --number x", "`--number` must be a whole number, got 'x'."),
        ("cat --number 1.5", "`--number` must be a whole number, got '1.5'."),
        ("cat --number 0", "`--number` must be at least 1, got 0."),
        ("cat --maybe nan", "`--maybe` must be a whole number, got 'nan'."),
        ("cat --maybe -1", "`--maybe` must be at least 1, got -1."),
        ("cat --share x", "`--share` must be a number, got 'x'."),
        ("cat --share nan", "`--share` must be from 0 to 1, got nan."),
        ("cat --pair 1", "`--pair` must be followed by 2 of them."),
        ("cat --pair 1 inf", "`--pair` must be at least 0, got inf."),
        ("cat --several 3 0", "`--several` must be at least 1, got 0."),
        ("cat --several", "`--several` must be followed by one value or more, got none. Leave it out otherwise."),
        ("cat --names --switch", "`--names` must be followed by one value or more, got none. Leave it out otherwise."),
        ("cat --choice none", "`--choice` must be one of 'one', 'other', got 'none'."),
        ("cat --switch 3", "Unrecognized options: 3. See --help."),
        ("cat --numbre 3", "Unrecognized options: --numbre, 3. Perhaps you meant: --number INT. See --help."),
    ],
)
def test_what_is_not_understood_is_one_line(arguments, message, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["some", *arguments.split()])
    with pytest.raises(SystemExit) as stop:
        start(lambda config: None, Some, "Some.", tuned=False)
    assert stop.value.code == 2
    assert capsys.readouterr().err == f"error: {message}\n"


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """A small data set, photos of digits, checkpoints, and folders with nothing that helps."""
    root = tmp_path_factory.mktemp("places")
    places = {"folder": root} | {name: root / name for name in ("empty", "unnamed", "checkpoints")}
    write(root / "tfds", "mnist", train=41, test=23)
    for name in ("empty", "unnamed", "dogs", "checkpoints"):
        (root / name).mkdir()
    gray = Image.fromarray(np.full((28, 28, 3), 120, np.uint8))
    gray.save(root / "unnamed" / "cat.png")
    words = ("zero", "one", "two")
    for name in (*words, "other"):
        gray.save(root / f"{name}.png")
        gray.save(root / "dogs" / f"{name}.png")
    listed = [{"file": f"{name}.png", "class": number, "label": str(number)} for number, name in enumerate(words)]
    (root / "photos.json").write_text(json.dumps([*listed, {"file": "other.png", "label": "0"}]))
    parts = [{"file": f"{name}.png", "eye": [10, 10], "nose": [14, 20]} for name in words]
    (root / "dogs" / "parts.json").write_text(json.dumps(parts))
    for epoch in (1, 2):
        committed = pathlib.Path("checkpoints/mnist_cnn1.safetensors").read_bytes()
        (root / "checkpoints" / f"mnist_cnn1-epoch-{epoch:02}.safetensors").write_bytes(committed)
    return places


load = functools.cache(models.load)


@pytest.fixture
def launched(places, monkeypatch, tmp_path):
    """Runs a script in this process, in an empty folder, with the places above."""
    monkeypatch.setenv("TFDS_DATA_DIR", str(places["folder"] / "tfds"))
    monkeypatch.setenv("JAXVIZ_PHOTOS", str(places["folder"]))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(models, "load", load)

    def begins(*_):
        pytest.fail("the run begins")

    monkeypatch.setattr("scripts._harness.run_folder.RunFolder.__init__", begins)
    monkeypatch.setattr("scripts.benchmark.timing.machine", begins)

    def run(name, *arguments):
        module, _ = COMMANDS[name]
        words = [*name.split()[1:], *arguments]
        monkeypatch.setattr(sys, "argv", [name, *(word.format(**places) for word in words)])
        start(module.main, module.Config, module.__doc__, tuned=False)

    return run


@pytest.mark.parametrize(("name", "option", "value"), [*cases()])
def test_a_wrong_value_is_one_line_before_anything_begins(name, option, value, launched, places, capsys, tmp_path):
    value, _, other = value.partition(" -> ")
    first = START.get(name, "").split()
    if option.isupper():
        # The first of them is the positional argument.
        first = [value, *first[1:]]
    else:
        first += [option, *value.split()]
    with pytest.raises(SystemExit) as stop:
        launched(name, *first)
    # What is read from a data set before has its bar.
    *bars, error = capsys.readouterr().err.splitlines()
    assert stop.value.code == 2
    assert error.startswith(f"error: `{other or option}` must "), error
    assert all("photo/s" in bar for bar in bars if bar), bars
    assert len(error) < 600
    assert not list(tmp_path.iterdir())

"""`jv.explain`: the numbers of the single methods, on one page, for any function."""

import json
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.ad_checkpoint import checkpoint_name

import jaxviz as jv
from jaxviz.attribution import METHODS
from jaxviz.explanation import _attributions, _occlusion, _projections

RNG = np.random.default_rng(0)
KERNEL = (RNG.normal(size=(3, 3, 3, 4)) / 3).astype(np.float32)
HEAD = RNG.normal(size=(4, 3)).astype(np.float32)
IMAGE = RNG.uniform(size=(12, 10, 3)).astype(np.float32)
LABELS = ("bow_tie", "cat", "dog")
QUICK = {"window": 5, "stride": 5, "units": 2}


def conv(images):
    """Named maps, one of them behind a ReLU."""
    maps = jax.lax.conv_general_dilated(images, KERNEL, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))
    return checkpoint_name(jax.nn.relu(maps), "maps").mean((1, 2)) @ HEAD


def plain(images):
    """No layers, no ReLUs."""
    return jnp.tanh(images).mean((1, 2)) @ HEAD[:3]


@pytest.fixture(scope="module")
def found():
    return jv.explain(conv, IMAGE, labels=LABELS, methods=["saliency", "grad_cam"], input_range=(0, 1), **QUICK)


def softmax(logits):
    exp = np.exp(np.asarray(logits) - np.max(logits, axis=-1, keepdims=True))
    return exp / exp.sum(-1, keepdims=True)


def test_the_results_are_those_of_the_methods(found):
    target = found.results["prediction"].numbers["target"]
    assert list(found.results) == ["prediction", "saliency", "grad_cam", "projection-maps", "occlusion"]
    assert target == int(conv(IMAGE[None])[0].argmax())
    expected = jax.grad(lambda x: conv(x[None])[0, target])(IMAGE)
    np.testing.assert_allclose(found.results["saliency"].arrays["attribution"], expected, atol=1e-6)
    np.testing.assert_allclose(
        found.results["grad_cam"].arrays["attribution"],
        jv.grad_cam(conv, jnp.asarray(IMAGE[None]), target, "maps")[0],
        atol=1e-6,
    )


def test_files_page_and_summary_show_the_same_pictures_drawn_once(found, tmp_path, monkeypatch):
    drawn = []
    for module in (_attributions, _occlusion):
        original = module.figures
        monkeypatch.setattr(module, "figures", lambda *args, of=original: drawn.append(of(*args)) or drawn[-1])
    strips = _projections.strips
    monkeypatch.setattr(_projections, "strips", lambda *args: drawn.append(strips(*args)) or drawn[-1])
    found.save(tmp_path / "all")
    # Two methods, one layer, the window.
    assert len(drawn) == 4


def test_occlusion_covers_one_place_after_the_other(found):
    numbers, covered = found.results["occlusion"].numbers, found.results["occlusion"].arrays["probabilities"]
    assert (numbers["rows"], numbers["cols"]) == ([0, 5, 7], [0, 5])
    for row, top in enumerate(numbers["rows"]):
        for col, left in enumerate(numbers["cols"]):
            image = IMAGE.copy()
            image[top : top + 5, left : left + 5] = 0
            np.testing.assert_allclose(covered[row, col], softmax(conv(image[None])[0]), atol=1e-6)


def test_the_units_are_the_strongest_and_projected_by_both_rules(found):
    numbers, arrays = found.results["projection-maps"]
    maps = jv.tap(conv, "maps")(IMAGE[None])[1]["maps"][0]
    for unit in numbers["units"]:
        channel = maps[..., unit["channel"]]
        assert unit["activation"] == pytest.approx(float(channel.max()), abs=1e-4)
        assert channel[unit["row"], unit["col"]] == channel.max()
    assert {"deconvnet", "guided"} < arrays.keys()


def test_a_function_without_layers_gets_attributions_of_the_input_and_occlusion():
    shown = jv.explain(plain, IMAGE, methods=None, window=6, stride=6)
    assert list(shown.results) == ["prediction", "saliency", "smoothgrad", "integrated_gradients", "occlusion"]
    assert [section.title for section in shown.page().sections] == [
        "Prediction",
        f"What speaks for {shown.results['prediction'].numbers['label']}",
        "What if a place is covered",
    ]
    assert "from its smallest value to its largest" in jv.render.html(shown.page())


def test_the_methods_by_default_are_those_that_the_function_allows():
    def relus(images):
        return jax.nn.relu(images - 0.5).mean((1, 2))

    def layers(images):
        return checkpoint_name(jnp.tanh(images), "maps").mean((1, 2))

    def methods(f):
        from jaxviz.explanation import Options, Source, subjects

        [subject] = subjects([Source("f", f, {"image": jnp.asarray(IMAGE[None])})], Options())
        return set(subject.methods)

    everything = {"saliency", "smoothgrad", "integrated_gradients", "deconvnet", "guided", "grad_cam", "grad_cam_pp"}
    everything |= {"layer_cam", "score_cam", "guided_grad_cam"}
    assert methods(conv) == everything
    assert methods(relus) == {name for name in everything if not METHODS[name].layer}
    assert methods(layers) == {name for name in everything if not METHODS[name].rule}


def test_two_classes_stand_side_by_side_on_one_scale():
    shown = jv.explain(conv, IMAGE, ["cat", 0], labels=LABELS, layers=(), methods=["saliency"], window=6, stride=6)
    assert list(shown.results) == ["prediction", "saliency-cat", "saliency-bow_tie", "occlusion"]
    assert shown.results["saliency-bow_tie"].numbers["target"] == 0
    [gallery] = shown.page().sections[1].blocks
    assert [figure.title for figure in gallery.figures] == ["cat", "bow tie"]
    [low] = {figure.scale.low for figure in gallery.figures}
    arrays = [shown.results[f"saliency-{name}"].arrays["attribution"].sum(-1) for name in ("cat", "bow_tie")]
    assert low == pytest.approx(-np.percentile(np.abs(arrays), 99), rel=1e-5)
    [covering] = shown.page().sections[-1].blocks
    assert len(covering.figures) == 2
    # One sweep for both.
    assert [entry["label"] for entry in shown.results["prediction"].numbers["targets"]] == ["cat", "bow tie"]


def test_two_functions_and_two_images_stand_side_by_side():
    images = np.stack([IMAGE, IMAGE[::-1]])
    shown = jv.explain({"a": conv, "b": plain}, images, 1, layers=(), methods=["saliency"], window=10, stride=10)
    steps = [f"{f}-image {number}-{what}" for f in "ab" for number in range(2) for what in ("prediction", "saliency")]
    assert set(steps) < set(shown.results)
    expected = jax.grad(lambda x: plain(x[None])[0, 1])(images[1])
    np.testing.assert_allclose(shown.results["b-image 1-saliency"].arrays["attribution"], expected, atol=1e-6)
    titles = [figure.title for figure in shown.page().sections[1].blocks[0].figures]
    assert titles == ["a, image 0", "a, image 1", "b, image 0", "b, image 1"]


def test_each_function_shows_those_of_the_layers_that_it_has():
    def other(images):
        return conv(checkpoint_name(jax.nn.relu(images), "early"))

    from jaxviz.explanation import Options, Source, subjects

    sources = [Source(name, f, {"image": jnp.asarray(IMAGE[None])}) for name, f in (("a", conv), ("b", other))]
    assert [s.layers for s in subjects(sources, Options(layers=["early"]))] == [("maps",), ("early",)]
    assert [s.layers for s in subjects(sources, Options(layers=["maps"]))] == [("maps",), ("maps",)]
    with pytest.raises(ValueError, match=r"^`layers` must be one of 2 names, got 'late'\. They are: maps, early\.$"):
        subjects(sources, Options(layers=["maps", "late"]))


def test_bytes_come_into_the_range_that_is_given():
    photo = np.rint(255 * IMAGE).astype(np.uint8)
    options = {"methods": ["saliency"], "layers": (), "window": 10, "stride": 10, "input_range": (-1, 1)}
    shown = jv.explain(conv, photo, **options)
    arrays = shown.results["prediction"].arrays
    np.testing.assert_allclose(arrays["logits"], conv(photo[None] / 127.5 - 1)[0], rtol=1e-4)
    np.testing.assert_array_equal(arrays["photo"], photo)


def test_a_head_of_one_output_tells_two_classes_apart():
    def f(images):
        return images.mean((1, 2, 3))[:, None] - 1

    shown = jv.explain(f, IMAGE, methods=["saliency"], window=6, stride=6, labels=("no", "yes"))
    numbers, arrays = shown.results["prediction"]
    p = 1 / (1 + np.exp(1 - IMAGE.mean()))
    np.testing.assert_allclose(arrays["probabilities"], [1 - p, p], rtol=1e-5)
    assert (numbers["label"], numbers["top"][0]["label"]) == ("yes", "no")
    assert shown.results["occlusion"].arrays["probabilities"].shape == (2, 2, 2)


def test_an_unlikely_class_is_said_to_be_unlikely():
    def f(images):
        return jnp.stack([jnp.full(len(images), 9.0), images.mean((1, 2, 3))], 1)

    options = {"methods": ["saliency"], "window": 6, "stride": 6, "labels": ("bow_tie", "cat")}
    page = jv.explain(f, IMAGE, "cat", **options).page()
    assert page.title == "What would speak for cat?"
    assert "The class cat is unlikely: its probability is <0.1%, number 2 of 2 classes." in page.summary
    both = jv.explain(f, IMAGE, [0, 1], **options).page()
    assert both.title == "Why bow tie? What would speak for cat?"
    likely = jv.explain(f, IMAGE, "bow tie", **options).page()
    assert likely.title == "Why bow tie?"
    assert "unlikely" not in likely.summary


def test_it_shows_itself_in_a_notebook_without_a_script(found):
    shown = found._repr_html_()
    assert len(shown) < 500_000
    assert "<script" not in shown
    assert shown.count("<img") == 1
    assert found.page().title in shown


def test_it_saves_a_page_or_a_folder(found, tmp_path):
    page = found.save(tmp_path / "cat.html")
    assert page.read_text("utf-8") == jv.render.html(found.page())
    index = found.save(tmp_path / "cat")
    assert index.read_text("utf-8") == page.read_text("utf-8")
    kinds = {"json", "npz", "png", "svg", "pdf"}
    for name in found.results:
        assert kinds <= {path.suffix[1:] for path in (tmp_path / "cat").glob(f"{name}.*")}
        assert json.loads((tmp_path / "cat" / f"{name}.json").read_text()) == found.results[name].numbers
    lines = (tmp_path / "cat" / "prediction.csv").read_text().splitlines()
    assert lines[0] == "class,label,probability"
    assert lines[1].split(",")[1] == found.results["prediction"].numbers["label"]
    places = (tmp_path / "cat" / "occlusion.csv").read_text().splitlines()
    assert len(places) == 1 + 3 * 2
    with pytest.raises(ValueError, match=r"^`path` must be a new or an empty folder, got .*cat, which holds"):
        found.save(tmp_path / "cat")
    with pytest.raises(ValueError, match=r"^`path` must end with \.html, or be a folder, got .*cat\.png\."):
        found.save(tmp_path / "cat.png")


NAN = np.where(np.arange(10)[:, None] == 3, np.nan, IMAGE).astype(np.float32)
WRONG = [
    (
        {"images": IMAGE[0]},
        "`images` must have shape (h, w, c), or (n, h, w, c) for several, got (10, 3). Add the axes",
    ),
    ({"images": NAN}, "`images` must be finite, got NaN or infinite values. Look for them in the preprocessing."),
    ({"images": []}, "`images` must hold at least one image, got none. Give an image, or a list of them."),
    ({"f": {}}, "`f` must hold at least one function, got none. Give a function, or several by name."),
    ({"target": "cart"}, "`target` must be one of 3 names, got 'cart'. They are: bow tie, cat, dog."),
    ({"target": 3}, "`target` must be a class in 0..2 or a label, got 3."),
    ({"target": []}, "`target` must be at least one class, got none. Leave it out for the most probable one."),
    ({"labels": ["cat"]}, "`labels` must hold one label for each of 3 outputs, got 1. Give them in that order."),
    ({"methods": ["lime"]}, "`methods` must be one of 18 names, got 'lime'. They are: saliency, gradient_x_input,"),
    ({"methods": []}, "`methods` must be one of 18 names, got ''."),
    (
        {"methods": ["grad_cam"], "layers": ()},
        "`methods` must not read a layer where `layers` has none, got",
    ),
    ({"layers": ["map"]}, "`layers` must be one of 1 names, got 'map'. They are: maps."),
    ({"window": 11}, "`window` must fit inside the image, got window=11 for an image of 12x10. Use at most 10."),
    ({"window": 0}, "`window` must be at least 1, got 0."),
    ({"stride": 0}, "`stride` must be at least 1, got 0."),
    ({"units": 0}, "`units` must be at least 1, got 0."),
    ({"units": 5}, "`units` must be at most 4, the most channels of a layer, got 5."),
    ({"baseline": np.zeros(2)}, "`baseline` must broadcast to `images` of (12, 10, 3), got (2,)."),
    ({"probability": "argmax"}, "`probability` must be 'softmax' or 'sigmoid', got 'argmax'."),
    ({"input_range": (1, 1)}, "`input_range` must be the values of black and of white, the smaller first, got (1, 1)."),
    ({"denormalize": lambda x: x[0]}, "`denormalize` must give pictures (n, h, w, 3), got (12, 10, 3) for images of"),
    ({"f": plain, "methods": ["guided"]}, "`rule`"),
]


@pytest.mark.usefixtures("unchecked_shapes")
@pytest.mark.parametrize(("arguments", "text"), WRONG, ids=[text[:40] for _, text in WRONG])
def test_bad_input_is_refused_before_anything_is_computed(arguments, text, monkeypatch):
    def compute(*_):
        raise AssertionError

    monkeypatch.setattr("jaxviz.explanation._explain.measure", compute)
    given = {"f": conv, "images": IMAGE, "labels": LABELS} | arguments
    with pytest.raises(ValueError, match=f"^{re.escape(text)}"):
        jv.explain(**given)


@pytest.mark.usefixtures("unchecked_shapes")
def test_what_is_of_another_kind_is_refused():
    with pytest.raises(TypeError, match=r"^`images` must be floating point in the network's own range where"):
        jv.explain(conv, np.zeros((12, 10, 3), np.uint8))
    with pytest.raises(TypeError, match=r"^`target` must be the number or the label of a class, got 0\.5\.$"):
        jv.explain(conv, IMAGE, 0.5)  # pyright: ignore[reportArgumentType]
    with pytest.raises(TypeError, match=r"^`denormalize` must be a JAX function, got one that asks for"):
        jv.explain(conv, IMAGE, denormalize=lambda x: np.asarray(x) * 2)

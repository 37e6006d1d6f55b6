"""The numbers on the pages, against loops; and what a build does when it is cut off, or run again."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.ad_checkpoint import checkpoint_name

import jaxviz as jv
from jaxviz import microscope
from jaxviz.microscope import _plan, _unit
from tests.microscope.sample import (
    CLASSES,
    FILTERS,
    HEAD,
    IMAGES,
    LAYERS,
    SCAN,
    build,
    network,
    read,
    scaled,
)

# Numbers are rounded to three or four digits on the pages.
DIGITS = 2e-3


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    out = tmp_path_factory.mktemp("site") / "here"
    build(out, others={"random": network(FILTERS[::-1])})
    return out


@pytest.fixture(scope="module")
def tapped():
    return jv.tap(network(), *LAYERS)(scaled(jnp.asarray(IMAGES)))


def values(tapped, layer):
    """The strongest activation of each channel in each image."""
    activation = np.asarray(tapped[0] if layer == "output" else tapped[1][layer])
    return activation.max((1, 2)) if activation.ndim == 4 else activation


@pytest.mark.parametrize(("place", "layer"), [*enumerate([*LAYERS, "output"])])
def test_a_unit_says_what_excites_it_and_how_often(out, tapped, place, layer):
    wanted = values(tapped, layer)
    activation = np.asarray(tapped[0] if layer == "output" else tapped[1][layer])
    for channel in range(wanted.shape[1]):
        page = read(out, f"units/{place}/{channel}")
        order = np.argsort(-wanted[:, channel], kind="stable")[:3]
        order = [index for index in order if wanted[index, channel] > 0]
        assert [row[0] for row in page["top"]] == order
        np.testing.assert_allclose([row[1] for row in page["top"]], wanted[order, channel], rtol=DIGITS)
        assert page["zeros"] == pytest.approx((activation[..., channel] == 0).mean(), rel=DIGITS)
        assert sum(page["histogram"]) == page["sample"] == 10
        assert page["highest"] == pytest.approx(activation[..., channel].max(), rel=DIGITS)
        # The examples at the quantiles are those of the sorted values.
        ranked = np.sort(wanted[:, channel])
        for quantile, pair in page["quantiles"]:
            at = min(round(quantile * 9), 8)
            np.testing.assert_allclose([row[1] for row in pair], ranked[at : at + 2], rtol=DIGITS, atol=1e-6)
        for image in (*(row[0] for row in page["top"]), *(row[0] for _, pair in page["quantiles"] for row in pair)):
            assert (out / f"images/{image}.webp").is_file()


def test_a_dead_unit_is_called_dead(out):
    assert read(out, "units/0/2")["flag"] == "dead"
    assert not read(out, "units/0/2")["top"]
    assert read(out, "layers/0")["flags"].count("dead") == read(out, "data/site")["layers"][0]["dead"] >= 1


def test_what_is_lost_without_a_unit_is_that_of_a_network_without_it(out):
    images = scaled(IMAGES)

    def accuracy(f):
        return float((np.asarray(f(images)).argmax(1) == CLASSES).mean())

    whole = accuracy(network())
    for channel in range(5):
        kept = jnp.arange(5) != channel
        without = jv.edit(network(), {"maps": lambda maps, kept=kept: maps * kept})
        assert read(out, f"units/0/{channel}")["removed"]["accuracy"] == pytest.approx(
            accuracy(without) - whole, abs=1e-3
        )


def test_gradients_are_those_of_the_outputs_summed_over_places_and_averaged_over_images(out):
    images = scaled(jnp.asarray(IMAGES))
    maps = jv.upto(network(), "maps")(images)
    for k in range(3):
        slope = jax.grad(lambda maps, k=k: jv.after(network(), "maps")(maps, images)[:, k].sum())(maps)
        wanted = np.asarray(slope.sum((1, 2)).mean(0))
        for channel in range(5):
            told = dict(read(out, f"units/0/{channel}")["gradient"])
            assert told.get(k, 0) == pytest.approx(wanted[channel], rel=5e-3, abs=1e-5)


def test_units_are_joined_by_activation_times_gradient(out):
    images = scaled(jnp.asarray(IMAGES))
    maps = jv.upto(network(), "maps")(images)
    hidden = jv.upto(network(), "hidden <b>")
    for unit in range(4):
        slope = jax.grad(lambda maps, unit=unit: jv.after(hidden, "maps")(maps, images)[:, unit].sum())(maps)
        weights = np.asarray((slope * maps).sum((1, 2)).mean(0))
        shares = weights / max(np.abs(weights).sum(), 1e-12)
        told = {(layer, channel): share for layer, channel, share, _ in read(out, f"units/1/{unit}")["below"]}
        assert told == pytest.approx({(0, c): shares[c] for c in range(5) if shares[c]}, rel=5e-3)
        for channel in range(5):
            up = {other for layer, other, *_ in read(out, f"units/0/{channel}")["above"] if layer == 1}
            assert (unit in up) == bool(weights[channel])


def test_units_alike_are_those_that_rise_and_fall_together(out, tapped):
    every = np.concatenate([values(tapped, layer) for layer in (*LAYERS, "output")], 1).astype(np.float64)
    names = [(0, c) for c in range(5)] + [(1, c) for c in range(4)] + [(2, c) for c in range(3)]
    moving = every.std(0) > 0
    r = np.full((12, 12), -np.inf)
    r[np.ix_(moving, moving)] = np.corrcoef(every[:, moving].T)
    np.fill_diagonal(r, -np.inf)
    for unit, (layer, channel) in enumerate(names):
        told = read(out, f"units/{layer}/{channel}")["similar"]
        best = [other for other in np.argsort(-r[unit], kind="stable")[:6] if np.isfinite(r[unit, other])]
        np.testing.assert_allclose([row[2] for row in told], r[unit, best], rtol=5e-3, atol=1e-3)


def test_a_unit_survives_no_change_whole(out):
    for kind, amount in (("shift", 0.0), ("zoom", 1.0), ("turn", 0.0)):
        amounts, left = read(out, "units/0/0")["survival"][kind]
        assert left[amounts.index(amount)] == pytest.approx(1, abs=1e-3)
        assert any(value != pytest.approx(1, abs=1e-3) for value in left)
    assert read(out, "units/0/2")["survival"]["shift"][1] == [None] * 7


def test_a_class_says_what_it_is_taken_for(out, tapped):
    predicted = np.asarray(tapped[0]).argmax(1)
    for k in (0, 1):
        page = read(out, f"classes/{k}")
        own = CLASSES == k
        assert page["count"] == own.sum()
        assert page["accuracy"] == pytest.approx((predicted[own] == k).mean(), abs=1e-3)
        assert {image for image, _ in page["wrong"]} == set(np.flatnonzero(own & (predicted != k)).tolist())
        assert sum(count for _, count in page["taken_for"]) == (own & (predicted != k)).sum()
    assert not (out / "classes/2.js").exists()
    assert read(out, "data/site")["classes"] == [0, 1]


def test_other_networks_stand_beside_it_unit_by_unit(out, tapped):
    from scipy.stats import spearmanr

    other = jv.upto(network(FILTERS[::-1]), "maps")(scaled(jnp.asarray(IMAGES))).max((1, 2))
    for channel in (0, 1, 3, 4):
        ((r, strongest),) = read(out, f"units/0/{channel}")["compared"]
        assert r == pytest.approx(spearmanr(values(tapped, "maps")[:, channel], other[:, channel])[0], abs=2e-3)
        assert strongest == pytest.approx(float(other[:, channel].max()), rel=5e-3)
        assert (out / f"compare/0/{channel}.webp").is_file()


class Stop(Exception):
    """The end of a process."""


def contents(out):
    return {
        path.relative_to(out): path.read_bytes()
        for path in out.rglob("*")
        if path.is_file() and ".work" not in path.parts
    }


def test_a_build_goes_on_where_it_was_cut_off(out, tmp_path):
    heard = []

    def stop(step):
        heard.append(step)
        if step.what.endswith("pages") and step.units >= 5:
            raise Stop

    options = {"others": {"random": network(FILTERS[::-1])}}
    with pytest.raises(Stop):
        build(tmp_path / "cut", progress=stop, **options)
    # It can be read as far as it is.
    about = read(tmp_path / "cut", "data/site")
    assert not about["complete"]
    assert (tmp_path / "cut/units/0/4.js").is_file()
    assert not (tmp_path / "cut/units/1/0.js").exists()
    again = []
    build(tmp_path / "cut", progress=again.append, **options)
    assert not any(step.what in ("strongest images", "maps: each unit removed") for step in again)
    assert contents(tmp_path / "cut") == contents(out)


@pytest.mark.slow
def test_other_weights_repeat_what_depends_on_them(tmp_path):
    here, other = tmp_path / "here", network(head=2 * HEAD[:, ::-1])
    first, again = [], []
    build(here, progress=first.append)
    build(here, other, progress=again.append)
    # What joins the layers below is the same; what has to do with the outputs is not.
    kinds = {step.what for step in first}
    assert {step.what for step in again} == kinds - {"from maps to hidden <b>"}
    build(tmp_path / "fresh", other)
    assert contents(here) == contents(tmp_path / "fresh")
    done = {path: path.stat().st_mtime_ns for path in (here / "units").rglob("*.js")}
    build(here, other)
    assert done == {path: path.stat().st_mtime_ns for path in done}


@pytest.mark.slow
def test_other_data_leave_no_image_of_the_first(tmp_path):
    here = tmp_path / "here"
    microscope.build(network(), (IMAGES, CLASSES), LAYERS, here, scan=SCAN, skip=("survival", "gradients"))
    microscope.build(network(), (IMAGES[::-1], CLASSES), LAYERS, here, scan=SCAN, skip=("survival", "gradients"))
    fresh = tmp_path / "fresh"
    microscope.build(network(), (IMAGES[::-1], CLASSES), LAYERS, fresh, scan=SCAN, skip=("survival", "gradients"))
    assert contents(here) == contents(fresh)


ASKED_OTHERWISE = {
    "a layer": ({"layers": ["maps"]}, {}),
    "channels": ({"channels": {"maps": [0, 3]}}, {"channels": {"maps": [3, 1]}}),
    "another network under an old name": (
        {"others": {"epoch": network(FILTERS[::-1])}},
        {"others": {"epoch": network(FILTERS[:, ::-1])}},
    ),
    "how a probability is read": ({}, {"probability": "sigmoid"}),
}


@pytest.mark.slow
@pytest.mark.parametrize("what", ASKED_OTHERWISE)
def test_a_site_that_is_asked_for_otherwise_is_the_one_that_is_made_anew(tmp_path, what):
    before, after = ASKED_OTHERWISE[what]
    build(tmp_path / "here", skip=("survival",), **before)
    build(tmp_path / "here", skip=("survival",), **after)
    build(tmp_path / "fresh", skip=("survival",), **after)
    assert contents(tmp_path / "here") == contents(tmp_path / "fresh")


@pytest.mark.slow
def test_a_pass_that_was_cut_off_is_not_that_of_other_layers(tmp_path):
    def stop(step):
        if step.what == "strongest images" and step.done >= 8:
            raise Stop

    options = {"skip": ("survival",), "scan": dataclasses.replace(SCAN, save_every=1, devices=1)}
    with pytest.raises(Stop):
        build(tmp_path / "here", layers=["maps"], progress=stop, **options)
    build(tmp_path / "here", **options)
    build(tmp_path / "fresh", **options)
    assert contents(tmp_path / "here") == contents(tmp_path / "fresh")


class Broken:
    """Ten images of which the first and the last cannot be read."""

    fingerprint = "two of ten"

    def __len__(self):
        return 10

    def __getitem__(self, index):
        if index in (0, 9):
            raise OSError("no such image")
        return IMAGES[index], CLASSES[index]


@pytest.mark.slow
def test_examples_that_cannot_be_read_are_left_out_of_all_measures(tmp_path):
    scan = dataclasses.replace(SCAN, skip_corrupt=True, num_threads=0)
    microscope.build(network(), Broken(), LAYERS, tmp_path, scan=scan, num=2)
    page = read(tmp_path, "units/0/0")
    assert page["sample"] == page["gradient_images"] == page["above_images"] == 8
    assert not {0, 9} & {image for _, pair in page["quantiles"] for image, *_ in pair}


class Reversed:
    """A network that takes blue, green and red, of twice the scale."""

    def normalize(self, pixels):
        return 2 * pixels[..., ::-1]

    def denormalize(self, images):
        return images[..., ::-1] / 2

    def __call__(self, images):
        return checkpoint_name(jax.nn.relu(images), "maps").mean((1, 2))


def test_a_projection_has_the_colors_that_the_network_means(tmp_path, monkeypatch):
    found, gray_centered = [], _unit.gray_centered

    def looking(projection, **options):
        found.append(projection)
        return gray_centered(projection, **options)

    monkeypatch.setattr(_unit, "gray_centered", looking)
    options = {"scan": jv.dataset.Scan(preprocess=lambda images: 2 * scaled(images)[..., ::-1]), "num": 1}
    skip = ("survival", "connections", "gradients")
    microscope.build(Reversed(), (IMAGES[:3], None), ["maps"], tmp_path, channels={"maps": [0]}, skip=skip, **options)
    # The network's first channel is blue.
    assert np.any(found[0][..., 2] > 0)
    assert not np.any(found[0][..., :2])


@pytest.mark.slow
def test_directions_are_units_of_the_same_function(tmp_path):
    vectors = {"one <i>": [1.0, 0, 0, -1, 0], "two": [0.5, 0.5, 0, 0, 0]}
    build(tmp_path, directions={"maps": vectors}, skip=("survival",))
    site = read(tmp_path, "data/site")
    assert [layer["name"] for layer in site["layers"]] == ["maps", "maps directions", "hidden <b>", "output"]
    assert site["layers"][1]["units"] == ["one <i>", "two"]
    maps = np.asarray(jv.upto(network(), "maps")(scaled(IMAGES)))
    for number, vector in enumerate(vectors.values()):
        wanted = (maps @ np.array(vector, np.float32)).max((1, 2))
        page = read(tmp_path, f"units/1/{number}")
        order = [index for index in np.argsort(-wanted, kind="stable")[:3] if wanted[index] > 0]
        assert [row[0] for row in page["top"]] == order
    # Without a direction the maps lose their part along it, and nothing else.
    basis = np.array(list(vectors.values()), np.float32)

    def removed(maps):
        coordinates = maps @ basis.T
        return maps - coordinates[..., :1] * np.linalg.pinv(basis.T)[0]

    whole = np.asarray(network()(scaled(IMAGES))).argmax(1) == CLASSES
    without = np.asarray(jv.edit(network(), {"maps": removed})(scaled(IMAGES))).argmax(1) == CLASSES
    change = without.mean() - whole.mean()
    assert read(tmp_path, "units/1/0")["removed"]["accuracy"] == pytest.approx(change, abs=1e-3)


def test_directions_that_are_one_but_for_rounding_are_one():
    wide = {"one": [0.1, 0.2, 0.3, 0.4, 0.5], "again": [0.1, 0.2, 0.3, 0.4, np.nextafter(np.float32(0.5), 1)]}
    options = dict.fromkeys(["channels", "labels", "name", "picture", "channel_axis", "grid"])
    options |= {"num": 2, "rule": "gradient", "data": "", "scan": SCAN}
    site = _plan.plan(network(), (IMAGES, CLASSES), ["maps"], directions={"maps": wide}, **options)
    (inverse,) = site.f.inverses
    # Each has half of the one; to tell them apart would divide by what rounding has left.
    vector = np.array(wide["one"])
    np.testing.assert_allclose(inverse, np.stack([vector, vector]) / (2 * vector @ vector), rtol=1e-4)


@pytest.mark.slow
def test_data_without_labels_have_no_classes(tmp_path):
    microscope.build(network(), (IMAGES, None), ["maps"], tmp_path, scan=SCAN, num=2)
    page = read(tmp_path, "units/0/0")
    assert "tells" not in page
    assert "removed" not in page
    assert page["gradient"]
    assert read(tmp_path, "data/site")["classes"] is None


@pytest.mark.slow
def test_pictures_say_what_they_are_worth_beside_the_strongest_image(tmp_path):
    options = microscope.Pictures(layers=("maps",), num_steps=40, diverse=2)
    build(tmp_path, pictures=options, skip=("survival", "gradients"))
    page = read(tmp_path, "units/0/0")
    assert [kind for kind, *_ in page["pictures"]] == ["up", "down", "unit", "diverse", "diverse"]
    up, down = page["pictures"][0], page["pictures"][1]
    assert up[1] > down[1]
    assert "pictures" not in read(tmp_path, "units/1/0")


def gray(images):
    return checkpoint_name(jax.nn.relu(images), "one").mean((1, 2))


@pytest.mark.slow
def test_a_network_of_one_channel_and_gray_images(tmp_path):
    images = np.random.default_rng(0).uniform(size=(5, 6, 7, 1)).astype(np.float32)
    page = microscope.build(gray, (images, None), ["one"], tmp_path, num=2)
    assert page == tmp_path / "index.html"
    assert read(tmp_path, "units/0/0")["similar"][0][:2] == [1, 0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"skip": ["nope"]}, r"`skip` must name measures, .*, got 'nope'"),
        ({"labels": ["a"]}, r"`labels` must name each of the 3 outputs, got 1"),
        ({"directions": {"maps": {"a": [1.0]}}}, r"`directions` of 'maps' must have 5 entries each, got 1"),
        ({"directions": {"maps": {"a": [0.0] * 5}}}, r"`directions` of 'maps' must be finite vectors other than zero"),
        ({"channels": {"maps": [7]}}, r"`channels` must be different ones in 0\.\.4 of 'maps', got 7"),
        ({"pictures": microscope.Pictures(layers=("nope",))}, r"`pictures` must be of layers of the site, got 'nope'"),
        ({"others": {"wide": functools.partial(lambda images: gray(images))}}, r"`layer"),
    ],
)
def test_bad_input_is_refused_before_anything_is_written(tmp_path, options, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        build(tmp_path / "new", **options)
    assert not (tmp_path / "new").exists()


def test_a_folder_of_other_files_is_refused(tmp_path):
    (tmp_path / "thesis.tex").write_text("mine")
    assert microscope.is_free(tmp_path / "new")
    assert not microscope.is_free(tmp_path)
    with pytest.raises(ValueError, match=r"^`out` must be a new folder or that of an earlier site, got "):
        build(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_images_that_are_no_pictures_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"^`dataset` must hold images of one or three channels"):
        microscope.build(gray, (np.zeros((3, 4, 4, 2), np.float32), None), ["one"], tmp_path / "new")

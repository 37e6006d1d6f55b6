"""Animations and contact sheets: what a reader of the files gets back."""

import io
import os
import shutil
import stat

import numpy as np
import pytest
from PIL import Image

from jaxviz import render

FRAMES = [np.full((40, 60, 3), shade, np.uint8) for shade in ((200, 30, 30), (30, 200, 30), (30, 30, 200))]
LABELS = ["step 1", "step 50", "step 200"]


def read(content: bytes) -> tuple[list[np.ndarray], list[int], int]:
    """The frames of a file, their milliseconds, and how often it plays (0: for ever)."""
    image = Image.open(io.BytesIO(content))
    frames, times = [], []
    for number in range(getattr(image, "n_frames", 1)):
        image.seek(number)
        frames.append(np.asarray(image.convert("RGB")))
        times.append(image.info["duration"])
    return frames, times, image.info["loop"]


def colors(shape: tuple[int, int]) -> np.ndarray:
    """Soft color gradients, as in a rendered image."""
    rows, cols = np.mgrid[: shape[0], : shape[1]]
    return np.stack([rows * 2 + 30, cols + 40, 200 - rows - cols // 2], axis=-1).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("encode", [render.gif, render.webp])
def test_an_animation_holds_the_frames_their_times_and_starts_over(encode):
    frames, times, loop = read(encode(FRAMES, seconds=0.25, hold=1.0))
    assert times == [250, 250, 1250]
    assert loop == 0
    for frame, found in zip(FRAMES, frames, strict=True):
        assert np.abs(found.astype(int) - frame).max() <= 8


@pytest.mark.parametrize("encode", [render.gif, render.webp])
def test_the_label_stands_in_its_own_frame_in_the_lower_left_corner(encode):
    plain, marked = (read(encode([FRAMES[0]] * 3, labels=labels))[0] for labels in ((), LABELS))
    assert len(marked) == 3
    changed = [(np.abs(frame.astype(int) - plain[0]).max(-1) > 40) for frame in marked]
    for mask in changed:
        rows, cols = np.nonzero(mask)
        assert rows.min() > 20
        assert cols.min() == 0
        assert mask.any()
    # Longer words, and other ones, are seen as such.
    assert changed[0].sum() < changed[1].sum() < changed[2].sum()


def test_a_lossless_webp_loses_nothing():
    frames = [colors((40, 60)), 255 - colors((40, 60))]
    for frame, found in zip(frames, read(render.webp(frames, quality=None))[0], strict=True):
        np.testing.assert_array_equal(found, frame)


def test_a_gif_keeps_soft_gradients_by_dithering():
    frame = colors((80, 120))
    found = read(render.gif([frame, 255 - frame]))[0][0]
    means = [array.astype(float).reshape(10, 8, 15, 8, 3).mean((1, 3)) for array in (frame, found)]
    assert np.abs(means[0] - means[1]).max() < 6


def test_a_stamp_is_readable_on_black_and_on_white():
    for shade in (0, 128, 255):
        picture = render.stamp(np.full((100, 200, 3), shade, np.uint8), "step 50")
        corner = picture[82:, :40].astype(int).max(-1)
        assert corner.max() - corner.min() > 180
        assert (picture[:70] == shade).all()


def test_a_stamp_that_is_too_long_ends_in_the_picture():
    short, long = (render.stamp(np.zeros((100, 80, 3), np.uint8), text) for text in ("step 1", "step 1 " * 30))
    assert short.shape == long.shape == (100, 80, 3)
    assert not (long[:, -2:] == 255).any()
    np.testing.assert_array_equal(render.stamp(FRAMES[0], ""), FRAMES[0])


@pytest.mark.parametrize("encode", [render.gif, render.webp, render.mp4])
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"frames": []}, "`frames` must be one or more pictures of one size, got sizes []."),
        ({"frames": [FRAMES[0], FRAMES[0][1:]]}, "got sizes [(39, 60), (40, 60)]."),
        ({"frames": [FRAMES[0] / 255]}, "`frames` must be uint8 of shape (height, width, 3), got float64"),
        ({"labels": ["one"]}, "`labels` must hold one line per frame, got 1 for 3 frames. Leave them out for none."),
        ({"seconds": 0.0}, "`seconds` must be above 0 and `hold` at least 0, got 0.0 and 1.5."),
        ({"hold": float("nan")}, "`seconds` must be above 0 and `hold` at least 0, got 0.5 and nan."),
    ],
)
def test_what_is_no_animation_is_refused(encode, arguments, message):
    with pytest.raises(ValueError, match=r"^`") as error:
        encode(**({"frames": FRAMES} | arguments))
    assert message in str(error.value)


def test_a_quality_out_of_range_is_refused():
    with pytest.raises(ValueError, match=r"^`quality` must be in 0\.\.100, or None to lose nothing, got 101\."):
        render.webp(FRAMES, quality=101)


def test_an_mp4_without_ffmpeg_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FileNotFoundError, match=r"^`ffmpeg` must be on the PATH to make an MP4, got none\. Install it"):
        render.mp4(FRAMES)


def program(folder, text: str) -> None:
    """A stand-in for ffmpeg."""
    path = folder / "ffmpeg"
    path.write_text(f"#!{shutil.which('sh')}\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IEXEC)


@pytest.mark.skipif(os.name == "nt", reason="the stand-in for ffmpeg is a shell script")
def test_an_mp4_is_made_of_even_frames_at_a_steady_rate(monkeypatch, tmp_path):
    # It copies what it is given to the file that it was asked for, its arguments in front.
    program(tmp_path, 'for last; do :; done; { echo "$*"; cat; } > "$last"')
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    said, raw = render.mp4([frame[:39, :59] for frame in FRAMES], seconds=0.1, hold=0.2).split(b"\n", 1)
    assert b"-pixel_format rgb24 -video_size 60x40 -framerate 30 -i -" in said
    video = np.frombuffer(raw, np.uint8).reshape(-1, 40, 60, 3)
    assert len(video) == 3 + 3 + 9
    for place, frame in ((0, 0), (2, 0), (3, 1), (6, 2), (14, 2)):
        np.testing.assert_array_equal(video[place], FRAMES[frame])


@pytest.mark.skipif(os.name == "nt", reason="the stand-in for ffmpeg is a shell script")
def test_an_ffmpeg_that_fails_is_quoted(monkeypatch, tmp_path):
    program(tmp_path, "cat > /dev/null; echo first >&2; echo \"Unknown encoder 'libx264'\" >&2; exit 8")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    with pytest.raises(RuntimeError, match=r"got exit code 8 from .*ffmpeg: Unknown encoder 'libx264'\. Install"):
        render.mp4(FRAMES)


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")
def test_ffmpeg_writes_a_video_that_starts_at_once():
    content = render.mp4(FRAMES, labels=LABELS)
    assert content[4:8] == b"ftyp"
    assert content.index(b"moov") < content.index(b"mdat")


def test_a_contact_sheet_keeps_the_pixels_of_pictures_as_large_as_a_tile():
    pictures = [colors((32, 32)) // (number + 1) for number in range(5)]
    sheet = render.contact_sheet(pictures, [f"channel {number}" for number in range(5)], cols=3, tile=32)
    for picture in pictures:
        windows = np.lib.stride_tricks.sliding_window_view(sheet, (32, 32, 3))[:, :, 0]
        assert (windows == picture).all((-1, -2, -3)).sum() == 1


def test_small_pictures_grow_by_whole_pixels_in_a_sheet():
    picture = np.arange(12, dtype=np.uint8).reshape(2, 2, 3) * 20
    sheet = render.contact_sheet([picture], ["a"], tile=64)
    grown = picture.repeat(32, 0).repeat(32, 1)
    assert (np.lib.stride_tricks.sliding_window_view(sheet, grown.shape)[:, :, 0] == grown).all((-1, -2, -3)).any()


def test_labels_and_titles_leave_ink_and_no_picture_is_covered():
    pictures = [FRAMES[0][:32, :32]] * 4
    bare, labeled = (render.contact_sheet(pictures, [text] * 4, title=text, cols=2, tile=32) for text in ("", "many"))
    assert (labeled < 100).all(-1).sum() > (bare < 100).all(-1).sum()
    for sheet in (bare, labeled):
        assert (sheet == FRAMES[0][0, 0]).all(-1).sum() == 4 * 32 * 32
    lines = render.contact_sheet(pictures, ["a\nb"] * 4, cols=2, tile=32)
    assert lines.shape[0] > render.contact_sheet(pictures, ["a"] * 4, cols=2, tile=32).shape[0]


def test_by_default_a_sheet_is_a_little_wider_than_high():
    for count in (1, 5, 16, 64):
        height, width, _ = render.contact_sheet([FRAMES[0][:32, :32]] * count, [""] * count, tile=64).shape
        assert 0.7 < width / height < 2.2


def test_a_paired_sheet_shows_each_picture_beside_its_photos():
    pictures = [np.full((64, 64, 3), (10 + number, 0, 0), np.uint8) for number in range(3)]
    photos = [
        [np.full((8, 8, 3), (0, 100 + number, place), np.uint8) for place in range(count)]
        for number, count in enumerate((4, 9, 0))
    ]
    sheet = render.paired_sheet(pictures, photos, ["a", "b", "c"], cols=1, tile=64)
    for picture, some in zip(pictures, photos, strict=True):
        rows, cols = np.nonzero((sheet == picture[0, 0]).all(-1))
        assert len(rows) == 64 * 64
        for place, photo in enumerate(some):
            found = np.nonzero((sheet == photo[0, 0]).all(-1))
            side = 2 if len(some) == 4 else 3
            assert rows.min() <= found[0].min() <= found[0].max() <= rows.max()
            assert found[1].min() > cols.max()
            # The strongest first: left to right, then down.
            assert (found[0].max() - rows.min()) * side // 64 == place // side
            assert len(found[0]) >= (64 // side - 1) ** 2


def test_words_stand_right_below_pictures_that_do_not_fill_their_tiles():
    flat, square = np.zeros((16, 64, 3), np.uint8), np.zeros((64, 64, 3), np.uint8)
    heights = [
        len(render.contact_sheet(pictures, ["words"] * 4, cols=2, tile=64))
        for pictures in ([square] * 4, [flat, flat, square, flat], [flat] * 4)
    ]
    assert np.diff(heights).tolist() == [-48, -48]


def test_a_mosaic_has_no_empty_row():
    photo = np.zeros((8, 8, 3), np.uint8)
    for count, shape in ((1, (90, 90)), (2, (45, 90)), (4, (90, 90)), (5, (60, 90)), (6, (60, 90)), (7, (90, 90))):
        found = render.mosaic([photo] * count, 90)
        assert found.shape[:2] == shape
        assert (found[-10] == 0).any()


@pytest.mark.parametrize("count", [0, 2])
def test_a_sheet_wants_a_label_per_picture(count):
    pictures = [FRAMES[0]] * count
    with pytest.raises(ValueError, match=r"^`labels` must hold one line per picture, got 1 for"):
        render.contact_sheet(pictures, ["one"])
    with pytest.raises(ValueError, match=r"^`labels` must hold one line per picture, got 1 for . `photos`"):
        render.paired_sheet([FRAMES[0]], [[]] * count, ["one"])

"""`make` by the command line and from Python, with the model that needs no training."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.commands import refused, runner
from support.pictures import flat_pictures, picture, write_picture

from petsgan_sdk.cli import app
from petsgan_sdk.imaging import load_image
from petsgan_sdk.output import pictures
from petsgan_sdk.output.make import MAX_LEARNED_PX, make
from petsgan_sdk.runtime import load

NAMES = ["0000.png", "0001.png", "extended.png", "model.petsgan", "sheet.png", "wide.png"]
WIDTH, HEIGHT = 41, 30


@pytest.fixture(autouse=True, scope="module")
def _small_checks():
    """Fits are verified on a small canvas, which is what takes the time of these."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("petsgan_sdk.fitting.windows._SIZE_PX", (48, 64))
        patch.setattr("petsgan_sdk.fitting.windows._BLOCK_PX", 32)
        yield


@pytest.fixture(scope="module")
def photo(tmp_path_factory):
    return write_picture(tmp_path_factory.mktemp("photo") / "cat.png", WIDTH, HEIGHT)


@pytest.fixture(scope="module")
def whole(photo, tmp_path_factory):
    """The bytes of each file that an uninterrupted call leaves, and what it returned."""
    folder = tmp_path_factory.mktemp("whole") / "new" / "out"
    result = make(photo, folder, count=2)
    return files(folder), result


def put(found, folder):
    for name, data in found.items():
        (folder / name).write_bytes(data)


def files(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def run(*words):
    return runner.invoke(app, ["make", *map(str, words)])


def test_what_is_made(whole):
    found, result = whole
    assert sorted(found) == NAMES
    assert (result.written, result.checkpoint) == (4, None)
    assert (result.pictures.size_px, len(result.pictures.images)) == ((WIDTH, HEIGHT), 2)
    sampler = load(result.bundle)
    first, second = sampler.sample(2)
    shown = [load_image(path).rgb for path in result.pictures.paths]
    assert np.array_equal(shown[0], first)
    assert np.array_equal(shown[1], second)
    assert np.array_equal(shown[2], sampler.sample(width=3 * WIDTH, height=HEIGHT)[0])
    # It has a ground, and stands on it.
    more = HEIGHT // 2
    pins = [(WIDTH // 2, more)]
    around = sampler.sample(width=2 * WIDTH, height=HEIGHT + more, pins=pins)
    assert np.array_equal(shown[3], around[0])
    own = picture(WIDTH, HEIGHT)
    sheet = shown[4]
    assert sheet.shape == (3 * HEIGHT + more + 4 * 4, 3 * WIDTH + 4 * 4, 3)
    assert np.array_equal(sheet[4 : 4 + HEIGHT, 4 : 4 + WIDTH], own)
    assert np.array_equal(sheet[4 : 4 + HEIGHT, 8 + WIDTH : 8 + 2 * WIDTH], first)
    below = 8 + HEIGHT
    assert np.array_equal(sheet[below : below + HEIGHT, 4 : 4 + 3 * WIDTH], shown[2])


def test_what_is_printed(photo, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    out = Path("cat_made")  # named after the photo
    result = run(photo, "-n", 1)
    assert result.exit_code == 0, result.stderr
    first, *others = result.stdout.splitlines()
    assert first.startswith(
        f"1 image of 41x30 in {out}, wide.png of 123x30, extended.png of 82x45 ("
    )
    assert others == [
        f"all of them on one sheet: {out / 'sheet.png'}",
        f"more, of any size: petsgan-sdk generate {out / 'model.petsgan'} --size 1024x512 -o more",
    ]
    assert result.stderr.splitlines()[-1].startswith("with another -o: larger images, ")
    again = run(photo, "-n", 1, "-o", out, "--json")
    printed = json.loads(again.stdout)
    assert printed | {"seconds": 0} == {
        "photo": str(photo),
        "model": "instant",
        "bundle": str(out / "model.petsgan"),
        "checkpoint": None,
        "images": [str(out / "0000.png")],
        "wide": str(out / "wide.png"),
        "extended": str(out / "extended.png"),
        "sheet": str(out / "sheet.png"),
        "size": [41, 30],
        "seed": 0,
        "written": 0,
        "seconds": 0,
    }
    assert again.stderr == ""
    assert "; 3 were there)" in run(photo, "-n", 1, "-o", out).stdout


@pytest.mark.parametrize(
    "at", [("fitting", 3), ("drawing", 1), ("drawing", 3), ("drawing", 4), "sheet"]
)
def test_the_same_call_goes_on(photo, whole, tmp_path, at, monkeypatch):
    def press(state):
        if (state.task, state.done) == at:
            raise KeyboardInterrupt

    def interrupted(*_):
        raise KeyboardInterrupt

    out = tmp_path / "out"
    if at != ("fitting", 3):
        out.mkdir()
        put({"model.petsgan": whole[0]["model.petsgan"]}, out)
    with monkeypatch.context() as patch:
        if at == "sheet":
            patch.setattr(pictures, "_sheet", interrupted)
        with pytest.raises(KeyboardInterrupt):
            make(photo, out, count=2, progress=press)
    assert out.exists() == (at != ("fitting", 3))
    before = files(out) if out.exists() else {}
    assert before.items() < whole[0].items()
    result = make(photo, out, count=2)
    assert files(out) == whole[0]
    assert result.written == 4 - len(before.keys() - {"model.petsgan"})


def test_ctrl_c_says_how_to_go_on(photo, whole, tmp_path, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    put({"model.petsgan": whole[0]["model.petsgan"]}, tmp_path)
    monkeypatch.setattr(pictures, "generate_images", interrupted)
    result = run(photo, "-o", tmp_path)
    assert result.exit_code == 130
    assert result.stdout == ""
    assert result.stderr.splitlines()[-2:] == [
        "the same command goes on from what is finished",
        "error: interrupted",
    ]


@pytest.mark.parametrize("name", NAMES)
def test_what_is_lost_or_cut_short_is_made_again(photo, whole, tmp_path, name):
    put(whole[0], tmp_path)
    path = tmp_path / name
    if name != "model.petsgan":
        path.write_bytes(path.read_bytes()[:-20])
        make(photo, tmp_path, count=2)
        assert files(tmp_path) == whole[0]
    path.unlink()
    again = partial(make, photo, tmp_path, count=2)
    if name == "model.petsgan":  # without it nobody knows whose the images are
        assert "exists without a model beside it" in refused(run(photo, "-n", 2, "-o", tmp_path))
        again = partial(again, overwrite=True)
    again()
    assert files(tmp_path) == whole[0]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--seed", 3], "0000.png' must be of this bundle, seed, size and options to go on, got "
         "other images: seed 0 where now 3 is asked for; "),
        (["-n", 3], "got other images: sheet of 2 where now 3 is asked for"),
        (["--max-size", 32], "got image.max_size_px 256 where now 32 is asked for"),
        (["--model", "petsgan"], "got family 'instant' where now 'petsgan' is asked for"),
    ],
)  # fmt: skip
def test_other_settings_say_what_differs(photo, whole, tmp_path, words, message, monkeypatch):
    monkeypatch.setattr("petsgan_sdk.output.make._PACKAGES", ())
    put(whole[0], tmp_path)
    said = refused(run(photo, "-n", 2, "-o", tmp_path, *words))
    assert message in said
    assert "--force" in said
    assert files(tmp_path) == whole[0]


def test_another_photo(whole, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    put(whole[0], out)
    other = write_picture(tmp_path / "dog.png", WIDTH, HEIGHT, seed=1)
    assert "got one of another photo, 'cat.png'; " in refused(run(other, "-n", 2, "-o", out))
    assert files(out) == whole[0]
    assert run(other, "-n", 2, "-o", out, "--force").exit_code == 0
    made = files(out)
    assert make(other, tmp_path / "alone", count=2).written == 4
    assert made == files(tmp_path / "alone")


def test_files_of_somebody_else(photo, tmp_path):
    Image.new("RGB", (20, 20)).save(tmp_path / "wide.png")
    before = files(tmp_path)
    assert "exists without a model beside it" in refused(run(photo, "-n", 2, "-o", tmp_path))
    (tmp_path / "model.petsgan").write_bytes(b"mine")
    assert "bundle: " in refused(run(photo, "-n", 2, "-o", tmp_path))
    assert files(tmp_path) == {**before, "model.petsgan": b"mine"}


def test_the_photo_is_never_overwritten(tmp_path):
    photo = write_picture(tmp_path / "sheet.png")
    assert "must not be the input" in refused(run(photo, "-o", tmp_path, "--force"))
    assert [path.name for path in tmp_path.iterdir()] == ["sheet.png"]


def test_bad_photos(tmp_path):
    out = tmp_path / "out"
    (tmp_path / "text.jpg").write_text("no image")
    write_picture(tmp_path / "small.png", 15, 40)
    Image.new("RGB", (16, 600)).save(tmp_path / "thin.png")
    for name, message in (
        ("absent.png", "got no file"),
        ("text.jpg", "must be an image"),
        ("small.png", "at least 16x16 px, got 15x40"),
        ("thin.png", "one side must be at most 32 times the other"),
    ):
        assert message in refused(run(tmp_path / name, "-o", out))
        assert not out.exists()


@pytest.mark.parametrize("name", ["white", "one pixel"])
def test_flat_photos(name, tmp_path):
    Image.fromarray(flat_pictures(side=32)[name]).save(tmp_path / "flat.png")
    result = run(tmp_path / "flat.png", "-n", 1, "-o", tmp_path / "out")
    assert result.exit_code == 0, result.stderr
    if name == "white":
        extended = load_image(tmp_path / "out" / "extended.png").rgb
        assert extended.shape == (64, 64, 3), "without a ground it stands in the middle"
        assert extended.min() == 255


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["-n", 0], "number of images must be an integer from 1 to 10000, got 0"),
        (["--seed", -1], "seed must be"),
        (["--max-size", MAX_LEARNED_PX + 1], "must be an integer from 1 to 2048, got 2049"),
        (["--max-size", 3], "image.max_size_px must be from 4"),
        (["--model", "instnt"], "did you mean 'instant'"),
        (["--preset", "paper"], "preset must be one of fast or a .toml file"),
    ],
)
def test_bad_settings(photo, tmp_path, words, message):
    assert message in refused(run(photo, "-o", tmp_path / "out", *words))
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_no_folder(photo, tmp_path):
    (tmp_path / "out").write_bytes(b"mine")
    for name, message in (
        ("out", "must be a folder, got the file"),
        ("out/deep", "cannot be made: Not a directory"),
        ("images.tar", "must name a folder, got"),
        ("x.png", "must name a folder, got"),
    ):
        assert message in refused(run(photo, "-o", tmp_path / name))
    assert files(tmp_path) == {"out": b"mine"}

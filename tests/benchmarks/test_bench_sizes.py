from __future__ import annotations

import json

import numpy as np
import pytest
from support import benchmarks
from support.metric_cases import (
    INCEPTION,
    ST_LPIPS,
    save_safetensors,
    shared,
    torch_inception,
)
from support.pictures import noise_picture, write_picture
from support.synthesis_bundle import photo, write_synthesis_bundle

from petsgan_sdk.imaging import load_image, save_image

NAME = "quality.bench_sizes"

pytestmark = pytest.mark.bench
pytest.importorskip("torch", reason="the judges are networks")


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return save_safetensors(tmp_path_factory.mktemp("w") / "stem.safetensors", torch_inception())


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A photo and its bundle."""
    made = tmp_path_factory.mktemp("sizes")
    save_image(made / "shore.png", photo())
    write_synthesis_bundle(made / "shore.petsgan")
    return made


def test_each_size_is_judged_and_shown(folder, weights, tmp_path):
    code, printed, said = benchmarks.run_here(
        *(NAME, folder / "shore.png", "--models", f"mine={folder}", "--sizes", "2:1", "seamless"),
        *("--inception", weights, "--seeds", "2", "--sheets", tmp_path, "--json"),
        *("--layout", "synthesis"),
    )
    assert code == 0, said
    report = json.loads(printed)
    assert [(row["size"], row["width"], row["height"]) for row in report["rows"]] == [
        ("2:1", 128, 48),
        ("seamless", 64, 48),
    ]
    for row, summary in zip(report["rows"], report["summary"], strict=True):
        assert (row["photo"], row["model"]) == ("shore", "mine")
        assert row["sifid"] > 0
        assert 0.3 < row["precision"] <= 1
        assert 0.3 < row["sharpness"] < 3
        assert summary["median"]["sifid"] == summary["worst"]["sifid"] == row["sifid"]
    assert "seam_x" not in report["rows"][0]
    assert report["rows"][1]["seam_x"] > 0
    sheet = load_image(tmp_path / "shore_mine.png").rgb
    assert sheet.shape[1] == 64 + 2 * 128 + 4 * 8  # each in its own pixels


def test_a_layout_that_a_bundle_has_not_is_refused(folder, weights):
    code, printed, said = benchmarks.run_here(
        *(NAME, folder / "shore.png", "--models", f"mine={folder}", "--sizes", "2"),
        *("--inception", weights, "--layout", "network"),
    )
    assert (code, printed) == (2, "")
    assert "layout must be auto or synthesis for this bundle" in said


@pytest.mark.slow
def test_quick_run_fits_and_prints_a_table(tmp_path):
    words = ["--inception", shared(INCEPTION), "--lpips", shared(ST_LPIPS), "--quick"]
    picture = write_picture(tmp_path / "shore.png", 96, 80)
    code, printed, said = benchmarks.run_here(NAME, picture, *words)
    assert code == 0, said
    lines = printed.splitlines()
    assert [line.split(" | ")[2] for line in lines[2:4]] == ["1", "3:1"]
    assert lines[2].count("|") == lines[0].count("|")
    assert lines[-1].startswith("| instant | 3:1 | 1 | worst | ")


def test_the_worse_end_of_each_measure():
    rows = [{"sifid": 1.0, "precision": 0.5}, {"sifid": 3.0, "precision": 0.9}, {"sifid": 2.0}]
    assert benchmarks.load("quality._judging").summary(rows) == {
        "median": {"sifid": 2.0, "precision": pytest.approx(0.7)},
        "worst": {"sifid": 3.0, "precision": 0.5},
    }


def test_a_seam_is_seen_on_its_axis():
    seams = benchmarks.load("quality._judging")._seams
    grain = noise_picture(64, 64, seed=0)
    ramp = grain // 8 + np.arange(0, 192, 3, dtype=np.uint8)[:, None, None]
    found = seams(ramp)
    assert found["seam_y"] > 10
    assert 0.5 < found["seam_x"] < 10
    turned = seams(ramp.transpose(1, 0, 2))
    assert (turned["seam_x"], turned["seam_y"]) == pytest.approx((found["seam_y"], found["seam_x"]))


def test_judges_that_refuse_the_photo_are_exit_code_4(folder, weights, monkeypatch):
    judging = benchmarks.load("quality._judging")
    found = iter([0.0, 0.5])
    monkeypatch.setattr(judging, "near_repeats", lambda _: next(found))
    code, printed, said = benchmarks.run_here(
        *(NAME, folder / "shore.png", "--models", folder / "shore.petsgan"),
        *("--inception", weights, "--sizes", "2"),
    )
    assert (code, printed) == (4, "")
    assert "repeats of the photo itself must be 0, got 0.5000; nothing was judged" in said


def test_sizes_are_relative_to_the_photo(sampler):
    sizes = benchmarks.load("quality._sizes")
    height, width = sampler.manifest.image_size_px

    def canvas(text):
        return sizes.parse_canvas(text).canvas(sampler.manifest)

    assert canvas("1") == (height, width)
    assert canvas("2.5") == (round(2.5 * height), round(2.5 * width))
    assert (canvas("3:1"), canvas("1:3")) == ((height, 3 * width), (3 * height, width))
    assert all(side % sampler.manifest.factor == 0 for side in canvas("seamless"))


@pytest.mark.parametrize("text", ["", "0", "1:", "1:2:3", "17", "1:20", "-1", "nan", "round"])
def test_sizes_that_mean_nothing(text):
    sizes = benchmarks.load("quality._sizes")
    with pytest.raises(sizes.argparse.ArgumentTypeError, match=r"must be (a factor|an aspect)"):
        sizes.parse_canvas(text)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["a/x.png", "b/x.png"], "photos must have names of their own, got 'x' twice"),
        (["x.png", "--models", "instant", "instant=y"], "got 'instant' twice"),
        (["x.png", "y.png", "--models", "m.petsgan"], "m.petsgan goes with one photo, got 2"),
        (["x.png", "--seeds", "-1"], "--seeds must be an integer from 1"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(options, message):
    assert message in benchmarks.refused(NAME, *options)

"""`generate` with knobs: variation, fill, pins and layout, in every form of output."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from support.commands import generate, refused
from support.synthesis_bundle import photo

from petsgan_sdk.cli._drawing import parse_pin
from petsgan_sdk.errors import ConfigError
from petsgan_sdk.imaging import read_comment
from petsgan_sdk.runtime import Pin, Sampler

pytest.importorskip("onnxruntime", reason="generating needs onnxruntime")

WORDS = ("--variation", 1.5, "--fill", 0.5, "--pin", "20,30", "--pin", "110,70:8,4,40x36")
PINS = [Pin(20, 30), Pin(110, 70, 8, 4, 40, 36)]
DRAWN: dict[str, Any] = {"variation": 1.5, "fill": 0.5, "pins": PINS}
RECORD = {
    "variation": 1.5,
    "fill": 0.5,
    "pins": [
        {"left": 20, "top": 30},
        {"left": 110, "top": 70, "photo_left": 8, "photo_top": 4, "width": 40, "height": 36},
    ],
}
SIZE = ("--size", "160x120", "--seed", 4)


def pixels(data: bytes | Path) -> np.ndarray:
    with Image.open(io.BytesIO(data) if isinstance(data, bytes) else data) as opened:
        return np.asarray(opened)


def test_a_folder_with_its_sheet(
    synthesis_bundle: Path, synthesis: Sampler, tmp_path: Path
) -> None:
    wanted = synthesis.sample(3, height=120, width=160, seed=4, **DRAWN)
    out, sheet = tmp_path / "out", tmp_path / "sheet.png"
    words = (synthesis_bundle, *SIZE, *WORDS, "--name", "{index}", "-o", out, "--sheet", sheet)
    result = generate(*words, "-n", 2, "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["drawing"] == RECORD
    result = generate(*words, "-n", 3, "--resume", "--json", "--threads", 3)
    assert "other images" in refused(result)  # the sheet is of two
    sheet.unlink()
    result = generate(*words, "-n", 3, "--resume", "--json", "--threads", 3)
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["skipped"] == 2
    for index, image in enumerate(wanted):
        np.testing.assert_array_equal(pixels(out / f"{index}.png"), image)
    with Image.open(sheet) as opened:
        facts = json.loads((read_comment(opened) or "").removeprefix("petsgan-sdk "))
    assert facts["sheet_of"] == 3
    assert {name: facts[name] for name in RECORD} == RECORD
    assert "options to go on" in refused(generate(*words, "-n", 3, "--resume", "--fill", 1))


def test_a_tar_and_a_file(synthesis_bundle: Path, synthesis: Sampler, tmp_path: Path) -> None:
    wanted = synthesis.sample(1, height=120, width=160, seed=4, **DRAWN)[0]
    path = tmp_path / "a.tar"
    result = generate(synthesis_bundle, *SIZE, *WORDS, "-n", 1, "-o", path, "--sidecars")
    assert result.exit_code == 0, result.output
    with tarfile.open(path) as archive:
        image, facts = (archive.extractfile(entry).read() for entry in archive)
    np.testing.assert_array_equal(pixels(image), wanted)
    assert {name: json.loads(facts)[name] for name in RECORD} == RECORD
    for name, tile in {"a.png": (), "b.tif": ("--tile", 13)}.items():
        out = tmp_path / name
        result = generate(synthesis_bundle, *SIZE, *WORDS, "-o", out, *tile, "--json")
        assert result.exit_code == 0, result.output
        assert json.loads(result.stdout)["drawing"] == RECORD
        np.testing.assert_array_equal(pixels(out), wanted)


def test_a_pin_over_the_border_of_a_torus(
    synthesis_bundle: Path, synthesis: Sampler, tmp_path: Path
) -> None:
    words = (synthesis_bundle, *SIZE, "--seamless", "--pin", "-20,-10", "--layout", "synthesis")
    result = generate(*words, "-o", tmp_path / "a.png", "--json")
    assert result.exit_code == 0, result.output
    drawing = {"seamless": True, "layout": "synthesis", "pins": [{"left": -20, "top": -10}]}
    assert json.loads(result.stdout)["drawing"] == drawing
    wanted = synthesis.sample(height=120, width=160, seed=4, seamless=True, pins=[(-20, -10)])[0]
    np.testing.assert_array_equal(pixels(tmp_path / "a.png"), wanted)


def test_the_photo_itself(synthesis_bundle: Path, tmp_path: Path) -> None:
    result = generate(synthesis_bundle, "--variation", 0, "-o", tmp_path / "a.png")
    assert result.exit_code == 0, result.output
    np.testing.assert_array_equal(pixels(tmp_path / "a.png"), photo())


def test_of_a_usual_drawing_nothing_is_said(bundle: Path, tmp_path: Path) -> None:
    usual = ("--layout", "auto", "--variation", 1, "--fill", 1)
    for name in ("out", "a.png"):
        result = generate(bundle, "-n", 1, *usual, "-o", tmp_path / name, "--json")
        assert result.exit_code == 0, result.output
        assert "drawing" not in json.loads(result.stdout)
    generate(bundle, "-n", 1, "-o", tmp_path / "plain")
    files = [next((tmp_path / folder).iterdir()).read_bytes() for folder in ("out", "plain")]
    assert files[0] == files[1]


@pytest.mark.parametrize(
    ("text", "pin"),
    [
        ("0,0", Pin(0, 0)),
        (" 12,-7 ", Pin(12, -7)),
        ("-3,4:5,6,7x8", Pin(-3, 4, 5, 6, 7, 8)),
        ("1,2:0,0,64X48", Pin(1, 2, 0, 0, 64, 48)),
    ],
)
def test_a_pin_is_read(text: str, pin: Pin) -> None:
    assert parse_pin(text) == pin


@pytest.mark.parametrize(
    "text",
    [
        *("", "1", "1,2,3", "1.5,2", "a,b", "1;2", "1, 2", "+1,2", "1,\u0662", "1,2\n3"),
        *("1,2:", "1,2:3,4", "1,2:3,4,5", "1,2:3,4,5x6x7", "1,2:-3,4,5x6"),
        *("1" * 10 + ",2", "x" * 500),
    ],
)
def test_a_pin_of_another_form(text: str) -> None:
    with pytest.raises(ConfigError, match="--pin must be X,Y such as 120,40") as raised:
        parse_pin(text)
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 250


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--pin", "1;2"], "--pin must be X,Y such as 120,40"),
        (["--pin", "97,0"], "pin: left must keep its 64 pixels on the canvas, which has 160"),
        (["--pin", "-1,0"], "pin: left must keep its 64 pixels"),
        (["--pin", "0,0:60,0,5x5"], "pin: width must be an integer from 1 to 4, got 5"),
        (["--pin", "0,0", "--pin", "60,40"], "pins must not overlap"),
        (["--variation", "4.5"], "variation must be a number from 0 to 4, got 4.5"),
        (["--variation", "nan"], "variation must be a number from 0 to 4, got nan"),
        (["--fill", "-1"], "fill must be a number from 0 to 4, got -1.0"),
        (["--layout", "network"], "layout must be auto or synthesis for this bundle"),
    ],
)
@pytest.mark.parametrize("name", ["new", "new.tar", "new.png"])
def test_refused(
    synthesis_bundle: Path, tmp_path: Path, name: str, words: list[str], message: str
) -> None:
    line = refused(generate(synthesis_bundle, *SIZE, *words, "-o", tmp_path / name))
    assert message in line
    assert list(tmp_path.iterdir()) == []


def test_a_bundle_of_a_network(bundle: Path, tmp_path: Path) -> None:
    for words in (("--variation", 0), ("--fill", 2), ("--pin", "0,0")):
        line = refused(generate(bundle, *words, "-o", tmp_path / "new"))
        assert "must be left alone for a bundle that draws no places of its photo" in line
    line = refused(generate(bundle, "--layout", "synthesis", "-o", tmp_path / "new"))
    assert "its layouts come from its network alone" in line
    assert "train --model instant" in line
    for words in (("--layout", "other"), ("--variation", "much")):
        assert generate(bundle, *words, "-o", tmp_path / "new").exit_code == 2
    assert list(tmp_path.iterdir()) == []
    result = generate(bundle, "--layout", "network", "-n", 1, "-o", tmp_path / "new")
    assert result.exit_code == 0, result.output

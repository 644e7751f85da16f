"""`generate` of one image to a file, of any size."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from commands import LIMITED, ROOT, generate, refused
from PIL import Image

from petsgan_sdk.runtime import load

pytest.importorskip("onnxruntime", reason="generating needs onnxruntime")


def test_one_file(bundle: Path, tmp_path: Path) -> None:
    wanted = load(bundle).sample(height=97, width=131, seed=5)[0]
    for name, words in {"a.png": (), "b.tif": ("--tile", 10), "c.tiff": ("-n", 1)}.items():
        out = tmp_path / name
        result = generate(bundle, "--size", "131x97", "--seed", 5, "-o", out, "--json", *words)
        assert result.exit_code == 0, result.output
        assert result.stderr == ""
        printed = json.loads(result.stdout)
        assert printed["files"] == [str(out)]
        assert printed["size"] == [131, 97]
        assert printed["bytes"] == out.stat().st_size
        assert printed["seed"] == 5
        with Image.open(out) as opened:
            np.testing.assert_array_equal(np.asarray(opened), wanted)
    line = refused(generate(bundle, "-o", tmp_path / "a.png"))
    assert "must not exist yet" in line
    result = generate(bundle, "-o", tmp_path / "a.png", "--force")
    assert result.stdout.startswith(f"1 image of 64x48 in {tmp_path / 'a.png'} (")


def test_a_large_file_is_streamed_and_says_so(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from petsgan_sdk.runtime import checks  # noqa: PLC0415 - patched for this test

    monkeypatch.setattr(checks, "MAX_PIXELS", 10_000)
    out = tmp_path / "big.tif"
    result = generate(bundle, "--size", "128x128", "-o", out)
    assert result.exit_code == 0, result.output
    assert result.stderr == f"note: 128x128 is too large for one piece; streaming it to {out}\n"


def test_seamless(bundle: Path, tmp_path: Path) -> None:
    wanted = load(bundle).sample(2, height=40, width=56, seed=5, seamless=True)
    result = generate(
        bundle,
        "--size",
        "56x40",
        "--seed",
        5,
        "-n",
        2,
        "--name",
        "{index}",
        "--seamless",
        "-o",
        tmp_path,
    )
    assert result.exit_code == 0, result.output
    for index, image in enumerate(wanted):
        with Image.open(tmp_path / f"{index}.png") as opened:
            np.testing.assert_array_equal(np.asarray(opened), image)
    line = refused(generate(bundle, "--size", "57x40", "--seamless", "-o", tmp_path / "new"))
    assert "the nearest is 56x40" in line
    assert not (tmp_path / "new").exists()
    result = generate(
        bundle, "--size", "56x40", "--seed", 5, "--seamless", "-o", tmp_path / "a.tif"
    )
    assert result.exit_code == 0, result.output
    with Image.open(tmp_path / "a.tif") as opened:
        np.testing.assert_array_equal(np.asarray(opened), wanted[0])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["-o", "x.png", "-n", "2"], "-n must be 1"),
        (["-o", "x.png", "--sheet", "s.png"], "--sheet must be left out"),
        (["-o", "x.jpg"], "output file must end in .png, .tif, .tiff"),
        (["-o", "x.tif", "--tile", "0"], "--tile must be an integer from 1"),
        (["-o", "x.tif", "--size", "99999999x99999999"], "height must be an integer from 16"),
        (["-o", "x.tif", "--size", "16777216x16777216"], "canvas must have at most"),
        (["-o", "x.tif", "--size", "16777216x65536"], "on the disk, but"),
        (["-o", "folder", "--tile", "64"], "--tile needs one file"),
        (["-o", "folder", "--size", "8000x8000"], "generate with -o FILE.png or FILE.tif"),
    ],
)
def test_impossible_files(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert message in refused(generate(bundle, *words))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["x.png", "x.tif"])
def test_a_file_that_the_disk_has_no_room_for(bundle: Path, tmp_path: Path, name: str) -> None:
    command = [sys.executable, "-c", LIMITED, "500000", str(ROOT), "generate", str(bundle)]
    command += ["--size", "1024x1024", "-o", str(tmp_path / name)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert "needs " in done.stderr
    assert "3 MB on the disk, which became full" in done.stderr
    assert not list(tmp_path.iterdir())


def test_ctrl_c_while_streaming(bundle: Path, tmp_path: Path) -> None:
    script = LIMITED.replace("resource.setrlimit", "(lambda *a: None)")
    command = [sys.executable, "-c", script, "0", str(ROOT), "generate", str(bundle)]
    command += ["--size", "16384x16384", "-o", str(tmp_path / "big.tif")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120  # on a busy machine
    while time.monotonic() < deadline and not any(
        path.stat().st_size > 1_000_000 for path in tmp_path.iterdir()
    ):
        time.sleep(0.02)
    assert not (tmp_path / "big.tif").exists()
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=30)
    assert process.returncode == 130, stderr
    assert stdout == ""
    assert stderr.endswith("error: interrupted\n")
    assert not list(tmp_path.iterdir())

from __future__ import annotations

import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

import petsgan_sdk
from petsgan_sdk.cli import app
from petsgan_sdk.errors import BackendUnavailableError
from petsgan_sdk.runtime import load
from petsgan_sdk.runtime.session import GraphSession

pytest.importorskip("onnxruntime", reason="generating needs onnxruntime")

runner = CliRunner()
ROOT = Path(petsgan_sdk.__file__).resolve().parent.parent


def generate(*words: object) -> Result:
    return runner.invoke(app, ["generate", *map(str, words)])


def refused(result: Result, code: int = 2) -> str:
    """Check that a run ended with one line on stderr and nothing on stdout."""
    assert result.exit_code == code, result.output
    assert result.stdout == ""
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1, result.stderr
    return result.stderr


def test_json(bundle: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "folder"
    result = generate(bundle, "-n", 3, "--size", "40x24", "--seed", 5, "-o", out, "--json")
    assert result.exit_code == 0, result.output
    printed = json.loads(result.stdout)
    assert set(printed) == {"files", "seed", "provider", "seconds"}
    assert printed["seed"] == 5
    assert printed["provider"] in ("cpu", "cuda")
    assert printed["seconds"] > 0
    assert printed["files"] == [str(out / f"tiny_00005_{k:04d}_40x24.png") for k in range(3)]
    images = load(bundle).sample(3, height=24, width=40, seed=5)
    for path, image in zip(printed["files"], images, strict=True):
        with Image.open(path) as opened:
            np.testing.assert_array_equal(np.asarray(opened), image)


def test_defaults(bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = generate(bundle)
    assert result.exit_code == 0, result.output
    assert len(list((tmp_path / "samples").glob("tiny_00000_*_64x48.png"))) == 16
    assert result.stdout.startswith("16 images of 64x48 in samples (")


def test_name_format_and_sheet(bundle: Path, tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.jpg"
    result = generate(
        bundle, "-n", 2, "-o", tmp_path, "--name", "a{index}", "--format", "webp", "--sheet", sheet
    )
    assert result.exit_code == 0, result.output
    assert sorted(os.listdir(tmp_path)) == ["a0.webp", "a1.webp", "sheet.jpg"]  # noqa: PTH208
    assert f"contact sheet {sheet}" in result.stdout


@pytest.mark.parametrize(
    "size",
    ["0x10", "-1", "8x8", "0", "64", "1000000000x1000000000", "16001x16", "5000x5000", "axb"],
)
def test_bad_sizes(bundle: Path, tmp_path: Path, size: str) -> None:
    line = refused(generate(bundle, "--size", size, "-o", tmp_path / "out"))
    assert "must be" in line
    assert "got" in line
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "words",
    [
        ["-n", "0"],
        ["-n", "-5"],
        ["-n", "1000000000"],
        ["--seed", "-1"],
        ["--seed", str(2**64)],
        ["--threads", "0"],
        ["--name", "{nope}"],
        ["--name", "same"],
        ["--name", "../{index}"],
        ["--name", "{index"],
        ["--sheet", "sheet.bmp"],
    ],
    ids=" ".join,
)
def test_bad_settings(bundle: Path, tmp_path: Path, words: list[str]) -> None:
    refused(generate(bundle, "-o", tmp_path / "out", *words))
    assert not (tmp_path / "out").exists()


def test_existing_output(bundle: Path, tmp_path: Path) -> None:
    assert generate(bundle, "-n", 2, "-o", tmp_path).exit_code == 0
    first = tmp_path / "tiny_00000_0001_64x48.png"
    first.write_bytes(b"mine")
    line = refused(generate(bundle, "-n", 3, "-o", tmp_path))
    assert "and 1 more exists" in line
    assert "--force" in line
    assert first.read_bytes() == b"mine"
    assert len(list(tmp_path.iterdir())) == 2
    assert generate(bundle, "-n", 3, "-o", tmp_path, "--force").exit_code == 0
    assert len(list(tmp_path.iterdir())) == 3


def test_existing_sheet(bundle: Path, tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.png"
    sheet.write_bytes(b"mine")
    refused(generate(bundle, "-o", tmp_path / "out", "--sheet", sheet))
    assert sheet.read_bytes() == b"mine"
    assert not (tmp_path / "out").exists()


def test_output_folder_is_a_file(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("x")
    assert "must be a folder" in refused(generate(bundle, "-o", tmp_path / "out"))
    assert "cannot be" in refused(generate(bundle, "-o", tmp_path / "out" / "deeper"))


def test_output_folder_is_read_only(bundle: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir(mode=0o555)
    if os.access(folder, os.W_OK):
        pytest.skip("this user may write to read-only folders")
    refused(generate(bundle, "-o", folder))
    assert list(folder.iterdir()) == []


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs /proc, where nobody may write")
def test_output_folder_can_be_made_by_nobody(bundle: Path) -> None:
    assert "/proc/petsgan" in refused(generate(bundle, "-o", "/proc/petsgan"))
    refused(generate(bundle, "-o", "/proc"))


def test_named_provider_that_is_absent(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from petsgan_sdk.runtime import providers  # noqa: PLC0415

    monkeypatch.setattr(providers, "available_providers", lambda: ("cpu",))
    line = refused(generate(bundle, "--provider", "cuda", "-o", tmp_path / "out"), code=3)
    assert 'pip install "petsgan-sdk[gpu]"' in line
    assert not (tmp_path / "out").exists()


def test_auto_says_that_it_fell_back(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from petsgan_sdk.runtime import providers, steps  # noqa: PLC0415

    def only_cpu(*words: Any, provider: str, **settings: Any) -> GraphSession:
        if provider == "cuda":
            msg = "no GPU here"
            raise BackendUnavailableError(msg)
        return GraphSession(*words, provider=provider, **settings)

    monkeypatch.setattr(providers, "available_providers", lambda: ("cuda", "cpu"))
    monkeypatch.setattr(steps, "GraphSession", only_cpu)
    for _ in range(2):
        result = generate(bundle, "-n", 1, "-o", tmp_path, "--json", "--force")
        assert result.stderr == "note: fell back from cuda: no GPU here\n"
        assert json.loads(result.stdout)["provider"] == "cpu"


def bad_bundles(bundle: Path, folder: Path) -> dict[str, Path]:
    raw = bundle.read_bytes()
    flipped = bytearray(raw)
    flipped[len(raw) // 2] ^= 1
    contents = {
        "truncated": raw[: len(raw) // 2],
        "last byte lost": raw[:-1],
        "flipped": bytes(flipped),
        "wrong version": raw.replace(b'"format_version": 1', b'"format_version": 9'),
        "checkpoint": raw.replace(b"petsgan-bundle", b"petsgan-chkpnt"),
        "pickle": pickle.dumps({"a": 1}),
        "text": b"not a bundle\n",
        "empty": b"",
    }
    paths = {}
    for name, content in contents.items():
        paths[name] = folder / f"{name}.petsgan"
        paths[name].write_bytes(content)
    for name, member in {"dots": "../evil", "absolute": "/evil", "link": "c:\\evil"}.items():
        paths[name] = folder / f"{name}.petsgan"
        shutil.copy(bundle, paths[name])
        with zipfile.ZipFile(paths[name], "a") as archive:
            archive.writestr(member, b"x")
    paths["bomb"] = folder / "bomb.petsgan"
    with zipfile.ZipFile(paths["bomb"], "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("manifest.json", b"{}")
        archive.writestr("zeros", bytes(50_000_000))
    paths["folder"] = folder
    paths["missing"] = folder / "missing.petsgan"
    return paths


@pytest.mark.parametrize("command", ["generate", "bench"])
def test_bad_bundles(bundle: Path, tmp_path: Path, command: str) -> None:
    (tmp_path / "bad").mkdir()
    for name, path in bad_bundles(bundle, tmp_path / "bad").items():
        extra = ["-o", str(tmp_path / "out")] if command == "generate" else []
        line = refused(runner.invoke(app, [command, str(path), *extra]))
        assert str(path) in line, name
        assert not (tmp_path / "out").exists()


def test_info_of_bad_bundles(bundle: Path, tmp_path: Path) -> None:
    for path in bad_bundles(bundle, tmp_path).values():
        refused(runner.invoke(app, ["info", str(path), "--json"]))


POISONED = """
import sys
for name in ("torch", "onnx", "onnxscript", "rich"):
    sys.modules[name] = None
sys.path.insert(0, sys.argv.pop(1))
from petsgan_sdk.cli import main
main()
"""


def test_sampling_needs_no_torch(bundle: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-I", "-c", POISONED, str(ROOT), "generate", str(bundle), "--json"]
    done = subprocess.run(
        [*command, "-n", "1"], capture_output=True, text=True, timeout=60, cwd=tmp_path, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["files"] == ["samples/tiny_00000_0000_64x48.png"]
    assert done.stderr == ""


def test_json_survives_a_name_that_is_no_text(bundle: Path, tmp_path: Path) -> None:
    odd = tmp_path / os.fsdecode(b"\xff.petsgan")
    try:
        shutil.copy(bundle, odd)
    except OSError:
        pytest.skip("this file system takes only text")
    result = generate(odd, "-n", 1, "-o", tmp_path / "out", "--json")
    assert result.exit_code == 0, result.output
    assert Path(json.loads(result.stdout)["files"][0]).exists()
    assert generate(odd, "-n", 1, "-o", odd.with_suffix(""), "--name", "a").exit_code == 0


LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv.pop(1)),) * 2)
sys.path.insert(0, sys.argv.pop(1))
from petsgan_sdk.cli import main
main()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no limits of resources")
def test_a_disk_that_takes_no_more(bundle: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-c", LIMITED, "6000", str(ROOT), "generate", str(bundle)]
    command += ["--size", "256x256", "-o", str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "too large" in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_ctrl_c(bundle: Path, tmp_path: Path) -> None:
    script = LIMITED.replace("resource.setrlimit", "(lambda *a: None)")
    command = [sys.executable, "-c", script, "0", str(ROOT), "generate", str(bundle)]
    command += ["-n", "100000", "-o", str(tmp_path / "out")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and len(list(tmp_path.glob("out/*.png"))) < 3:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=30)
    assert process.returncode == 130, stderr
    assert stdout == ""
    assert stderr == "error: interrupted\n"
    files = list((tmp_path / "out").iterdir())
    assert 3 <= len(files) < 100_000
    for path in files:
        assert path.suffix == ".png"
        with Image.open(path) as opened:
            opened.load()


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


@pytest.mark.skipif(sys.platform == "win32", reason="no limits of resources")
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


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_ctrl_c_while_streaming(bundle: Path, tmp_path: Path) -> None:
    script = LIMITED.replace("resource.setrlimit", "(lambda *a: None)")
    command = [sys.executable, "-c", script, "0", str(ROOT), "generate", str(bundle)]
    command += ["--size", "16384x16384", "-o", str(tmp_path / "big.tif")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 30
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

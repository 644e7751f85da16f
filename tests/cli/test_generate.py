from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from support.commands import LIMITED, ROOT, generate, refused
from support.two_layouts import write_two_layouts

from petsgan_sdk.errors import BackendUnavailableError
from petsgan_sdk.runtime import load
from petsgan_sdk.runtime.session import GraphSession

pytest.importorskip("onnxruntime", reason="generating needs onnxruntime")


def test_json(bundle: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "folder"
    result = generate(bundle, "-n", 3, "--size", "40x24", "--seed", 5, "-o", out, "--json")
    assert result.exit_code == 0, result.output
    printed = json.loads(result.stdout)
    assert set(printed) == {
        "files",
        "seed",
        "layout",
        "provider",
        "seconds",
        "images",
        "skipped",
        "images_per_s",
    }
    assert printed["seed"] == 5
    assert printed["layout"] == "network"
    assert printed["provider"] in ("cpu", "cuda")
    assert printed["seconds"] > 0
    assert printed["files"] == [str(out / f"tiny_00005_{k:04d}_40x24.png") for k in range(3)]
    images = load(bundle).sample(3, height=24, width=40, seed=5)
    for path, image in zip(printed["files"], images, strict=True):
        with Image.open(path) as opened:
            np.testing.assert_array_equal(np.asarray(opened), image)


@pytest.mark.parametrize(
    ("size", "taken"), [("64x48", "network"), ("192x48", "synthesis"), ("160x120", "synthesis")]
)
def test_json_says_which_layout_auto_took(tmp_path: Path, size: str, taken: str) -> None:
    path = write_two_layouts(tmp_path / "two.petsgan")
    for number, target in enumerate((tmp_path / "out", tmp_path / "one.png")):
        for asked in ("auto", taken):
            result = generate(
                path, "-n", 1, "--size", size, "--layout", asked, "-o", target, "--json", "--force"
            )
            assert result.exit_code == 0, result.output
            printed = json.loads(result.stdout)
            assert printed["layout"] == taken
            assert ("drawing" in printed) == (asked != "auto")
            with Image.open(printed["files"][0]) as opened:
                pixels = np.asarray(opened)
            if asked == "auto":
                auto = pixels
        np.testing.assert_array_equal(pixels, auto, err_msg=str(number))


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
    from petsgan_sdk.runtime import providers  # noqa: PLC0415
    from petsgan_sdk.runtime.rendering.steps import graph  # noqa: PLC0415

    def only_cpu(*words: Any, provider: str, **settings: Any) -> GraphSession:
        if provider == "cuda":
            msg = "no GPU here"
            raise BackendUnavailableError(msg)
        return GraphSession(*words, provider=provider, **settings)

    monkeypatch.setattr(providers, "available_providers", lambda: ("cuda", "cpu"))
    monkeypatch.setattr(graph, "GraphSession", only_cpu)
    for _ in range(2):
        result = generate(bundle, "-n", 1, "-o", tmp_path, "--json", "--force")
        assert result.stderr == "note: fell back from cuda: no GPU here\n"
        assert json.loads(result.stdout)["provider"] == "cpu"


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


def test_a_disk_that_takes_no_more(bundle: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-c", LIMITED, "6000", str(ROOT), "generate", str(bundle)]
    command += ["--size", "256x256", "-o", str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "too large" in done.stderr
    assert not (tmp_path / "out").exists()


def test_ctrl_c(bundle: Path, tmp_path: Path) -> None:
    script = LIMITED.replace("resource.setrlimit", "(lambda *a: None)")
    command = [sys.executable, "-c", script, "0", str(ROOT), "generate", str(bundle)]
    command += ["-n", "100000", "-o", str(tmp_path / "out")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120  # on a busy machine
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

"""SIGTERM of the real program: exit code 143, one line, nothing half written, nothing hidden."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from commands import ROOT
from PIL import Image

from petsgan_sdk.cli import _signals


def terminate(command: list[str], folder: Path, *, when: Callable[..., bool]) -> str:
    """Run a command, end it by SIGTERM when something is the case; returns what it printed."""
    scratch = folder.parent / "scratch"
    scratch.mkdir()
    environment = {**os.environ, "TMPDIR": str(scratch), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "petsgan_sdk.cli", *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=environment,
    )
    with process:
        deadline = time.monotonic() + 120
        while process.poll() is None and not when(process) and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        stdout, stderr = process.communicate(timeout=120)
    assert process.returncode == _signals.TERMINATED == 143, stderr
    assert stdout == ""
    assert stderr.splitlines()[-1] == "error: terminated"
    assert "Traceback" not in stderr
    assert list(scratch.glob("*petsgan*")) == []  # torch has folders of its own
    return stderr


def hidden_bytes(folder: Path) -> int:
    """Size of the temporary files that are being written."""
    return sum(path.stat().st_size for path in folder.glob(".petsgan-*.tmp"))


@pytest.fixture
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("name", ["big.png", "big.tif"])
def test_a_large_image(bundle: Path, out: Path, name: str) -> None:
    command = ["generate", str(bundle), "--size", "16384x16384", "-o", str(out / name)]
    terminate(command, out, when=lambda _: hidden_bytes(out) > 1_000_000)
    assert list(out.iterdir()) == []


def test_one_image(bundle: Path, out: Path) -> None:
    command = ["generate", str(bundle), "-n", "1", "--size", "4000x4000", "-o", str(out / "new")]
    terminate(command, out, when=lambda _: (out / "new").exists())
    left = [path for path in out.rglob("*") if path.is_file()]
    for path in left:  # the image in hand may be finished, and is then whole
        assert path.suffix == ".png"
        with Image.open(path) as opened:
            opened.load()
    assert left or list(out.iterdir()) == []


def test_many_images(bundle: Path, out: Path) -> None:
    command = ["generate", str(bundle), "-n", "100000", "-o", str(out)]
    terminate(command, out, when=lambda _: len(list(out.glob("*.png"))) >= 3)
    files = list(out.iterdir())
    assert 3 <= len(files) < 100_000
    for path in files:
        assert path.suffix == ".png"
        with Image.open(path) as opened:
            opened.load()


def test_a_tar(bundle: Path, out: Path) -> None:
    command = ["generate", str(bundle), "-n", "100000", "-o", str(out / "a.tar")]
    command += ["--shard-size", "50"]
    terminate(command, out, when=lambda _: any(out.glob("*.tar")) and hidden_bytes(out) > 10_000)
    for path in out.iterdir():
        with tarfile.open(path) as archive:
            assert len(archive.getnames()) == 50


def test_export(bundle: Path, tmp_path: Path, out: Path) -> None:
    pytest.importorskip("torch", reason="export needs torch")
    del bundle
    from tiny_training import tiny_train, write_picture  # noqa: PLC0415 - needs torch

    checkpoint = tmp_path / "m.pt"
    tiny_train(write_picture(tmp_path / "photo.png", 48, 40), checkpoint, steps=1)
    scratch = tmp_path / "scratch"
    # The draft lies in a temporary folder while it is compared with torch.
    command = ["export", str(checkpoint), "-o", str(out / "m.petsgan")]
    terminate(command, out, when=lambda _: any(scratch.glob("petsgan-export-*")))
    assert list(out.iterdir()) == []


def test_train(tmp_path: Path, out: Path) -> None:
    pytest.importorskip("torch", reason="training needs torch")
    from tiny_training import write_picture  # noqa: PLC0415 - needs torch

    photo = write_picture(tmp_path / "photo.png", 40, 32)
    command = ["train", str(photo), "-o", str(out / "m.pt"), "--steps", "90000"]
    command += ["--set", "training.layout_batch=2"]
    # After the last line before the first step.
    stderr = terminate(command, out, when=lambda process: "device" in process.stderr.readline())
    left = [path.name for path in out.iterdir()]
    assert left in ([], ["m.pt"])
    assert ("--resume continues" in stderr) == (left == ["m.pt"])


def test_who_ignores_it_goes_on_ignoring_it() -> None:
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        _signals.raise_on_sigterm()
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_IGN
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        _signals.raise_on_sigterm()
        with pytest.raises(_signals.TerminatedError):
            signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)  # nothing: the first is being handled
    finally:
        signal.signal(signal.SIGTERM, before)

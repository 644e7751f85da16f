"""`generate` of many images: tars, going on after a kill, and what it reports."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import time
from pathlib import Path
from typing import Any

import pytest
from commands import ROOT, generate
from PIL import Image

from petsgan_sdk import _quota, runtime
from petsgan_sdk.output import batch, parallel
from petsgan_sdk.runtime import bundle as opening

pytest.importorskip("onnxruntime", reason="generating needs onnxruntime")


def test_a_tar(bundle: Path, tmp_path: Path) -> None:
    path = tmp_path / "new" / "samples.tar"
    result = generate(bundle, "-n", 3, "-o", path, "--sidecars", "--json", "--threads", 2)
    assert result.exit_code == 0, result.output
    printed = json.loads(result.stdout)
    assert printed["files"] == [str(path)]
    assert (printed["images"], printed["skipped"]) == (3, 0)
    assert printed["images_per_s"] == pytest.approx(3 / printed["seconds"])
    with tarfile.open(path) as archive:
        names = archive.getnames()
    assert names == [f"{k:06d}.{kind}" for k in range(3) for kind in ("png", "json")]


@pytest.mark.parametrize(("usable", "at_once"), [(1, 1), (3, 3), (64, 8)])
def test_a_quota_bounds_the_images_in_memory_whatever_is_asked(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, usable: int, at_once: int
) -> None:
    asked = []
    generate_images = batch.generate_images

    def watched(*arguments: Any, **options: Any) -> batch.BatchResult:
        asked.append(options["at_once"])
        return generate_images(*arguments, **options)

    monkeypatch.setattr(batch, "generate_images", watched)
    monkeypatch.setattr("petsgan_sdk._quota.usable_cores", lambda: usable)
    result = generate(bundle, "-n", 10, "-o", tmp_path / "new", "--threads", 8)
    assert result.exit_code == 0, result.output
    assert asked == [at_once]


def test_the_speed_is_no_part_of_the_result(bundle: Path, tmp_path: Path) -> None:
    words = (bundle, "-n", 3, "-o", tmp_path / "a.tar", "--shard-size", 2)
    result = generate(*words)
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("3 images of 64x48 in ")
    assert result.stderr.startswith("3 made, ")
    assert result.stderr.endswith(" images/s\n")
    (tmp_path / "a-000001.tar").unlink()
    assert generate(*words, "--resume").stderr.startswith("2 were there; 1 made, ")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--shard-size", "2"], "needs an output that ends in .tar"),
        (["--resume", "--force"], "choose one"),
    ],
)
def test_refused(bundle: Path, tmp_path: Path, words: list[str], message: str) -> None:
    result = generate(bundle, "-o", tmp_path / "out", *words)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("limit", "threads"), [(64 * 48 - 1, 4), (64 * 48, 1)])
def test_cores_are_shared_by_the_size_that_is_made(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int, threads: int
) -> None:
    """The size as trained decides where none is asked for, and the bundle is read once for it."""
    started: list[int] = []
    read: list[Path] = []

    def load(opened: Any, *, threads: int, **named: Any) -> Any:
        started.append(threads)
        return real_load(opened, threads=threads, **named)

    def read_container(path: Path, **named: Any) -> Any:
        read.append(path)
        return real_read(path, **named)

    real_load, real_read = runtime.load, opening.read_container
    monkeypatch.setattr(runtime, "load", load)
    monkeypatch.setattr(opening, "read_container", read_container)
    monkeypatch.setattr(parallel, "_ALONE_PIXELS", limit)
    monkeypatch.setattr(_quota, "usable_cores", lambda: 4)
    result = generate(bundle, "-n", 4, "--threads", 4, "-o", tmp_path / "out")
    assert result.exit_code == 0, result.stderr
    assert started == [threads]
    assert read == [bundle]


def check_whole(folder: Path) -> int:
    """Check everything under a final name; returns how much there is."""
    paths = [path for path in folder.rglob("*") if path.suffix in (".png", ".tar")]
    for path in paths:
        if path.suffix == ".tar":
            with tarfile.open(path) as archive:
                images = [archive.extractfile(entry) for entry in archive]
            assert images
            continue
        with Image.open(path) as opened:
            opened.load()
    return len(paths)


@pytest.mark.parametrize("target", ["out", "out/a.tar"])
def test_kill_again_and_again(bundle: Path, tmp_path: Path, target: str) -> None:
    shards = ["--shard-size", "20"] if target.endswith(".tar") else []
    words = [str(bundle), "-n", "400", "--seed", "9", *shards]
    command = [sys.executable, "-m", "petsgan_sdk.cli", "generate", *words]
    command += ["-o", str(tmp_path / target), "--resume"]
    last = 0
    for number in range(6):
        process = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        # Each time a little more than before, so that the kills fall on different moments.
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and process.poll() is None:
            if len(list(tmp_path.glob("out/[!.]*"))) > last + 1:
                break
            time.sleep(0.003 * number + 0.001)
        process.kill()
        process.wait(30)
        last = check_whole(tmp_path / "out")
    assert last > 0
    result = generate(*words, "-o", tmp_path / target, "--resume", "--json")
    assert result.exit_code == 0, result.output
    printed = json.loads(result.stdout)
    assert printed["images"] + printed["skipped"] == 400
    assert printed["skipped"] > 0
    assert generate(*words, "-o", tmp_path / "once" / Path(target).name).exit_code == 0
    folder = tmp_path / "once" / ("out" if target == "out" else "")
    names = sorted(os.listdir(tmp_path / "out"))  # noqa: PTH208
    assert names == sorted(os.listdir(folder))  # noqa: PTH208
    for name in names:
        assert (tmp_path / "out" / name).read_bytes() == (folder / name).read_bytes()

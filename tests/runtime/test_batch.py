from __future__ import annotations

import errno
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from petsgan_sdk.errors import ConfigError, OutputError
from petsgan_sdk.imaging import encode_image
from petsgan_sdk.runtime import Sampler, writer
from petsgan_sdk.runtime.batch import BatchPlan, generate_images, plan_batch
from petsgan_sdk.runtime.sheet import ContactSheet
from petsgan_sdk.runtime.writer import ImageWriter

pytest.importorskip("onnxruntime", reason="sampling needs onnxruntime")


def listing(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def plan(bundle: Path, folder: Path, **changes: Any) -> BatchPlan:
    return plan_batch(bundle, folder, **{"count": 5, "size_px": (40, 24), "seed": 3, **changes})


@pytest.mark.parametrize("extension", ["png", "jpg", "webp"])
def test_files_are_the_samples(
    bundle: Path, sampler: Sampler, tmp_path: Path, extension: str
) -> None:
    planned = plan(bundle, tmp_path / "a" / "b", extension=extension)
    counted: list[int] = []
    assert generate_images(sampler, planned, progress=counted.append) > 0
    assert counted == [1, 2, 3, 4, 5]
    assert listing(tmp_path / "a" / "b") == [path.name for path in planned.paths]
    images = sampler.sample(5, height=24, width=40, seed=3)
    for path, image in zip(planned.paths, images, strict=True):
        with Image.open(path) as opened:
            assert opened.size == (40, 24)
            difference = np.abs(np.asarray(opened.convert("RGB"), dtype=int) - image)
        # The image is close to noise, and WebP keeps only a quarter of the colours.
        assert difference.mean() <= {"png": 0, "jpg": 12, "webp": 40}[extension]


def test_sheet(bundle: Path, sampler: Sampler, tmp_path: Path) -> None:
    planned = plan(bundle, tmp_path / "out", sheet=tmp_path / "other" / "sheet.png")
    generate_images(sampler, planned)
    with Image.open(tmp_path / "other" / "sheet.png") as opened:
        sheet = np.asarray(opened)
    first = sampler.sample(height=24, width=40, seed=3)[0]
    np.testing.assert_array_equal(sheet[4:28, 4:44], first)


@pytest.mark.parametrize(
    "changes",
    [
        {"count": 0},
        {"count": -1},
        {"count": 10**9},
        {"size_px": (0, 10)},
        {"size_px": (8, 8)},
        {"size_px": (10**9, 10**9)},
        {"seed": -1},
        {"template": "{nope}"},
        {"template": "same"},
        {"template": "../{index}"},
        {"sheet": Path("sheet.gif")},
        {"sheet": Path("out/tiny_00003_0000_40x24.png")},
    ],
    ids=str,
)
def test_a_plan_refuses_and_writes_nothing(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any]
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError):
        plan(bundle, Path("out"), **changes)
    assert listing(tmp_path) == []


def test_existing_files_need_force(bundle: Path, sampler: Sampler, tmp_path: Path) -> None:
    planned = plan(bundle, tmp_path)
    planned.paths[3].write_bytes(b"old")
    with pytest.raises(OutputError, match=r"0003_40x24.png' exists; .* --force"):
        plan(bundle, tmp_path)
    assert listing(tmp_path) == [planned.paths[3].name]
    generate_images(sampler, plan(bundle, tmp_path, overwrite=True))
    assert planned.paths[3].read_bytes().startswith(b"\x89PNG")


def test_a_dangling_link_counts_as_existing(bundle: Path, tmp_path: Path) -> None:
    planned = plan(bundle, tmp_path)
    planned.paths[0].symlink_to(tmp_path / "nowhere")
    with pytest.raises(OutputError, match="exists"):
        plan(bundle, tmp_path)


def test_the_bundle_is_never_overwritten(bundle: Path, tmp_path: Path) -> None:
    copy = tmp_path / "0.png"
    copy.write_bytes(bundle.read_bytes())
    with pytest.raises(OutputError):
        plan(copy, tmp_path, template="{index}", overwrite=True)


def test_a_file_where_the_folder_should_be(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("x")
    with pytest.raises(OutputError, match="must be a folder, got the file"):
        plan(bundle, tmp_path / "out")


def test_a_folder_where_a_file_should_be(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / plan(bundle, tmp_path).paths[2].name).mkdir()
    with pytest.raises(OutputError, match="got the folder"):
        plan(bundle, tmp_path, overwrite=True)


def full_disk_after(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    real, done = writer.atomic_write, []

    def write(path: Path, data: bytes, *, overwrite: bool) -> None:
        if len(done) >= count:
            msg = f"output: {str(path)!r} cannot be written, No space left on device"
            raise OutputError(msg) from OSError(errno.ENOSPC, "No space left on device")
        done.append(path)
        real(path, data, overwrite=overwrite)

    monkeypatch.setattr(writer, "atomic_write", write)


def test_a_full_disk_stops_the_work(
    bundle: Path, sampler: Sampler, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full_disk_after(2, monkeypatch)
    counted: list[int] = []
    with pytest.raises(OutputError, match="No space left"):
        generate_images(sampler, plan(bundle, tmp_path, count=500), progress=counted.append)
    assert len(counted) < 20
    assert len(listing(tmp_path)) == 2
    assert not any(t.name.startswith("petsgan-writer") for t in threading.enumerate())


@pytest.mark.parametrize("written", [0, 2])
def test_a_failure_leaves_no_empty_folder(
    bundle: Path,
    sampler: Sampler,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    written: int,
) -> None:
    full_disk_after(written, monkeypatch)
    with pytest.raises(OutputError, match="No space left"):
        generate_images(sampler, plan(bundle, tmp_path / "a" / "b"))
    assert len(list(tmp_path.rglob("*.png"))) == written
    assert listing(tmp_path) == (["a"] if written else [])


def test_a_sheet_that_cannot_be_written_leaves_no_folder(
    bundle: Path, sampler: Sampler, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot be made"):
        generate_images(sampler, plan(bundle, tmp_path / "out", sheet=tmp_path / "file/x/s.png"))
    assert listing(tmp_path) == ["file"]


def test_ctrl_c_leaves_whole_files_only(bundle: Path, sampler: Sampler, tmp_path: Path) -> None:
    def interrupt(done: int) -> None:
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        generate_images(sampler, plan(bundle, tmp_path, count=50), progress=interrupt)
    files = sorted(tmp_path.iterdir())
    assert len(files) <= 4
    for path in files:
        with Image.open(path) as opened:
            opened.load()
    assert not any(t.name.startswith("petsgan-writer") for t in threading.enumerate())


def test_the_queue_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = threading.Event()

    def slow(image: np.ndarray, *, format: str) -> bytes:
        gate.wait(10)
        return encode_image(image, format=format)

    monkeypatch.setattr(writer, "encode_image", slow)
    image = np.zeros((16, 16, 3), dtype=np.uint8)
    queued: list[int] = []

    def produce() -> None:
        with ImageWriter(workers=1, overwrite=False) as images:
            for k in range(6):
                images.put(image, tmp_path / f"{k}.png")
                queued.append(k)

    producer = threading.Thread(target=produce)
    producer.start()
    deadline = time.monotonic() + 10
    while len(queued) < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.05)
    assert len(queued) == 3  # one with the worker, two in the queue
    gate.set()
    producer.join(10)
    assert len(listing(tmp_path)) == 6


@pytest.mark.parametrize(
    ("count", "size"), [(1, (640, 480)), (7, (16, 16)), (64, (1000, 700)), (1000, (16, 4000))]
)
def test_sheets_stay_small(count: int, size: tuple[int, int]) -> None:
    sheet = ContactSheet(count, size)
    image = np.full((size[1], size[0], 3), 200, dtype=np.uint8)
    for _ in range(min(count, 3)):
        sheet.add(image)
    assert max(sheet.image().shape) <= 4096
    assert (sheet.image()[4, 4] == 200).all()
    assert (sheet.image()[:4] == 24).all()


def test_a_sheet_ignores_what_does_not_fit() -> None:
    sheet = ContactSheet(1, (16, 16))
    sheet.add(np.full((16, 16, 3), 9, dtype=np.uint8))
    before = sheet.image().copy()
    sheet.add(np.zeros((16, 16, 3), dtype=np.uint8))
    np.testing.assert_array_equal(sheet.image(), before)

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
from petsgan_sdk.imaging.sheet import ContactSheet
from petsgan_sdk.output import batch
from petsgan_sdk.output.batch import generate_images
from petsgan_sdk.output.batch_plan import BatchPlan, plan_batch
from petsgan_sdk.output.parallel import ordered_map, share_cores
from petsgan_sdk.runtime import Sampler, load

pytest.importorskip("onnxruntime", reason="sampling needs onnxruntime")


def listing(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def workers_alive() -> list[str]:
    names = [thread.name for thread in threading.enumerate()]
    return [name for name in names if name.startswith("petsgan-batch")]


def plan(bundle: Path, folder: Path, **changes: Any) -> BatchPlan:
    return plan_batch(bundle, folder, **{"count": 5, "size_px": (40, 24), "seed": 3, **changes})


@pytest.mark.parametrize("extension", ["png", "jpg", "webp"])
def test_files_are_the_samples(
    bundle: Path, sampler: Sampler, tmp_path: Path, extension: str
) -> None:
    planned = plan(bundle, tmp_path / "a" / "b", extension=extension)
    counted: list[int] = []
    assert generate_images(sampler, planned, progress=counted.append).seconds > 0
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
    real, done = batch.atomic_write, []

    def write(path: Path, data: bytes, *, overwrite: bool) -> None:
        if len(done) >= count:
            msg = f"output: {str(path)!r} must be writable, got 'no space left on device'"
            raise OutputError(msg) from OSError(errno.ENOSPC, "No space left on device")
        done.append(path)
        real(path, data, overwrite=overwrite)

    monkeypatch.setattr(batch, "atomic_write", write)


def test_a_full_disk_stops_the_work_and_says_what_is_missing(
    bundle: Path, sampler: Sampler, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full_disk_after(2, monkeypatch)
    counted: list[int] = []
    message = (
        r"no space left.*; 498 of 500 images are missing and need about \d+\.\d MB, .* --resume"
    )
    with pytest.raises(OutputError, match=message):
        generate_images(sampler, plan(bundle, tmp_path, count=500), progress=counted.append)
    assert len(counted) == 2
    assert len(listing(tmp_path)) == 2
    assert workers_alive() == []


@pytest.mark.parametrize("written", [0, 2])
def test_a_failure_leaves_no_empty_folder(
    bundle: Path,
    sampler: Sampler,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    written: int,
) -> None:
    full_disk_after(written, monkeypatch)
    with pytest.raises(OutputError, match="no space left"):
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


@pytest.mark.parametrize("at_once", [1, 3])
def test_ctrl_c_leaves_whole_files_only(
    bundle: Path, sampler: Sampler, tmp_path: Path, at_once: int
) -> None:
    def interrupt(done: int) -> None:
        if done == 4:
            raise KeyboardInterrupt

    planned = plan(bundle, tmp_path, count=200)
    with pytest.raises(KeyboardInterrupt):
        generate_images(sampler, planned, at_once=at_once, progress=interrupt)
    files = sorted(tmp_path.iterdir())
    assert 4 <= len(files) < 100
    for path in files:
        with Image.open(path) as opened:
            opened.load()
    assert workers_alive() == []


@pytest.mark.parametrize("target", ["out", "out.tar"])
def test_the_number_of_workers_changes_no_byte(bundle: Path, tmp_path: Path, target: str) -> None:
    contents = []
    for number, (at_once, threads) in enumerate([(1, 1), (2, 1), (5, 1), (1, 3)]):
        output = tmp_path / str(number) / target
        sampler = load(bundle, provider="cpu", threads=threads)
        planned = plan(bundle, output, count=23, sheet=output.with_name("sheet.png"))
        counted: list[int] = []
        result = generate_images(sampler, planned, at_once=at_once, progress=counted.append)
        assert counted == list(range(1, 24))
        assert (result.written, result.skipped) == (23, 0)
        assert result.images_per_s == pytest.approx(23 / result.seconds)
        contents.append([path.read_bytes() for path in planned.outputs])
    assert all(content == contents[0] for content in contents[1:])


def test_no_more_images_are_sampled_at_once_than_asked(
    bundle: Path, sampler: Sampler, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    running, most, lock = [0], [0], threading.Lock()
    real = Sampler.images_of

    def images_of(self: Sampler, *words: Any, **settings: Any) -> Any:
        sampled = real(self, *words, **settings)

        def sample(index: int) -> Any:
            with lock:
                running[0] += 1
                most[0] = max(most[0], running[0])
            time.sleep(0.002)
            try:
                return sampled(index)
            finally:
                with lock:
                    running[0] -= 1

        return sample

    monkeypatch.setattr(Sampler, "images_of", images_of)
    generate_images(sampler, plan(bundle, tmp_path, count=30), at_once=2)
    assert most[0] == 2


def test_what_waits_is_bounded() -> None:
    begun: list[int] = []

    def note(number: int) -> int:
        begun.append(number)
        return number

    results = ordered_map(note, range(100), workers=3, ahead=7)
    assert [next(results) for _ in range(4)] == [0, 1, 2, 3]
    time.sleep(0.05)
    assert len(begun) == 7 + 3  # one more for each that was taken after the first
    results.close()
    assert len(begun) == 10
    assert workers_alive() == []


def test_an_error_comes_out_at_its_place() -> None:
    def fail(number: int) -> int:
        if number == 2:
            msg = "two"
            raise ValueError(msg)
        return number

    results = ordered_map(fail, range(10), workers=2, ahead=4)
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(ValueError, match="two"):
        next(results)
    assert workers_alive() == []


@pytest.mark.parametrize(
    ("cores", "count", "size", "shared"),
    [
        (2, 1000, (256, 256), (2, 1)),
        (2, 1, (256, 256), (1, 2)),
        (8, 3, (64, 64), (3, 2)),
        (1, 5, (64, 64), (1, 1)),
        (4, 100, (1025, 1024), (1, 4)),
        (4, 100, (1024, 1024), (4, 1)),
    ],
)
def test_cores_are_shared(
    cores: int, count: int, size: tuple[int, int], shared: tuple[int, int]
) -> None:
    assert share_cores(cores, count, size) == shared


def test_no_more_images_at_once_than_there_are_usable_cores() -> None:
    assert share_cores(32, 100, (1000, 1000), most=1) == (1, 32)
    assert share_cores(32, 100, (256, 256), most=2) == (2, 16)
    assert share_cores(2, 100, (256, 256), most=8) == (2, 1)


@pytest.mark.parametrize(
    ("count", "size"), [(1, (640, 480)), (7, (16, 16)), (64, (1000, 700)), (1000, (16, 4000))]
)
def test_sheets_stay_small(count: int, size: tuple[int, int]) -> None:
    sheet = ContactSheet(count, size)
    image = np.full((size[1], size[0], 3), 200, dtype=np.uint8)
    for index in range(min(count, 3)):
        sheet.add(index, image)
    assert max(sheet.image().shape) <= 4096
    assert (sheet.image()[4, 4] == 200).all()
    assert (sheet.image()[:4] == 24).all()


def test_a_sheet_ignores_what_does_not_fit() -> None:
    sheet = ContactSheet(1, (16, 16))
    sheet.add(0, np.full((16, 16, 3), 9, dtype=np.uint8))
    before = sheet.image().copy()
    sheet.add(1, np.zeros((16, 16, 3), dtype=np.uint8))
    np.testing.assert_array_equal(sheet.image(), before)

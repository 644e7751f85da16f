from __future__ import annotations

import errno
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from petsgan_sdk.errors import ConfigError, OutputError
from petsgan_sdk.files import atomic
from petsgan_sdk.imaging import png, tiff
from petsgan_sdk.output import large
from petsgan_sdk.output.large import plan_large, write_large
from petsgan_sdk.runtime import Sampler
from petsgan_sdk.runtime.drawing import Drawing
from petsgan_sdk.runtime.rendering import blocks

RNG = np.random.default_rng(0)
TILE = Drawing(seamless=True)


def picture(height: int, width: int) -> np.ndarray:
    return RNG.integers(0, 256, (height, width, 3), dtype=np.uint8)


def cut(image: np.ndarray, rows: int) -> Iterator[np.ndarray]:
    return (image[top : top + rows] for top in range(0, len(image), rows))


def encoders() -> list[tuple[str, Callable[..., Iterator[Any]], Callable[[int, int], int]]]:
    return [
        ("png", png.png_chunks, png.largest_png),
        ("tif", tiff.tiff_chunks, tiff.tiff_size),
    ]


@pytest.mark.parametrize(("kind", "encode", "measure"), encoders())
@pytest.mark.parametrize("size", [(1, 1), (16, 17), (333, 2), (2, 333), (611, 590)])
def test_pillow_reads_what_was_written(
    tmp_path: Path,
    kind: str,
    encode: Callable[..., Iterator[Any]],
    measure: Callable[[int, int], int],
    size: tuple[int, int],
) -> None:
    image = picture(*size)
    path = tmp_path / f"image.{kind}"
    for rows in (1, 37, 1000):
        path.write_bytes(b"".join(encode(size[1], size[0], cut(image, rows))))
        with Image.open(path) as found:
            assert found.mode == "RGB"
            np.testing.assert_array_equal(np.asarray(found), image)
        if kind == "tif":
            assert path.stat().st_size == measure(size[1], size[0])
        else:
            assert image.nbytes < path.stat().st_size <= measure(size[1], size[0])


def test_a_smooth_png_is_smaller_than_its_pixels() -> None:
    y, x = np.mgrid[:200, :300]
    image = np.stack([x, y, x + y], axis=2).astype(np.uint8)
    assert len(b"".join(png.png_chunks(300, 200, [image]))) < image.nbytes / 20


def test_a_big_tiff(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = picture(611, 590)
    monkeypatch.setattr(tiff, "_BIG_FROM_BYTES", 0)
    path = tmp_path / "big.tif"
    path.write_bytes(b"".join(tiff.tiff_chunks(590, 611, [image])))
    assert path.read_bytes()[2] == 43
    with Image.open(path) as found:
        np.testing.assert_array_equal(np.asarray(found), image)


def test_a_tiff_becomes_big_where_offsets_would_not_fit() -> None:
    for size, version in (((32768, 32768), 42), ((37800, 37800), 42), ((40000, 40000), 43)):
        head = next(tiff.tiff_chunks(*size, []))
        assert head[2] == version
        assert tiff.tiff_size(*size) == len(head) + 3 * size[0] * size[1]
        assert (tiff.tiff_size(*size) < 2**32) == (version == 42)
        assert len(head) < 1 << 20


@pytest.mark.parametrize("name", ["big.png", "big.tif", "BIG.TIFF"])
@pytest.mark.parametrize("rows", [None, 13])
def test_the_file_holds_the_image(
    sampler: Sampler, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, rows: int | None
) -> None:
    monkeypatch.setattr(blocks, "_BLOCK_PX", (24, 40))
    plan = plan_large(tmp_path / "m.petsgan", tmp_path / name, size_px=(131, 97), seed=3, rows=rows)
    done: list[int] = []
    assert write_large(sampler, plan, progress=done.append) > 0
    assert done[-1] == 97
    assert sorted(done) == done
    with Image.open(tmp_path / name) as found:
        whole = sampler.sample(height=97, width=131, seed=3)[0]
        np.testing.assert_array_equal(np.asarray(found), whole)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    with pytest.raises(OutputError, match="must not exist yet"):
        plan_large(tmp_path / "m.petsgan", tmp_path / name, size_px=(131, 97))


def test_a_seamless_file(sampler: Sampler, tmp_path: Path) -> None:
    path = tmp_path / "tile.png"
    plan = plan_large(tmp_path / "m.petsgan", path, size_px=(64, 48), seed=3, drawing=TILE)
    write_large(sampler, plan)
    with Image.open(path) as found:
        whole = sampler.sample(height=48, width=64, seed=3, seamless=True)[0]
        np.testing.assert_array_equal(np.asarray(found), whole)
    plan = plan_large(tmp_path / "m.petsgan", tmp_path / "b.png", size_px=(65, 48), drawing=TILE)
    with pytest.raises(ConfigError, match="the nearest is 64x48"):
        write_large(sampler, plan)
    assert [found.name for found in tmp_path.iterdir()] == ["tile.png"]


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("x.jpg", {}, "output file must end in .png, .tif, .tiff, got .*x.jpg"),
        ("x.png", {"size_px": (2**24, 2**24)}, "canvas must have at most"),
        ("x.png", {"size_px": (2**70, 64)}, "width must be an integer from 16 to 16777216"),
        ("x.png", {"rows": 0}, "--tile must be an integer from 1"),
        ("x.png", {"seed": -1}, "seed must be"),
    ],
)
def test_impossible_plans_are_refused(
    tmp_path: Path, name: str, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        plan_large(tmp_path / "m.petsgan", tmp_path / name, **{"size_px": (64, 64), **options})
    assert not list(tmp_path.iterdir())


def test_too_little_space_is_said_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=2_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    where = {"bundle": tmp_path / "m.petsgan", "size_px": (1024, 1024)}
    with pytest.raises(OutputError, match=r"big.tif' needs 3 MB on the disk, but 2 MB are free"):
        plan_large(path=tmp_path / "big.tif", **where)
    with pytest.raises(OutputError, match=r"big.png' needs up to 3 MB on the disk, but 2 MB"):
        plan_large(path=tmp_path / "big.png", **where)
    plan_large(path=tmp_path / "big.tif", bundle=tmp_path / "m", size_px=(512, 512))


@pytest.mark.parametrize("name", ["big.png", "big.tif"])
def test_a_disk_that_becomes_full(
    sampler: Sampler, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    plan = plan_large(tmp_path / "m.petsgan", tmp_path / name, size_px=(640, 640))
    opened = Path.open

    class Full:
        """A file on a disk with room for 20,000 bytes."""

        def __init__(self, file: Any) -> None:
            self._file = file
            self._left = 20_000

        def write(self, data: Any) -> int:
            if self._left == 0:
                raise OSError(errno.ENOSPC, "No space left on device")
            count = self._file.write(data[: self._left])
            self._left -= count
            return count

        def __getattr__(self, key: str) -> Any:
            return getattr(self._file, key)

        def __enter__(self) -> Full:
            return self

        def __exit__(self, *_: object) -> None:
            self._file.close()

    def open_full(path: Path, *args: Any, **options: Any) -> Any:
        file = opened(path, *args, **options)
        return Full(file) if path.name.startswith(".petsgan-") else file

    monkeypatch.setattr(atomic.Path, "open", open_full)
    with pytest.raises(OutputError, match=r"needs (up to )?1 MB on the disk, which became full"):
        write_large(sampler, plan)
    monkeypatch.undo()
    assert not list(tmp_path.iterdir())


def test_an_interrupt_leaves_nothing(
    sampler: Sampler, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks, "_BLOCK_PX", (24, 40))
    plan = plan_large(tmp_path / "m.petsgan", tmp_path / "big.tif", size_px=(131, 97))

    def interrupt(done: int) -> None:
        assert [path.suffix for path in tmp_path.iterdir()] == [".tmp"]
        if done > 40:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_large(sampler, plan, progress=interrupt)
    assert not list(tmp_path.iterdir())
    assert not any(t.name.startswith("petsgan-ahead") for t in threading.enumerate())


def test_a_band_is_given_up_between_two_steps(
    sampler: Sampler, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C does not wait for the band that is being made, which may take minutes."""
    monkeypatch.setattr(blocks, "_BLOCK_PX", (24, 40))
    plan = plan_large(tmp_path / "m.petsgan", tmp_path / "big.tif", size_px=(131, 97))
    first_is_written, pressed = threading.Event(), threading.Event()
    after: list[str] = []
    check = large._check

    def slow(stopping: threading.Event, step: str, seconds: float) -> None:
        if first_is_written.is_set():
            assert pressed.wait(30)
            assert stopping.wait(30)
            after.append(step)
        check(stopping, step, seconds)

    def interrupt(_: int) -> None:
        first_is_written.set()
        pressed.set()
        raise KeyboardInterrupt

    monkeypatch.setattr(large, "_check", slow)
    with pytest.raises(KeyboardInterrupt):
        write_large(sampler, plan, progress=interrupt)
    assert len(after) <= 1
    assert not list(tmp_path.iterdir())

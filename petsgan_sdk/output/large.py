"""One image of any size straight to a file: a band is written while the next is made.

Never imports torch.
"""

from __future__ import annotations

import errno
import shutil
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from petsgan_sdk._arrays import ImageArray
from petsgan_sdk.errors import ConfigError, OutputError
from petsgan_sdk.files import atomic_write, check_distinct, check_writable
from petsgan_sdk.imaging.png import largest_png, png_chunks
from petsgan_sdk.imaging.tiff import tiff_chunks, tiff_size
from petsgan_sdk.output.parallel import one_ahead
from petsgan_sdk.runtime.checks import check_canvas, check_int, check_seed
from petsgan_sdk.runtime.drawing import PLAIN, Drawing
from petsgan_sdk.runtime.sampler import Sampler

__all__ = ["LARGE_FORMATS", "LargePlan", "plan_large", "write_large"]


@dataclass(frozen=True, slots=True)
class LargeFormat:
    """A format that is written band by band."""

    encode: Callable[[int, int, Iterable[ImageArray]], Iterator[bytes | memoryview]]
    """`(width, height, bands)` to the bytes of the file, in order."""
    largest_bytes: Callable[[int, int], int]
    """`(width, height)` to what the file takes at most."""
    is_compressed: bool
    """Whether it may take less."""


_PNG = LargeFormat(png_chunks, largest_png, is_compressed=True)
_TIFF = LargeFormat(tiff_chunks, tiff_size, is_compressed=False)

LARGE_FORMATS: dict[str, LargeFormat] = {"png": _PNG, "tif": _TIFF, "tiff": _TIFF}
"""By extension of the file."""

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""What a file system says that has no room for more of a file."""


@dataclass(frozen=True, slots=True)
class LargePlan:
    """One file to write; made by `plan_large`, which checks it."""

    path: Path
    """The file."""
    format: LargeFormat
    """How it is written."""
    size_px: tuple[int, int]
    """`(width, height)`."""
    seed: int
    """The seed."""
    rows: int | None
    """Rows of a band, or None for what is made at a time."""
    drawing: Drawing
    """How the image is drawn."""
    overwrite: bool
    """Whether an existing file may be replaced."""

    @property
    def needed_bytes(self) -> int:
        """What the file takes at most."""
        return self.format.largest_bytes(*self.size_px)


def plan_large(
    bundle: Path,
    path: Path,
    *,
    size_px: tuple[int, int],
    seed: int = 0,
    rows: int | None = None,
    drawing: Drawing = PLAIN,
    overwrite: bool = False,
) -> LargePlan:
    """Refuse what could not be written, before anything is made.

    Args:
        bundle: The bundle that will be sampled; never overwritten.
        path: The file; its extension names the format.
        size_px: `(width, height)`.
        seed: 0 to 2**64 - 1.
        rows: Rows that are written at a time; the pixels are the same for any number.
        drawing: How the image is drawn; the sampler checks it.
        overwrite: Whether an existing file may be replaced.

    Raises:
        ConfigError: A size, seed or extension cannot be used.
        OutputError: The file exists, its folder cannot be written or has too little room, or the
            format cannot hold the image.
    """
    height, width = check_canvas(size_px[1], size_px[0])
    if rows is not None:
        rows = min(height, check_int(rows, "--tile", low=1, high=1 << 24))
    form = LARGE_FORMATS.get(path.suffix.lstrip(".").lower())
    if form is None:
        msg = (
            f"output file must end in .{', .'.join(LARGE_FORMATS)}, got {str(path)!r}; for other "
            "formats name a folder and --format"
        )
        raise ConfigError(msg)
    seed = check_seed(seed)
    check_distinct(path, bundle)
    check_writable(path, overwrite=overwrite)
    plan = LargePlan(path, form, (width, height), seed, rows, drawing, overwrite)
    _check_space(plan)
    return plan


def write_large(
    sampler: Sampler, plan: LargePlan, *, progress: Callable[[int], None] | None = None
) -> float:
    """Make the image of a plan and write it, whole or not at all.

    Args:
        sampler: The loaded bundle.
        plan: What to write.
        progress: Called with the number of rows that are written.

    Returns:
        Seconds.

    Raises:
        OutputError: The file cannot be written, or the disk is full; what was written is removed.
        ConfigError: The image cannot be drawn like that at this size.
        BundleError: The image needs tiles, and the bundle cannot be run in tiles.
    """
    started = time.perf_counter()
    width, height = plan.size_px
    stopping = threading.Event()
    bands = sampler.stream(
        height,
        width,
        plan.seed,
        rows=plan.rows,
        observer=partial(_check, stopping),
        **plan.drawing.keywords(),
    )
    try:
        with closing(one_ahead(bands, stop=stopping.set)) as made:
            chunks = plan.format.encode(width, height, _counted(made, progress))
            atomic_write(plan.path, chunks, overwrite=plan.overwrite)
    except OutputError as exc:
        if getattr(exc.__cause__, "errno", None) not in _FULL:
            raise
        msg = (
            f"output: {str(plan.path)!r} needs {_amount(plan)} on the disk, which became full; "
            "what was written is removed; free space or choose another folder"
        )
        raise OutputError(msg) from exc
    return time.perf_counter() - started


class _StoppedError(Exception):
    """Nobody wants the band that is being made."""


def _check(stopping: threading.Event, _step: str, _seconds: float) -> None:
    """Give up a band between two of its steps; a band of a wide canvas takes minutes."""
    if stopping.is_set():
        raise _StoppedError


def _counted(
    bands: Iterator[ImageArray], progress: Callable[[int], None] | None
) -> Iterator[ImageArray]:
    done = 0
    for band in bands:
        done += len(band)
        yield band
        del band  # before the one after the next is made
        if progress is not None:
            progress(done)


def _check_space(plan: LargePlan) -> None:
    free = shutil.disk_usage(plan.path.parent).free
    if plan.needed_bytes > free:
        msg = (
            f"output: {str(plan.path)!r} needs {_amount(plan)} on the disk, but "
            f"{free / 1e6:.0f} MB are free; free space or choose another folder"
        )
        raise OutputError(msg)


def _amount(plan: LargePlan) -> str:
    return f"{'up to ' if plan.format.is_compressed else ''}{plan.needed_bytes / 1e6:.0f} MB"

"""Write many images to a folder: sample in this thread, encode and write in others.

Everything that can be refused is refused before the first image is made. Never imports torch.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from petsgan_sdk.errors import ConfigError, OutputError
from petsgan_sdk.files import check_distinct, check_writable
from petsgan_sdk.imaging import FORMATS, save_image
from petsgan_sdk.runtime.checks import check_int, check_seed, check_size
from petsgan_sdk.runtime.names import DEFAULT_TEMPLATE, plan_names
from petsgan_sdk.runtime.sampler import Sampler
from petsgan_sdk.runtime.sheet import ContactSheet
from petsgan_sdk.runtime.writer import ImageWriter

__all__ = ["MAX_IMAGES", "BatchPlan", "generate_images", "plan_batch"]

MAX_IMAGES = 1_000_000
"""Most images of one call."""

_MAX_WORKERS = 4


@dataclass(frozen=True, slots=True)
class BatchPlan:
    """What will be written; made by `plan_batch`, which checks it."""

    seed: int
    """The seed."""
    size_px: tuple[int, int]
    """`(width, height)` of every image."""
    paths: tuple[Path, ...]
    """One file for each image, in order."""
    sheet: Path | None
    """The contact sheet."""
    seamless: bool
    """Whether every image goes on at its other side."""
    overwrite: bool
    """Whether existing files may be replaced."""


def plan_batch(
    bundle: Path,
    folder: Path,
    *,
    count: int,
    size_px: tuple[int, int],
    seed: int = 0,
    template: str = DEFAULT_TEMPLATE,
    extension: str = "png",
    sheet: Path | None = None,
    seamless: bool = False,
    overwrite: bool = False,
) -> BatchPlan:
    """Name every file, and refuse what could not be written. Writes nothing.

    Args:
        bundle: The bundle that will be sampled; it names the files and is never overwritten.
        folder: Where the images go; `generate_images` makes it.
        count: Number of images, 1 to 1,000,000.
        size_px: `(width, height)`.
        seed: 0 to 2**64 - 1.
        template: See `names.plan_names`.
        extension: `png`, `jpg` or `webp`.
        sheet: A contact sheet to write as well.
        seamless: See `Sampler.sample`, which also checks the size.
        overwrite: Whether existing files may be replaced.

    Raises:
        ConfigError: A count, size, seed, template or extension cannot be used.
        OutputError: A file exists, or a folder cannot be written.
    """
    count = check_int(count, "number of images", low=1, high=MAX_IMAGES)
    seed = check_seed(seed)
    height, width = check_size(size_px[1], size_px[0])
    stem, size = bundle.stem, (width, height)
    names = plan_names(template, count, stem=stem, seed=seed, size_px=size, extension=extension)
    paths = tuple(folder / name for name in names)
    if sheet is not None:
        _check_sheet(sheet, paths)
    outputs = paths if sheet is None else (*paths, sheet)
    _check_folder(folder)
    _check_existing(outputs, bundle, overwrite=overwrite)
    return BatchPlan(seed, size, paths, sheet, seamless, overwrite)


def generate_images(
    sampler: Sampler, plan: BatchPlan, *, progress: Callable[[int], None] | None = None
) -> float:
    """Make the images of a plan and write them.

    A file is there whole or not at all. When a write fails or Ctrl-C comes, the files that are
    finished stay.

    Args:
        sampler: The loaded bundle.
        plan: What to write.
        progress: Called with the number of images that are sampled.

    Returns:
        Seconds.

    Raises:
        OutputError: A file cannot be written.
    """
    started = time.perf_counter()
    with _made_folders(plan):
        _write_images(sampler, plan, progress)
    return time.perf_counter() - started


def _write_images(
    sampler: Sampler, plan: BatchPlan, progress: Callable[[int], None] | None
) -> None:
    width, height = plan.size_px
    count = len(plan.paths)
    sheet = ContactSheet(count, plan.size_px) if plan.sheet is not None else None
    workers = min(_MAX_WORKERS, max(1, sampler.threads), count)
    images = sampler.images(
        count, height=height, width=width, seed=plan.seed, seamless=plan.seamless
    )
    with ImageWriter(workers=workers, overwrite=plan.overwrite) as writer:
        for done, (image, path) in enumerate(zip(images, plan.paths, strict=True), start=1):
            writer.put(image, path)
            if sheet is not None:
                sheet.add(image)
            if progress is not None:
                progress(done)
    if sheet is not None and plan.sheet is not None:
        save_image(plan.sheet, sheet.image(), overwrite=plan.overwrite)


def _extension(path: Path) -> str:
    return path.suffix.lstrip(".").lower()


def _check_sheet(sheet: Path, paths: tuple[Path, ...]) -> None:
    if _extension(sheet) not in FORMATS:
        msg = f"sheet must end in one of .{', .'.join(FORMATS)}, got {str(sheet)!r}"
        raise ConfigError(msg)
    if sheet.absolute() in {path.absolute() for path in paths}:
        msg = f"sheet must be another file than the images, got {str(sheet)!r}"
        raise ConfigError(msg)


def _check_folder(folder: Path) -> None:
    try:
        usable = folder.is_dir() or not folder.exists()
    except (OSError, ValueError) as exc:
        msg = f"output folder {str(folder)!r} cannot be used: {exc}"
        raise OutputError(msg) from exc
    if not usable:
        msg = f"output folder must be a folder, got the file {str(folder)!r}; choose another -o"
        raise OutputError(msg)


def _check_existing(outputs: tuple[Path, ...], bundle: Path, *, overwrite: bool) -> None:
    existing = [path for path in outputs if path.is_symlink() or path.exists()]
    if existing and not overwrite:
        others = f" and {len(existing) - 1} more" if len(existing) > 1 else ""
        msg = (
            f"output must be new, but {str(existing[0])!r}{others} exists; choose another "
            "folder, name or seed, or overwrite with --force"
        )
        raise OutputError(msg)
    for path in existing:
        if path.is_dir():
            msg = f"output must be a file, got the folder {str(path)!r}; choose another name"
            raise OutputError(msg)
        check_distinct(path, bundle)


@contextmanager
def _made_folders(plan: BatchPlan) -> Iterator[None]:
    """Make the folders and prove that they can be written, before the first image is made.

    When what follows fails, those that were made here and are still empty go again.
    """
    firsts = (plan.paths[0],) if plan.sheet is None else (plan.paths[0], plan.sheet)
    made: list[Path] = []  # the inner before the outer
    try:
        for first in firsts:
            made[:0] = [p for p in (first.parent, *first.parent.parents) if not p.exists()]
            try:
                first.parent.mkdir(parents=True, exist_ok=True)
            except OSError as exc:
                msg = f"output folder {str(first.parent)!r} cannot be made: {exc.strerror or exc}"
                raise OutputError(msg) from exc
            check_writable(first, overwrite=plan.overwrite)
        yield
    except BaseException:
        for folder in made:
            with suppress(OSError):
                folder.rmdir()
        raise

"""Write many images to a folder or to tars, and keep all cores busy meanwhile.

A thread samples, encodes and writes its own image: all three release the interpreter lock, so that
the threads need nothing of each other and no core waits. There is one thread more than images are
sampled at once; it encodes, or waits for the disk, while the others sample. Never imports torch.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

from petsgan_sdk.errors import OutputError
from petsgan_sdk.files import atomic_write, check_writable, is_disk_full, remove_abandoned
from petsgan_sdk.output.batch_plan import BatchPlan, OutputFile
from petsgan_sdk.output.image_maker import ImageMaker
from petsgan_sdk.output.parallel import ordered_map
from petsgan_sdk.output.resume import unfinished
from petsgan_sdk.output.shards import members, write_samples
from petsgan_sdk.runtime.checks import check_int
from petsgan_sdk.runtime.sampler import Sampler

__all__ = ["BatchResult", "generate_images"]

_WAITING_BYTES = 32 << 20
"""What may wait for a tar that is being synced to the disk, as pixels."""


@dataclass(frozen=True, slots=True)
class BatchResult:
    """What `generate_images` did."""

    seconds: float
    """From the call to the end, the look at what was there included."""
    written: int
    """Images that were made."""
    skipped: int
    """Images that were there."""

    @property
    def images_per_s(self) -> float:
        """Images made in a second."""
        return self.written / self.seconds


def generate_images(
    sampler: Sampler,
    plan: BatchPlan,
    *,
    at_once: int = 1,
    progress: Callable[[int], None] | None = None,
) -> BatchResult:
    """Make the images of a plan and write them.

    A file is there whole or not at all. When a write fails or Ctrl-C comes, the files that are
    finished stay. The files are the same for any number of threads.

    Args:
        sampler: The loaded bundle.
        plan: What to write.
        at_once: Images to sample at the same time, each with the sampler's threads; see
            `parallel.share_cores`. One image on providers other than the CPU.
        progress: Called with the number of images that are written or were there.

    Raises:
        ConfigError: The images cannot be drawn like that at this size.
        OutputError: A file cannot be written, or one that is there is another image.
        BundleError: The bundle makes no images from seeds.
    """
    started = time.perf_counter()
    at_once = check_int(at_once, "at_once", low=1, high=256) if sampler.provider == "cpu" else 1
    maker = ImageMaker(sampler, plan, at_once=at_once)
    todo = unfinished(maker) if plan.resume else list(plan.files)
    written = sum(len(file.numbers) for file in todo)
    skipped = len(plan.names) - written
    with _made_folders(plan):
        if plan.resume:
            for folder in {path.parent for path in plan.outputs}:
                remove_abandoned(folder)
        _write_all(maker, todo, progress=progress, skipped=skipped)
    return BatchResult(time.perf_counter() - started, written, skipped)


def _write_all(
    maker: ImageMaker,
    files: Sequence[OutputFile],
    *,
    progress: Callable[[int], None] | None,
    skipped: int,
) -> None:
    """Make files in order, then the contact sheet; `skipped` images were there."""
    plan = maker.plan
    state = _Progress(skipped, progress)
    try:
        (_write_tars if plan.is_tar else _write_folder)(maker, files, state)
        if plan.sheet is not None:
            atomic_write(plan.sheet, maker.sheet_file(), overwrite=plan.may_replace)
    except OutputError as exc:
        if not is_disk_full(exc):
            raise
        msg = f"{exc}; {state.needed(plan)}"
        raise OutputError(msg) from exc.__cause__


class _Progress:
    """How many images are finished, and how large they were."""

    def __init__(self, skipped: int, report: Callable[[int], None] | None) -> None:
        self._skipped = skipped
        self._report = report
        self._made = 0
        self._bytes = 0

    def add(self, size: int) -> None:
        """Count one image of `size` bytes."""
        self._made += 1
        self._bytes += size
        if self._report is not None:
            self._report(self._skipped + self._made)

    def needed(self, plan: BatchPlan) -> str:
        """Say how much space a full disk lacks; pixels stand for what has no size yet."""
        total = len(plan.names)
        width, height = plan.size_px
        each = self._bytes / self._made if self._made else 3 * width * height
        free = shutil.disk_usage(plan.paths[0].parent).free
        # A tar that was not finished is gone: all of it has to be made again.
        held = plan.files[0].numbers
        done = (self._skipped + self._made) // len(held) * len(held)
        way = "run the same command again" if plan.resume else "go on with --resume"
        return (
            f"{total - done} of {total} images are missing and need about "
            f"{(total - done) * each / 1e6:.1f} MB, {free / 1e6:.1f} MB are free; "
            f"make room and {way}"
        )


def _write_folder(maker: ImageMaker, files: Sequence[OutputFile], state: _Progress) -> None:
    plan = maker.plan

    def write(position: int) -> int:
        file = files[position]
        data = maker.image_file(file.numbers[0])
        atomic_write(file.path, data, overwrite=plan.may_replace)
        return len(data)

    positions = range(len(files))
    sizes = ordered_map(write, positions, workers=maker.workers, ahead=4 * maker.workers)
    with closing(sizes):
        for size in sizes:
            state.add(size)


def _write_tars(maker: ImageMaker, files: Sequence[OutputFile], state: _Progress) -> None:
    plan = maker.plan
    width, height = plan.size_px
    ahead = max(maker.workers + 1, min(256, _WAITING_BYTES // (3 * width * height)))
    numbers = chain.from_iterable(file.numbers for file in files)
    images = ordered_map(maker.image_file, numbers, workers=maker.workers, ahead=ahead)

    def samples(file: OutputFile) -> Iterator[tuple[str, bytes]]:
        for number, data in zip(file.numbers, islice(images, len(file.numbers)), strict=True):
            provenance = maker.provenance(number) if plan.sidecars else None
            yield from members(plan.names[number], data, provenance)
            state.add(len(data))

    with closing(images):
        for file in files:
            chunks = write_samples(samples(file))
            atomic_write(file.path, chunks, overwrite=plan.may_replace)


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
        check_writable(*firsts, overwrite=plan.may_replace)
        yield
    except BaseException:
        for folder in made:
            with suppress(OSError):
                folder.rmdir()
        raise

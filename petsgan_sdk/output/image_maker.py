"""Make images in threads and write them as they come. Never imports torch.

A thread samples, encodes and writes its own image: all three release the interpreter lock, so that
the threads need nothing of each other and no core waits. There is one thread more than images are
sampled at once; it encodes, or waits for the disk, while the others sample.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from itertools import chain, islice
from pathlib import Path
from typing import Any

from petsgan_sdk._arrays import ImageArray
from petsgan_sdk.errors import OutputError
from petsgan_sdk.files import atomic_write, check_writable, is_disk_full
from petsgan_sdk.imaging import encode_image
from petsgan_sdk.imaging.sheet import ContactSheet
from petsgan_sdk.output.parallel import ordered_map
from petsgan_sdk.output.plan import BatchPlan, OutputFile
from petsgan_sdk.output.record import comment_of, image_facts, sheet_facts
from petsgan_sdk.output.shards import members, write_samples
from petsgan_sdk.runtime.sampler import Sampler

__all__ = ["ImageMaker", "made_folders", "write_all"]

_WAITING_BYTES = 32 << 20
"""What may wait for a tar that is being synced to the disk, as pixels."""


class ImageMaker:
    """Samples and encodes the images of a plan; threads may share it.

    Args:
        sampler: The loaded bundle.
        plan: Names, seed and size.
        at_once: Images that are sampled at the same time.
    """

    def __init__(self, sampler: Sampler, plan: BatchPlan, *, at_once: int) -> None:
        """Keep what every image needs."""
        self.plan = plan
        self.sheet = ContactSheet(len(plan.names), plan.size_px) if plan.sheet else None
        """The contact sheet, filled as images are made."""
        cores = at_once * sampler.threads
        self.workers = min(at_once + 1, len(plan.names)) if cores > 1 else 1
        """Threads that make images."""
        self._sampler = sampler
        self._model: str = sampler.info()["digest"]
        self._slots = threading.Semaphore(at_once)

    def facts(self, number: int) -> dict[str, Any]:
        """What decides the pixels of an image."""
        plan = self.plan
        return image_facts(
            self._model,
            seed=plan.seed,
            index=number,
            size_px=plan.size_px,
            seamless=plan.seamless,
        )

    def comment(self, number: int) -> str:
        """What the file of an image says of itself."""
        return comment_of(self.facts(number))

    def sheet_comment(self) -> str:
        """What the contact sheet says of itself."""
        plan, count = self.plan, len(self.plan.names)
        return comment_of(
            sheet_facts(
                self._model,
                seed=plan.seed,
                count=count,
                size_px=plan.size_px,
                seamless=plan.seamless,
            )
        )

    def encoded(self, number: int) -> bytes:
        """Make one image; returns its file."""
        image = self._sample(number)
        if self.sheet is not None:
            self.sheet.add(number, image)
        return encode_image(image, format=self.plan.extension, comment=self.comment(number))

    def _sample(self, number: int) -> ImageArray:
        width, height = self.plan.size_px
        with self._slots:
            images = self._sampler.sample(
                height=height,
                width=width,
                seed=self.plan.seed,
                start=number,
                seamless=self.plan.seamless,
            )
        image: ImageArray = images[0]
        return image


def write_all(
    maker: ImageMaker,
    files: Sequence[OutputFile],
    *,
    progress: Callable[[int], None] | None,
    skipped: int,
) -> None:
    """Make files in order, then the contact sheet.

    Args:
        maker: Makes the images.
        files: Those that are missing.
        progress: Called with the number of images that are finished, the skipped ones included.
        skipped: How many were there.

    Raises:
        OutputError: A file cannot be written.
    """
    plan = maker.plan
    state = _Progress(skipped, progress)
    try:
        (_write_tars if plan.is_tar else _write_folder)(maker, files, state)
        if plan.sheet is not None and maker.sheet is not None:
            data = encode_image(
                maker.sheet.image(),
                format=plan.sheet.suffix.lstrip("."),
                comment=maker.sheet_comment(),
            )
            atomic_write(plan.sheet, data, overwrite=plan.overwrite or plan.resume)
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
        return (
            f"{total - done} of {total} images are missing and need about "
            f"{(total - done) * each / 1e6:.1f} MB, {free / 1e6:.1f} MB are free; "
            "make room and go on with --resume"
        )


def _write_folder(maker: ImageMaker, files: Sequence[OutputFile], state: _Progress) -> None:
    plan = maker.plan

    def write(position: int) -> int:
        file = files[position]
        data = maker.encoded(file.numbers[0])
        atomic_write(file.path, data, overwrite=plan.overwrite or plan.resume)
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
    images = ordered_map(maker.encoded, numbers, workers=maker.workers, ahead=ahead)

    def samples(file: OutputFile) -> Iterator[tuple[str, bytes]]:
        for number, data in zip(file.numbers, islice(images, len(file.numbers)), strict=True):
            facts = maker.facts(number) if plan.sidecars else None
            yield from members(plan.names[number], data, facts)
            state.add(len(data))

    with closing(images):
        for file in files:
            chunks = write_samples(samples(file))
            atomic_write(file.path, chunks, overwrite=plan.overwrite or plan.resume)


@contextmanager
def made_folders(plan: BatchPlan) -> Iterator[None]:
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
        check_writable(*firsts, overwrite=plan.overwrite or plan.resume)
        yield
    except BaseException:
        for folder in made:
            with suppress(OSError):
                folder.rmdir()
        raise

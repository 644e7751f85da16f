"""Find what an interrupted batch has finished, by reading it: is a file whole, and is it ours?

Never imports torch.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from enum import Enum
from itertools import zip_longest
from pathlib import Path

import numpy as np
from PIL import Image

from petsgan_sdk._thread_warnings import warnings_raised
from petsgan_sdk.errors import OutputError
from petsgan_sdk.files.regular import open_regular
from petsgan_sdk.imaging import read_comment
from petsgan_sdk.output.batch_plan import OutputFile
from petsgan_sdk.output.image_maker import ImageMaker
from petsgan_sdk.output.parallel import ordered_map
from petsgan_sdk.output.provenance import differing_fact
from petsgan_sdk.output.shards import Sample, members, read_samples

__all__ = ["FileState", "judge_image", "read_own", "unfinished"]

_PNG_END = b"\0\0\0\0IEND\xae\x42\x60\x82"
_JPEG_END = b"\xff\xd9"


class FileState(Enum):
    """What is found where an image should be."""

    whole = "whole"
    """The image, complete."""
    damaged = "damaged"
    """No image, or a part of one."""
    foreign = "foreign"
    """Another image."""


def unfinished(maker: ImageMaker) -> list[OutputFile]:
    """The files of a plan that are missing or not whole. Images that are whole go on the sheet.

    Raises:
        OutputError: A file holds other images, which would be lost, or cannot be read.
    """
    plan = maker.plan
    if plan.sheet is not None and plan.sheet.exists():
        read_own(plan.sheet, comment=maker.sheet_comment(), size_px=None)
    states = ordered_map(
        lambda position: _state(plan.files[position], maker),
        range(len(plan.files)),
        workers=maker.workers,
        ahead=4 * maker.workers,
    )
    missing: list[OutputFile] = []
    with closing(states):
        for file, state in zip(plan.files, states, strict=True):
            _refuse_foreign(file.path, state)
            if state is not FileState.whole:
                missing.append(file)
    return missing


def judge_image(data: bytes, *, comment: str, size_px: tuple[int, int] | None) -> FileState:
    """Compare the bytes of a file with the image that should be there, by reading all of them.

    The checksums of a PNG find any byte that changed. JPEG and WebP have none: there it is what
    cannot be decoded that is found.

    Args:
        data: The file.
        comment: What `comment_of` says of the image.
        size_px: `(width, height)` that it must have, or None for any.
    """
    found: str | None = None
    try:
        with warnings_raised():  # such as of metadata that is cut short
            with Image.open(io.BytesIO(data)) as image:
                found, size, kind = read_comment(image), image.size, image.format
                image.verify()
            with Image.open(io.BytesIO(data)) as image:
                image.load()
    except Exception:  # noqa: BLE001 - Pillow raises many kinds; each means that it is not whole
        return FileState.damaged if found in (None, comment) else FileState.foreign
    if found == comment and not _has_end(data, kind):
        return FileState.damaged
    right = found == comment and size_px in (None, size)
    return FileState.whole if right else FileState.foreign


def _has_end(data: bytes, kind: str | None) -> bool:
    """Whether the last bytes are there, which Pillow does not ask for."""
    if kind == "WEBP":
        return len(data) == 8 + int.from_bytes(data[4:8], "little")
    return data.endswith(_PNG_END if kind == "PNG" else _JPEG_END)


def read_own(
    path: Path, *, comment: str, size_px: tuple[int, int] | None
) -> tuple[bytes, FileState]:
    """Read an image file that is ours or damaged, and may be replaced then.

    Args:
        path: The file.
        comment: As `judge_image`, as is `size_px`.
        size_px: `(width, height)` that it must have, or None for any.

    Returns:
        The bytes, and whether they are whole.

    Raises:
        OutputError: It is another image, which would be lost, or cannot be read.
    """
    with _readable(path), open_regular(path) as file:
        data = file.read()
    state = judge_image(data, comment=comment, size_px=size_px)
    if state is FileState.foreign:
        differs = differing_fact(_comment(data), comment)
        _refuse_foreign(path, state, differs="" if differs is None else f": {differs}")
    return data, state


def _comment(data: bytes) -> str | None:
    """What an image says of itself; it has been decoded before."""
    with warnings_raised(), Image.open(io.BytesIO(data)) as image:
        return read_comment(image)


def _refuse_foreign(path: Path, state: FileState | None, *, differs: str = "") -> None:
    if state is FileState.foreign:
        msg = (
            f"output: {str(path)!r} must be of this bundle, seed, size and options to go on, "
            f"got other images{differs}; choose another output or overwrite it with --force"
        )
        raise OutputError(msg)


def _state(file: OutputFile, maker: ImageMaker) -> FileState | None:
    if not file.path.exists():
        return None
    if maker.plan.is_tar:
        with _readable(file.path):
            return _judge_tar(file, maker)
    number = file.numbers[0]
    data, state = read_own(file.path, comment=maker.comment(number), size_px=maker.plan.size_px)
    if state is FileState.whole:
        _show(data, number, maker)
    return state


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        msg = f"output: {str(path)!r} must be readable to go on, got {exc.strerror or exc}"
        raise OutputError(msg) from exc


def _judge(data: bytes, number: int, maker: ImageMaker) -> FileState:
    return judge_image(data, comment=maker.comment(number), size_px=maker.plan.size_px)


def _show(data: bytes, number: int, maker: ImageMaker) -> None:
    if maker.sheet is not None and number < maker.sheet.capacity:
        with Image.open(io.BytesIO(data)) as image:
            maker.sheet.add(number, np.asarray(image.convert("RGB")))


def _judge_tar(file: OutputFile, maker: ImageMaker) -> FileState:
    """Compare a tar with its plan, member by member; a tar with fewer samples is not whole."""
    try:
        for expected, found in zip_longest(_names(file, maker), read_samples(file.path)):
            if found is None:
                return FileState.damaged
            state = _judge_member(expected, found, maker)
            if state is not FileState.whole:
                return state
    except tarfile.TarError:
        return FileState.damaged
    return FileState.whole


def _names(file: OutputFile, maker: ImageMaker) -> list[tuple[str, int]]:
    """Names of the members and the number of the image that each belongs to."""
    plan = maker.plan
    return [
        (name, number)
        for number in file.numbers
        for name, _ in members(plan.names[number], b"", {} if plan.sidecars else None)
    ]


def _judge_member(expected: tuple[str, int] | None, found: Sample, maker: ImageMaker) -> FileState:
    name, data = found
    if expected is None or name != expected[0]:
        return FileState.foreign
    number = expected[1]
    if name == maker.plan.names[number]:
        state = _judge(data, number, maker)
        if state is FileState.whole:
            _show(data, number, maker)
        return state
    wanted = members(maker.plan.names[number], b"", maker.provenance(number))[1][1]
    return FileState.whole if data == wanted else FileState.foreign

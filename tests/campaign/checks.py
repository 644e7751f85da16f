"""What a target does with its input: all that a user would, up to the pixels.

A check returns when all went well, and raises what the product raised. What it finds wrong with a
result is a `WrongError`, which is no error of the product's.
"""

from __future__ import annotations

import io
import shutil
import tarfile
from contextlib import redirect_stderr, redirect_stdout, suppress
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from typer.main import get_command

from campaign.bases import PHOTO_SIZE_PX, Bases
from petsgan_sdk.checkpoint import load_checkpoint
from petsgan_sdk.cli import app
from petsgan_sdk.cli._task_run import read_mask, with_alpha
from petsgan_sdk.errors import PetsganError
from petsgan_sdk.imaging import MIN_SIDE_PX, load_image
from petsgan_sdk.output.batch import generate_images
from petsgan_sdk.output.batch_plan import plan_batch
from petsgan_sdk.runtime import Sampler, load
from petsgan_sdk.runtime.bundle import open_bundle
from petsgan_sdk.runtime.describe import describe_file
from petsgan_sdk.settings.presets import load_preset
from petsgan_sdk.tasks import edit, harmonize, paint, stylize

_SIZE_PX = (32, 40)  # (height, width), multiples of every factor of the bases
_EXPECTED_CODES = (None, 0, 2, 3, 4)
_COMMAND = get_command(app)  # once: it takes longer than a trial
_BATCH = 2


class WrongError(Exception):
    """A result that is not what was promised."""


def check_container(path: Path, bases: Bases) -> None:
    """For bytes that no longer fit their digests: to be refused by whoever reads them."""
    del bases
    open_bundle(path)


def check_bundle(path: Path, bases: Bases) -> None:
    """`info`, then samples, seamless and in windows, then images from an image."""
    _info(path)
    sampler = load(path, provider="cpu", threads=1)
    height, width = _SIZE_PX
    _image(sampler.sample(1, height=height, width=width, seed=3)[0], _SIZE_PX)
    with suppress(PetsganError):
        _image(sampler.sample(height=height, width=width, seamless=True)[0], _SIZE_PX)
    with suppress(PetsganError):
        _image(sampler.region(400, 600, 100, 90, *_SIZE_PX), _SIZE_PX)
    for stage in range(1, min(2, len(sampler.manifest.entries)) + 1):
        with suppress(PetsganError):
            _image(sampler.refine(bases.photo, stage), PHOTO_SIZE_PX)


def check_checkpoint(path: Path, bases: Bases) -> None:
    """`info`, then the networks that `export` would trace."""
    del bases
    _info(path)
    checkpoint = load_checkpoint(path)
    if checkpoint.settings.family == "exsingan":
        from petsgan_sdk.models.exsingan.generator import generator_from  # noqa: PLC0415 - torch

        generator_from(checkpoint)
        return
    from petsgan_sdk.models import petsgan  # noqa: PLC0415 - torch

    if getattr(checkpoint.settings, "task", "") == "manipulate":
        petsgan.dipnet_from(checkpoint)
    else:
        petsgan.generator_from(checkpoint)


def check_image(path: Path, bases: Bases) -> None:
    """Decoded, or refused, never something in between."""
    del bases
    loaded = load_image(path)
    shape = loaded.rgb.shape
    if loaded.rgb.dtype != np.uint8 or len(shape) != 3 or shape[2] != 3:
        msg = f"an image of {shape} {loaded.rgb.dtype}"
        raise WrongError(msg)
    if min(shape[:2]) < MIN_SIDE_PX or (
        loaded.alpha is not None and loaded.alpha.shape != shape[:2]
    ):
        msg = f"an image of {shape}"
        raise WrongError(msg)
    if not all(note.isprintable() for note in loaded.notes):
        msg = f"notes {loaded.notes!r}"
        raise WrongError(msg)


def check_mask(path: Path, bases: Bases) -> None:
    """As the mask of an edit, and as a composite whose transparency says what was pasted."""
    sampler = _copier(bases.copier)
    done = edit(sampler, _composite(bases), read_mask(path))
    _image(done.image, PHOTO_SIZE_PX)
    with suppress(PetsganError):
        harmonize(sampler, with_alpha(load_image(path)))


def check_array(path: Path, bases: Bases) -> None:
    """Arrays of any shape and type given to the tasks as image and as mask."""
    array = np.load(path, allow_pickle=False)
    sampler = _copier(bases.copier)
    for task in (paint, stylize, edit, harmonize):
        with suppress(PetsganError):
            task(sampler, array)
    _image(edit(sampler, _composite(bases), array).image, PHOTO_SIZE_PX)


def check_preset(path: Path, bases: Bases) -> None:
    """As a preset of every family, and with its ablations."""
    del bases
    for model in ("exsingan", "petsgan"):
        try:
            load_preset(path, model=model)
        except PetsganError as exc:
            last: PetsganError | None = exc
        else:
            last = None
    if last is not None:
        raise last


def check_resume(path: Path, bases: Bases) -> None:
    """A damaged file of a batch is made again, the same, or is called somebody else's."""
    out = path.parent / "resumed"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    reference = batch_files(bases.batch_bundle)
    (out / path.name).write_bytes(path.read_bytes())
    is_tar = path.suffix == ".tar"
    run_batch(bases.batch_bundle, out, is_tar=is_tar, is_resumed=True)
    for name, raw in reference.items():
        if name.endswith(".tar") == is_tar and _pixels((out / name).read_bytes()) != _pixels(raw):
            msg = f"{name} differs after --resume"
            raise WrongError(msg)


def _pixels(raw: bytes) -> list[tuple[str, bytes]]:
    """What an image or a tar of images shows; bytes behind the end of a PNG show nothing."""
    if raw.startswith(b"\x89PNG"):
        return [("", np.asarray(Image.open(io.BytesIO(raw))).tobytes())]
    with tarfile.open(fileobj=io.BytesIO(raw)) as archive:
        members = ((member.name, archive.extractfile(member)) for member in archive)
        return [(name, _pixels(file.read())[0][1]) for name, file in members if file is not None]


def run_batch(bundle: Path, out: Path, *, is_tar: bool, is_resumed: bool = False) -> None:
    """Two small images to a folder or a tar."""
    plan = plan_batch(
        bundle,
        out / "batch.tar" if is_tar else out,
        count=_BATCH,
        size_px=_SIZE_PX[::-1],
        resume=is_resumed,
    )
    generate_images(_copier(bundle), plan)


@cache
def batch_files(bundle: Path) -> dict[str, bytes]:
    """What an uninterrupted batch writes: images, and a tar of them."""
    out = bundle.parent / "batch"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    for is_tar in (False, True):
        run_batch(bundle, out, is_tar=is_tar)
    with tarfile.open(fileobj=io.BytesIO((out / "batch.tar").read_bytes())) as archive:
        if len(archive.getnames()) != _BATCH:
            msg = "the reference is not whole"
            raise WrongError(msg)
    return {path.name: path.read_bytes() for path in sorted(out.iterdir())}


@cache
def _copier(path: Path) -> Sampler:
    """One session for all trials of a child; the parent never asks."""
    return load(path, provider="cpu", threads=1)


def _composite(bases: Bases) -> np.ndarray[Any, np.dtype[np.uint8]]:
    composite = bases.photo.copy()
    composite[14:26, 22:40] = (200, 30, 30)
    return composite


def _info(path: Path) -> None:
    """The command, whose lines reach a terminal: nothing in them may steer it."""
    describe_file(path)  # here an error keeps its traceback
    # As strict as the streams of a process are: what cannot be encoded is an error.
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", newline="") for _ in range(2))
    with redirect_stdout(out), redirect_stderr(err):
        try:
            _COMMAND.main(["info", str(path)], prog_name="petsgan-sdk", standalone_mode=True)
            code: object = 0
        except SystemExit as exc:
            code = exc.code
    shown = b""
    for stream in (out, err):
        stream.flush()
        shown += stream.buffer.getvalue()
    text = shown.decode()
    if code not in _EXPECTED_CODES:
        msg = f"info left with {code}: {text[-200:]}"
        raise WrongError(msg)
    if not all(char.isprintable() for char in text if char != "\n"):
        msg = "info printed control characters"
        raise WrongError(msg)


def _image(image: Any, size: tuple[int, int]) -> None:
    if image.dtype != np.uint8 or image.shape != (*size, 3):
        msg = f"an image of {image.shape} {image.dtype} where {size} was asked for"
        raise WrongError(msg)

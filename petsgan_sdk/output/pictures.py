"""The images that show what a model can do: of the photo's size, wider, extended, and a sheet.

Never imports torch.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from petsgan_sdk._arrays import ImageArray
from petsgan_sdk._quota import usable_cores
from petsgan_sdk.files import atomic_write
from petsgan_sdk.files.regular import is_taken, open_regular
from petsgan_sdk.imaging import encode_image
from petsgan_sdk.imaging.sheet import ContactSheet
from petsgan_sdk.manifest import BundleManifest
from petsgan_sdk.output.batch import generate_images
from petsgan_sdk.output.batch_plan import BatchPlan, plan_batch
from petsgan_sdk.output.image_maker import ImageMaker
from petsgan_sdk.output.parallel import share_cores
from petsgan_sdk.output.provenance import comment_of, provenance
from petsgan_sdk.output.resume import FileState, read_own, unfinished
from petsgan_sdk.runtime import load
from petsgan_sdk.runtime.bundle import open_bundle
from petsgan_sdk.runtime.checks import default_threads
from petsgan_sdk.runtime.drawing import PLAIN, Drawing, knobs_of
from petsgan_sdk.runtime.sampler import Sampler

__all__ = ["Pictures", "draw_pictures"]

_NAME = "{index:04d}"
_COLUMNS = 3
"""Of the sheet: the wide image lies under as many of the photo's size."""


@dataclass(frozen=True, slots=True)
class Pictures:
    """The files, in one folder."""

    images: tuple[Path, ...]
    """Of the photo's size."""
    wide: Path
    """Of three times its width."""
    extended: Path | None
    """The photo with more around it; None of a model that draws no places of it."""
    sheet: Path
    """All of them, the photo first."""
    size_px: tuple[int, int] = (0, 0)
    """`(width, height)` at which the photo was learned; of no meaning before images are made."""
    extended_px: tuple[int, int] = (0, 0)
    """Of the extended one, likewise."""

    @staticmethod
    def planned(folder: Path, count: int) -> Pictures:
        """All that may be written."""
        names = (_NAME.format(index=index) for index in range(count))
        return Pictures(
            tuple(folder / f"{name}.png" for name in names),
            folder / "wide.png",
            folder / "extended.png",
            folder / "sheet.png",
        )

    @property
    def paths(self) -> tuple[Path, ...]:
        """All of the files."""
        extended = () if self.extended is None else (self.extended,)
        return (*self.images, self.wide, *extended, self.sheet)


def draw_pictures(
    bundle: Path,
    pictures: Pictures,
    *,
    photo: Callable[[], ImageArray],
    seed: int,
    overwrite: bool,
    progress: Callable[[int, int], None],
    note: Callable[[str], None],
) -> tuple[Pictures, int]:
    """Draw what is missing or not whole, or all of it.

    Args:
        bundle: The model.
        pictures: What may be written, from `Pictures.planned`.
        photo: Gives the photo `[H, W, 3]` uint8 of a bundle that does not keep it.
        seed: 0 to 2**64 - 1.
        overwrite: Draw all of it and replace what is there.
        progress: Told how many of how many images are there.
        note: Told what is left out.

    Returns:
        What is there now, and how many images were made.

    Raises:
        OutputError: A file is another image, or cannot be written.
    """
    opened = open_bundle(bundle)
    height, width = opened.manifest.image_size_px
    pictures = replace(pictures, size_px=(width, height))
    if "pins" not in knobs_of(opened.manifest):
        note(f"{pictures.extended} is left out: this model draws no places of its photo")
        pictures = replace(pictures, extended=None)
    count = len(pictures.images)
    cores = default_threads(None, most=256)
    at_once, threads = share_cores(cores, count, (width, height), most=usable_cores())
    sampler = load(opened, threads=threads)
    plan_one = partial(
        plan_batch, bundle, pictures.wide.parent, seed=seed, overwrite=overwrite,
        resume=not overwrite,
    )  # fmt: skip
    plans = [plan_one(count=count, size_px=(width, height), template=_NAME)]
    plans.append(plan_one(count=1, size_px=(3 * width, height), template="wide"))
    if pictures.extended is not None:
        size, around = _extended(opened.manifest)
        pictures = replace(pictures, extended_px=size)
        plans.append(plan_one(count=1, size_px=size, template="extended", drawing=around))
    comment = _sheet_comment(sampler, pictures, seed)
    if not overwrite:
        for plan in plans:  # all is refused that must be before the first is made
            unfinished(ImageMaker(sampler, plan, at_once=at_once))
        has_sheet = _is_whole(pictures.sheet, comment)
    written = _draw(sampler, plans, at_once=at_once, progress=progress)
    if overwrite or written or not has_sheet:
        learned = photo() if sampler.photo is None else sampler.photo
        data = encode_image(_sheet(pictures, learned), format="png", comment=comment)
        atomic_write(pictures.sheet, data, overwrite=True)
    return pictures, written


def _extended(manifest: BundleManifest) -> tuple[tuple[int, int], Drawing]:
    """Size, and where the photo stands: in the middle, or, if it has a ground, on it."""
    height, width = manifest.image_size_px
    # What would be under a ground is another picture.
    has_ground = any(step.has_ground for step in manifest.steps)
    size = (2 * width, height + height // 2 if has_ground else 2 * height)
    top = size[1] - height if has_ground else height // 2
    return size, Drawing(pins=((width // 2, top),))


def _draw(
    sampler: Sampler,
    plans: list[BatchPlan],
    *,
    at_once: int,
    progress: Callable[[int, int], None],
) -> int:
    total, before, written = sum(len(plan.names) for plan in plans), 0, 0
    for plan in plans:

        def tell(done: int, before: int = before) -> None:
            progress(before + done, total)

        written += generate_images(sampler, plan, at_once=at_once, progress=tell).written
        before += len(plan.names)
    return written


def _sheet_comment(sampler: Sampler, pictures: Pictures, seed: int) -> str:
    part = {"sheet_of": len(pictures.images), "with_photo": 1}
    model = sampler.info()["digest"]
    facts = provenance(model, part, seed=seed, size_px=pictures.size_px, drawing=PLAIN)
    return comment_of(facts)


def _is_whole(path: Path, comment: str) -> bool:
    if not is_taken(path):
        return False
    return read_own(path, comment=comment, size_px=None)[1] is FileState.whole


def _sheet(pictures: Pictures, photo: ImageArray) -> ImageArray:
    """The photo and the images, as many as there is room for, the larger ones under them."""
    sheet = ContactSheet(1 + len(pictures.images), pictures.size_px, least_columns=_COLUMNS)
    sheet.add(0, photo)
    for number, path in enumerate(pictures.images[: sheet.capacity - 1], 1):
        sheet.add(number, _read(path))
    larger = (pictures.wide, *(() if pictures.extended is None else (pictures.extended,)))
    return sheet.image_above(*map(_read, larger))


def _read(path: Path) -> ImageArray:
    """An image that was written or found whole just now."""
    with open_regular(path) as file:
        data = file.read()
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB"))

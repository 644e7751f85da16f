"""Where the samples to measure come from: a bundle, or a folder of images. Never imports torch."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from petsgan_sdk.errors import ConfigError, InputError
from petsgan_sdk.files.regular import is_folder, is_taken
from petsgan_sdk.imaging import load_image, resize
from petsgan_sdk.runtime import load
from petsgan_sdk.runtime.drawing import PLAIN, Drawing

__all__ = ["SampleSet", "SkippedFile", "each_image", "read_samples", "sample_bundle"]

U8Array = npt.NDArray[np.uint8]
Note = Callable[[str], None]

_ROUNDED_PX = 4
"""By how much training moves a side at most where both are made multiples of 8."""


@dataclass(frozen=True, slots=True)
class SkippedFile:
    """A file of a folder that is no usable image, or of another size than the first."""

    path: Path
    """The file."""
    reason: str
    """What was expected and found."""


@dataclass(frozen=True, slots=True)
class SampleSet:
    """Samples of one size, and the photo they are judged by at its own."""

    samples: U8Array
    """`[N, H, W, 3]` uint8."""
    names: tuple[str, ...]
    """Of the samples: indices in a seed's stream, or file names."""
    photo: U8Array
    """`[h, w, 3]` uint8."""
    skipped: tuple[SkippedFile, ...] = ()
    """Files of the folder that were left out."""

    @property
    def has_photo_size(self) -> bool:
        """Whether samples can be compared with the photo place by place."""
        return self.samples.shape[1:3] == self.photo.shape[:2]


def sample_bundle(
    bundle: Path,
    photo: Path,
    *,
    count: int,
    size_px: tuple[int, int] | None = None,
    drawing: Drawing = PLAIN,
    seed: int = 0,
    provider: str = "auto",
    note: Note = lambda _: None,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> SampleSet:
    """Draw samples, and fit the photo of a bundle to the size that it was trained at.

    Args:
        bundle: A `.petsgan` file.
        photo: The photo that it learned. It is reduced as training reduces it.
        count: Number of samples.
        size_px: `(width, height)` of the samples; by default as trained.
        drawing: How the samples are drawn.
        seed: As `Sampler.sample`.
        provider: As `runtime.load`.
        note: Told when the photo is not the one that was learned.
        progress: Told how many of how many samples are drawn.

    Raises:
        InputError: The photo is no image, or of another shape than the bundle's.
        BundleError: The bundle cannot be used.
        ConfigError: A size, count or seed is out of range.
    """
    rgb = load_image(photo).rgb
    sampler = load(bundle, provider=provider)
    height, width = sampler.manifest.image_size_px
    # Resized as training does: what comes out tells whether it is the photo, whatever its shape.
    fitted = rgb if rgb.shape[:2] == (height, width) else resize(rgb, (width, height))
    learned = sampler.manifest.provenance.get("digest")
    if learned != hashlib.sha256(fitted.tobytes()).hexdigest():
        _check_shape(photo, rgb, (width, height), sampler.manifest.factor)
        note(
            f"note: {str(photo)!r} is not the photo that the bundle learned; it is measured against"
        )
    images: list[U8Array] = []
    wide, tall = size_px or (width, height)
    drawn = sampler.images(count, height=tall, width=wide, seed=seed, **drawing.keywords())
    for image in drawn:
        images.append(image)
        progress(len(images), count)
    return SampleSet(np.stack(images), tuple(str(k) for k in range(count)), fitted)


def read_samples(
    folder: Path,
    photo: Path,
    *,
    count: int | None = None,
    note: Note = lambda _: None,
) -> SampleSet:
    """Read the images of a folder as samples of any generator.

    A photo of their shape that is larger is reduced to their size, as training reduces it; samples
    of another shape are judged as they are.

    Args:
        folder: Every file in it is read, in the order of names.
        photo: The photo that they are judged by, of any size.
        count: Read no more than these; all by default.
        note: Told when the photo is reduced.

    Raises:
        InputError: No image in the folder, or fewer of one size than `count`.
        ConfigError: `count` is not positive.
    """
    if count is not None and count < 1:
        msg = f"samples: number must be positive, got {count}"
        raise ConfigError(msg)
    rgb = load_image(photo).rgb
    images: dict[str, U8Array] = {}
    skipped: list[SkippedFile] = []
    for path, image in each_image(folder):
        if isinstance(image, SkippedFile):
            skipped.append(image)
            continue
        first = next(iter(images.values()), image)
        if image.shape != first.shape:
            has, expected = (f"{i.shape[1]}x{i.shape[0]}" for i in (image, first))
            skipped.append(
                SkippedFile(path, f"must have the first one's size {expected}, got {has}")
            )
            continue
        images[path.name] = image
        if len(images) == count:
            break
    if count is not None and len(images) < count:
        msg = f"samples: {str(folder)!r} must hold at least {count} images, got {len(images)}"
        raise InputError(msg)
    samples = np.stack(list(images.values()))
    tall, wide = samples.shape[1:3]
    is_reduced = wide < rgb.shape[1] and tall < rgb.shape[0]
    if is_reduced and _has_shape(rgb, (wide, tall), _ROUNDED_PX):
        note(f"note: {str(photo)!r} is reduced to the samples' size, {wide}x{tall}")
        rgb = resize(rgb, (wide, tall))
    return SampleSet(samples, tuple(images), rgb, tuple(skipped))


def each_image(folder: Path) -> Iterator[tuple[Path, U8Array | SkippedFile]]:
    """Read the images of a folder one after the other, in the order of names.

    Hidden files and folders are passed over.

    Yields:
        The path, and `[H, W, 3]` uint8, or why there is no image.

    Raises:
        InputError: No folder, or after the last file, no image in it.
    """
    if not is_folder(folder):
        found = "a file" if is_taken(folder) else "nothing"
        msg = f"folder: {str(folder)!r} must be a folder of images, got {found}"
        raise InputError(msg)
    files = [p for p in sorted(folder.iterdir()) if not (p.is_dir() or p.name.startswith("."))]
    is_empty = True
    for path in files:
        try:
            image = load_image(path).rgb
        except InputError as exc:
            yield path, SkippedFile(path, str(exc))
            continue
        is_empty = False
        yield path, image
    if is_empty:
        found = f"none among {len(files)} files" if files else "no file"
        msg = f"folder: {str(folder)!r} must hold at least one image, got {found}"
        raise InputError(msg)


def _check_shape(path: Path, photo: U8Array, size: tuple[int, int], factor: int) -> None:
    """Refuse a photo of another shape than `(width, height)`."""
    # Training rounds both sides to multiples of the factor.
    if not _has_shape(photo, size, factor):
        (height, width), (wide, tall) = photo.shape[:2], size
        msg = (
            f"photo: {str(path)!r} must have the shape of the bundle's, {wide}x{tall}, "
            f"got {width}x{height}; hint: give the photo that the bundle was trained on"
        )
        raise InputError(msg)


def _has_shape(photo: U8Array, size: tuple[int, int], most_px: int) -> bool:
    """Whether a photo, its longer side made that of `(width, height)`, is about of that size."""
    (height, width), (wide, tall) = photo.shape[:2], size
    scale = max(size) / max(width, height)
    return bool(max(abs(width * scale - wide), abs(height * scale - tall)) <= most_px)

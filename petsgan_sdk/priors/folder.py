"""The `folder:DIR` prior: layouts are the images of a folder, from whatever generator."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import NoReturn

import numpy as np
from PIL import Image

from petsgan_sdk.errors import ConfigError, InputError
from petsgan_sdk.files.regular import is_folder, is_taken
from petsgan_sdk.imaging import load_image, resize
from petsgan_sdk.priors.interface import PriorInput
from petsgan_sdk.priors.layouts import LayoutSet, U8Images

__all__ = ["create_folder", "fit_layout"]

_ASPECT_TOLERANCE = 1.1
"""Images that fitting stretches by more than this are counted for the user."""


def create_folder(given: PriorInput, argument: str | None) -> LayoutSet:
    """Read every image of a folder as a layout, in the order of their names.

    Files without the extension of an image format, hidden files and subfolders are passed over. An
    image that cannot be read is named, skipped and recorded.

    Args:
        given: The layout's size and device, and whom to tell.
        argument: The folder.

    Raises:
        ConfigError: No folder was given.
        InputError: There is no such folder, or no usable image in it.
    """
    if not argument:
        msg = "prior: folder must be given as folder:DIR, got no DIR"
        raise ConfigError(msg)
    folder = Path(argument)
    height, width = given.low_res.shape[2:]
    layouts: list[U8Images] = []
    skipped: list[str] = []
    conversions: Counter[str] = Counter()
    stretched = 0
    for path in _image_files(folder):
        try:
            loaded = load_image(path)
        except InputError as error:
            given.note(f"prior folder: skipped {path.name!r}: {error}")
            skipped.append(path.name)
            continue
        conversions.update(loaded.notes)
        stretched += _is_stretched(loaded.rgb, width / height)
        layouts.append(fit_layout(loaded.rgb, (width, height)))
    if not layouts:
        _refuse(folder, f"none in {len(skipped)} files that could not be read")
    for text, times in conversions.items():
        given.note(f"prior folder: in {times} images {text}")
    if stretched:
        given.note(
            f"prior folder: {stretched} images of another aspect than the photo were stretched to "
            f"it; crop them to {width}:{height} to keep proportions"
        )
    given.note(f"prior folder: {len(layouts)} layouts in {argument!r}, {len(skipped)} skipped")
    return LayoutSet(
        np.stack(layouts),
        flip=given.settings.flip,
        device=given.low_res.device,
        record={"name": "folder", "folder": folder.resolve().name, "skipped": skipped},
    )


def fit_layout(rgb: U8Images, size: tuple[int, int]) -> U8Images:
    """Resize a whole image to layout size.

    Nothing is cropped: what stands at the border is part of the layout, and a square sample of a
    generator that was shown a squeezed photo becomes what the generator meant. Where the aspect
    differs, objects are stretched; patch transfer redraws them with patches of natural scale.

    Args:
        rgb: `[H, W, 3]` uint8.
        size: `(w, h)`.

    Returns:
        `[h, w, 3]` uint8. An image of the photo's training size is reduced as the photo is, by
        block means.
    """
    is_smaller = size[0] > rgb.shape[1] or size[1] > rgb.shape[0]
    return resize(rgb, size, method="bicubic" if is_smaller else "area")


def _is_stretched(rgb: U8Images, aspect: float) -> bool:
    ratio = rgb.shape[1] / rgb.shape[0] / aspect
    return max(ratio, 1 / ratio) > _ASPECT_TOLERANCE


def _image_files(folder: Path) -> list[Path]:
    if not is_folder(folder):
        found = "a file" if is_taken(folder) else "nothing"
        msg = f"prior: folder {str(folder)!r} must exist, got {found}"
        raise InputError(msg)
    try:
        paths = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        msg = f"prior: folder {str(folder)!r} must be readable, got {error.strerror!r}"
        raise InputError(msg) from error
    extensions = Image.registered_extensions()
    files = [path for path in paths if path.suffix.lower() in extensions and path.is_file()]
    if not files:
        _refuse(folder, f"none among {len(paths)} entries")
    return files


def _refuse(folder: Path, found: str) -> NoReturn:
    msg = f"prior: folder {str(folder)!r} must hold images (PNG, JPEG, WebP, ...), got {found}"
    raise InputError(msg)

"""Stages that start from an image: which there are, and the map that an image is to them.

Never imports torch or onnx.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from petsgan_sdk import imaging
from petsgan_sdk._arrays import FloatArray
from petsgan_sdk._text import short
from petsgan_sdk.errors import BundleError, ConfigError, InputError
from petsgan_sdk.manifest import BundleManifest, Entry, level_size
from petsgan_sdk.runtime.checks import MAX_PIXELS, MAX_SIDE_PX
from petsgan_sdk.runtime.flow import required_image, tensor_levels
from petsgan_sdk.runtime.rendering.canvas import Canvas

__all__ = ["Start", "check_makes_images", "check_start", "describe_entries", "require_entries"]

_MIN_SIDE_PX = 8
"""Smallest side of an image that a stage starts from."""


@dataclass(frozen=True, slots=True)
class Start:
    """A stage and the image that it continues from; made by `check_start`."""

    entry: Entry
    """Where the image comes in."""
    image: np.ndarray[Any, np.dtype[np.uint8]]
    """`[h, w, 3]` of any size."""

    def given(
        self, manifest: BundleManifest, canvas: Canvas, size_px: tuple[int, int]
    ) -> Mapping[str, FloatArray]:
        """What the image is on a canvas.

        Args:
            manifest: Of the bundle.
            canvas: On the base grid.
            size_px: `(height, width)` of the upper left of the canvas that the image is stretched
                over; beyond it, its border goes on.

        Returns:
            By name of the tensor: `[1, 3, h, w]` in [-1, 1], the whole of its grid.
        """
        grid = canvas.at(tensor_levels(manifest)[self.entry.tensor])
        signed = imaging.to_signed(self.image)
        below, beside = (
            side * manifest.factor - shown
            for side, shown in zip((canvas.height, canvas.width), size_px, strict=True)
        )
        if below or beside:
            signed = _stretched(signed, *size_px)
            signed = np.pad(signed, ((0, below), (0, beside), (0, 0)), mode="edge")
        signed = _stretched(signed, grid.height, grid.width)
        return {self.entry.tensor: np.ascontiguousarray(signed.transpose(2, 0, 1)[None])}


def check_start(manifest: BundleManifest, start_stage: object, image: object) -> Start:
    """Check where to start, and from what.

    Args:
        manifest: Of the bundle.
        start_stage: 1 for the first entry.
        image: `[h, w, 3]` uint8 with sides from 8 px.

    Raises:
        ConfigError: There is no such stage; the message lists those that there are.
        InputError: The image is something else, or of a size that cannot be used.
        BundleError: No stage of the bundle can start from an image.
    """
    entries = require_entries(manifest)
    is_integer = isinstance(start_stage, int | np.integer) and not isinstance(start_stage, bool)
    if not is_integer or not 1 <= start_stage <= len(entries):  # type: ignore[operator]
        known = ", ".join(f"{number} ({entry.name})" for number, entry in enumerate(entries, 1))
        msg = f"start_stage must be one of {known}, got {start_stage!r}"
        raise ConfigError(msg)
    return Start(entries[int(start_stage) - 1], _checked_image(image))  # type: ignore[call-overload]


def require_entries(manifest: BundleManifest) -> tuple[Entry, ...]:
    """The stages that start from an image.

    Raises:
        BundleError: There are none.
    """
    if not manifest.entries:
        msg = "the bundle must have entries, stages that start from an image, got none: "
        if any(step.graph_members for step in manifest.steps):
            msg += "it is older than they are; export the model again: petsgan-sdk export MODEL.pt"
        else:
            msg += (
                f"a model of family {short(manifest.family)} has no network that could go on from "
                "an image; train one that has (petsgan-sdk train --help)"
            )
        raise BundleError(msg)
    return manifest.entries


def check_makes_images(manifest: BundleManifest) -> None:
    """Check that a bundle makes images from seeds.

    Raises:
        BundleError: It only starts from images.
    """
    if required_image(manifest) is not None:
        msg = (
            "the bundle must make images from seeds, but it was trained with --task manipulate: it "
            "starts from an image, as paint, edit, harmonize and stylize do; train without --task"
        )
        raise BundleError(msg)


def describe_entries(manifest: BundleManifest) -> list[dict[str, Any]]:
    """The stages that start from an image, as JSON types, with `[width, height]` at training."""
    levels = tensor_levels(manifest)
    height, width = (-(-side // manifest.factor) for side in manifest.image_size_px)
    described = []
    for number, entry in enumerate(manifest.entries, 1):
        rows, columns = level_size(manifest, levels[entry.tensor], height, width)
        described.append({"stage": number, "name": entry.name, "size": [columns, rows]})
    return described


def _checked_image(image: object) -> np.ndarray[Any, np.dtype[np.uint8]]:
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8:
        found = image.dtype if isinstance(image, np.ndarray) else type(image).__name__
        msg = f"image must be an array [h, w, 3] of uint8, got {found}"
        raise InputError(msg)
    if image.ndim != 3 or image.shape[2] != 3:
        msg = f"image must be [h, w, 3], RGB, got {image.shape}"
        raise InputError(msg)
    height, width = image.shape[:2]
    if not (_MIN_SIDE_PX <= min(image.shape[:2]) <= max(image.shape[:2]) <= MAX_SIDE_PX):
        msg = f"image must have sides from {_MIN_SIDE_PX} to {MAX_SIDE_PX} px, got {width}x{height}"
        raise InputError(msg)
    if height * width > MAX_PIXELS:
        msg = f"image must have at most {MAX_PIXELS} pixels, got {width}x{height}; make it smaller"
        raise InputError(msg)
    return image


def _stretched(signed: FloatArray, height: int, width: int) -> FloatArray:
    """Of another size: means of areas where it shrinks, bicubic where it grows."""
    if signed.shape[:2] == (height, width):
        return signed
    shrinks = height <= signed.shape[0] and width <= signed.shape[1]
    method: imaging.Method = "area" if shrinks else "bicubic"
    return imaging.resize(signed, (width, height), method=method, clamp=(-1.0, 1.0))

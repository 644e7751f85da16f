"""From a fit to one `.petsgan` file, which samples itself before it is written."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from petsgan_sdk._arrays import Array, ImageArray
from petsgan_sdk.checkpoint import Checkpoint, load_checkpoint
from petsgan_sdk.fitting.windows import check_windows
from petsgan_sdk.manifest import AnyStep
from petsgan_sdk.runtime.bundle import Bundle, open_bundle
from petsgan_sdk.runtime.checks import default_threads
from petsgan_sdk.runtime.rendering.pipeline import Pipeline, build_pipeline
from petsgan_sdk.runtime.sampler import Sampler
from petsgan_sdk.stations.export import (
    ExportRequest,
    ExportResult,
    make_manifest,
    take_apart,
    write_bundle,
)

__all__ = ["FittedDeployment", "export_fit", "write_fitted"]

_PREVIEW_PX = 1024
"""Longest side of the sample that a bundle shows of itself."""


@dataclass(frozen=True, slots=True)
class FittedDeployment:
    """A fit taken apart into what a bundle holds: what a family hands to its export."""

    steps: tuple[AnyStep, ...]
    """The manifest's list."""
    output: str
    """Name of the final tensor."""
    arrays: dict[str, Array]
    """Constants by member name."""
    min_canvas_px: int
    """Least side of a canvas in pixels; smaller images are cropped from one."""
    levels: tuple[tuple[int, int], ...] = ()
    """`(h, w)` at training of the manifest's levels."""


def export_fit(request: ExportRequest) -> ExportResult:
    """Write the bundle of a checkpoint without networks.

    Raises:
        PetsganError: As `stations.export.export_bundle`.
    """
    return write_fitted(
        load_checkpoint(request.checkpoint_path),
        request.bundle_path,
        source=request.checkpoint_path,
        verify=request.verify,
        overwrite=request.overwrite,
        note=request.note,
    )


def write_fitted(
    checkpoint: Checkpoint,
    path: Path,
    *,
    source: Path | None = None,
    verify: bool = True,
    overwrite: bool = False,
    note: Callable[[str], None],
) -> ExportResult:
    """Write the bundle of a fit.

    Args:
        checkpoint: The fit.
        path: The file to write.
        source: The checkpoint's file, for messages, if it has one.
        verify: Compare windows with the whole.
        overwrite: Replace an existing file.
        note: Told what was found.

    Raises:
        CheckpointError: The checkpoint describes no model.
        OutputError: The bundle exists, or cannot be written.
        ParityError: Windows differ from the whole; nothing was written.
    """
    deployment: FittedDeployment = take_apart(checkpoint, path if source is None else source)
    manifest = make_manifest(
        checkpoint,
        steps=deployment.steps,
        output=deployment.output,
        min_canvas_px=deployment.min_canvas_px,
        levels=deployment.levels,
        entries=(),
        made_by={"numpy": np.__version__},
    )

    def write(target: Path, preview: ImageArray | None, *, overwrite: bool = False) -> int:
        return write_bundle(
            target,
            manifest,
            graphs={},
            arrays=deployment.arrays,
            preview=preview,
            overwrite=overwrite,
        )

    with tempfile.TemporaryDirectory(prefix="petsgan-export-") as folder:
        trial = Path(folder) / "draft.petsgan"
        write(trial, None)
        bundle = open_bundle(trial)
    threads = default_threads(None)
    pipeline = build_pipeline(bundle, provider="cpu", threads=threads)
    if verify:
        height, width = check_windows(manifest, pipeline)
        note(f"verified at {width}x{height}: every window equals the whole, byte for byte")
    size = write(path, _preview(bundle, pipeline, threads), overwrite=overwrite)
    return ExportResult(path, size, 0.0 if verify else None)


def _preview(bundle: Bundle, pipeline: Pipeline, threads: int) -> ImageArray:
    """The first image of seed 0, as the bundle makes it."""
    sampler = Sampler(bundle, pipeline, provider="cpu", threads=threads, note=None)
    height, width = bundle.manifest.image_size_px
    share = min(1.0, _PREVIEW_PX / max(height, width))
    sides = (max(16, round(side * share)) for side in (height, width))
    height, width = sides
    image: ImageArray = sampler.sample(height=height, width=width)[0]
    return image

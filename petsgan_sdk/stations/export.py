"""From a checkpoint to a bundle: the one door, and how what comes out of it is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import petsgan_sdk
from petsgan_sdk._arrays import Array
from petsgan_sdk._extras import resolve_extra
from petsgan_sdk.checkpoint import Checkpoint, load_checkpoint
from petsgan_sdk.container import pack_array, write_container
from petsgan_sdk.errors import CheckpointError, ConfigError, DTypeError, InputError, ShapeError
from petsgan_sdk.files import check_distinct, check_writable
from petsgan_sdk.imaging import encode_image
from petsgan_sdk.manifest import (
    FORMAT,
    FORMAT_VERSION,
    PREVIEW,
    AnyStep,
    BundleManifest,
    Entry,
    to_header,
)
from petsgan_sdk.settings.families import family_named
from petsgan_sdk.settings.typed import to_dict

__all__ = [
    "ExportRequest",
    "ExportResult",
    "export_bundle",
    "make_manifest",
    "require_networks",
    "take_apart",
    "write_bundle",
]


@dataclass(frozen=True, slots=True)
class ExportResult:
    """What an export left."""

    bundle: Path
    """The file."""
    size_bytes: int
    """Its size."""
    max_abs_diff: float | None
    """Largest difference between the bundle and torch, or without networks between its windows and
    the whole; None if it was not verified."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportRequest:
    """The arguments of `export_bundle`, as who does the work is handed them."""

    checkpoint_path: Path
    bundle_path: Path
    verify: bool
    overwrite: bool
    note: Callable[[str], None]


def export_bundle(
    checkpoint_path: Path,
    bundle_path: Path,
    *,
    verify: bool = True,
    overwrite: bool = False,
    note: Callable[[str], None] = lambda _: None,
) -> ExportResult:
    """Write the bundle of a checkpoint.

    The same checkpoint always gives the same bytes (for the same versions of torch and onnx, where
    the model has networks).

    Args:
        checkpoint_path: A model from `petsgan_sdk.training.train`, finished or not.
        bundle_path: The file to write.
        verify: Before the bundle is written, run it against torch at three sizes, and its graphs in
            windows; without networks, compare windows with the whole.
        overwrite: Replace an existing file.
        note: Told what a person should know.

    Raises:
        CheckpointError: The checkpoint is damaged or of another version.
        OutputError: The bundle exists, or cannot be written.
        ExportError: A network could not be exported.
        ParityError: The bundle and torch, or windows and the whole, differ; nothing was written.
        BackendUnavailableError: A package for the export or the check is missing.
    """
    check_distinct(bundle_path, checkpoint_path)
    check_writable(bundle_path, overwrite=overwrite)
    family = family_named(load_checkpoint(checkpoint_path).settings.family)
    bundler = resolve_extra(family.bundler, extra="export", task="exporting")
    request = ExportRequest(
        checkpoint_path=checkpoint_path,
        bundle_path=bundle_path,
        verify=verify,
        overwrite=overwrite,
        note=note,
    )
    result: ExportResult = bundler(request)
    return result


def require_networks(checkpoint: Checkpoint) -> None:
    """Refuse a model that only our runtime can run.

    Raises:
        ConfigError: Nothing in it is a network.
    """
    family = checkpoint.settings.family
    if not family_named(family).has_networks:
        msg = (
            f"export: a model of family {family!r} must become a bundle, since nothing in it is a "
            "network; hint: petsgan-sdk export makes it, petsgan-sdk generate samples it; an ONNX "
            "file takes its places with --layout synthesis"
        )
        raise ConfigError(msg)


def take_apart(checkpoint: Checkpoint, path: Path) -> Any:
    """Hand a checkpoint to its family, for what a bundle holds of it.

    Raises:
        CheckpointError: It describes no model.
    """
    own = resolve_name(family_named(checkpoint.settings.family).export)
    try:
        return own(checkpoint)
    except (ConfigError, DTypeError, InputError, ShapeError) as exc:
        msg = f"checkpoint: {str(path)!r} must describe a model, but {exc}"
        raise CheckpointError(msg) from exc


def make_manifest(
    checkpoint: Checkpoint,
    *,
    steps: tuple[AnyStep, ...],
    output: str,
    min_canvas_px: int,
    levels: tuple[tuple[int, int], ...],
    entries: tuple[Entry, ...],
    made_by: Mapping[str, str],
    layouts: Mapping[str, str] | None = None,
) -> BundleManifest:
    """Make the header of a bundle.

    Args:
        checkpoint: What it is made of.
        steps: As in the manifest, here and below.
        output: Name of the final tensor.
        min_canvas_px: Least side of a canvas.
        levels: Further grids.
        entries: Stages that start from an image.
        made_by: Versions of the packages that took part in the export, by name.
        layouts: Other final tensors.
    """
    settings = checkpoint.settings
    height, width = checkpoint.photo.shape[:2]
    return BundleManifest(
        family=settings.family,
        preset=settings.preset,
        factor=settings.image.factor,
        image_size_px=(height, width),
        min_canvas_px=min_canvas_px,
        steps=steps,
        output=output,
        levels=levels,
        entries=entries,
        layouts=dict(layouts or {}),
        provenance={
            **checkpoint.provenance,
            "checkpoint_steps": checkpoint.steps_done,
            "exported_by": {"petsgan_sdk": petsgan_sdk.__version__, **made_by},
        },
        config=to_dict(settings),
    )


def write_bundle(
    path: Path,
    manifest: BundleManifest,
    *,
    graphs: Mapping[str, bytes],
    arrays: Mapping[str, Array],
    preview: Array | None,
    overwrite: bool = False,
) -> int:
    """Write a bundle atomically and return its size in bytes.

    Args:
        path: The file.
        manifest: The header.
        graphs: Serialised ONNX models by member name.
        arrays: Constants by member name.
        preview: `[H, W, 3]` uint8, one sample; None leaves it out, for a bundle that is yet to make
            it.
        overwrite: Replace an existing file.

    Raises:
        OutputError: The file exists, or cannot be written.
    """
    members = {**graphs, **{name: pack_array(array) for name, array in arrays.items()}}
    if preview is not None:
        members[PREVIEW] = encode_image(preview, format="png")
    return write_container(
        path,
        format=FORMAT,
        format_version=FORMAT_VERSION,
        header=to_header(manifest),
        members=members,
        overwrite=overwrite,
    )

"""From a checkpoint to one ONNX file, compared with the other forms before it is written."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from petsgan_sdk.errors import BackendUnavailableError, ConfigError, ExportError
from petsgan_sdk.export.bundle import draft_bundle, other_sizes_px
from petsgan_sdk.export.onnx_file.check import FileChecker, FileParity
from petsgan_sdk.export.onnx_file.compose import Composed, compose
from petsgan_sdk.export.onnx_file.composition import Form, Precision
from petsgan_sdk.export.onnx_file.metadata import describe
from petsgan_sdk.files import atomic_write, check_distinct, check_writable
from petsgan_sdk.manifest import BundleManifest
from petsgan_sdk.models.ambient import plain_torch
from petsgan_sdk.runtime.bundle import Bundle, open_bundle
from petsgan_sdk.runtime.drawing import Drawing, check_drawing
from petsgan_sdk.runtime.entries import check_makes_images
from petsgan_sdk.runtime.flow import layout_path
from petsgan_sdk.runtime.rendering.pipeline import build_pipeline
from petsgan_sdk.stations.export import export_bundle

__all__ = ["OnnxExport", "export_onnx"]

_MAX_BYTES = (1 << 31) - 1
"""Of one protobuf message."""

_BATCH = 2


@dataclass(frozen=True, slots=True)
class OnnxExport:
    """What an export left."""

    path: Path
    """The file."""
    size_bytes: int
    """Its size."""
    form: Form
    """What patch transfer is in it; the standard form where there is none."""
    precision: Precision
    """Of the networks behind patch transfer; without one, of all."""
    properties: dict[str, str]
    """What the file says of itself."""
    checks: tuple[FileParity, ...]
    """How far this form is from our runtime, for each size; empty if it was not verified."""


@plain_torch()
def export_onnx(
    checkpoint_path: Path,
    onnx_path: Path,
    *,
    form: Form = Form.standard,
    precision: Precision = Precision.fp32,
    layout: Literal["network", "synthesis"] = "network",
    verify: bool = True,
    overwrite: bool = False,
    note: Callable[[str], None] = lambda _: None,
) -> OnnxExport:
    """Write a checkpoint as one ONNX graph: noise in, image out; or places of the photo in.

    The bundle is compared with torch, and this form, the other form and, for half precision, the
    float32 form are compared with the bundle, step by step, in batches of two and at two sizes
    other than that of the training image. A model without patch transfer has one form.

    Args:
        checkpoint_path: A model from `petsgan_sdk.training.train`, finished or not.
        onnx_path: The file to write.
        form: Standard operators alone, or with the custom op.
        precision: fp16 halves the networks behind patch transfer, or all where there is none;
            inputs and outputs stay float32.
        layout: Which of a bundle's two ways the file is. That of `synthesis` takes places, which
            `Sampler.places` draws; in a pyramid the last stage's network is behind them.
        verify: Compare before writing.
        overwrite: Replace an existing file.
        note: Told what a person should know.

    Raises:
        CheckpointError: The checkpoint is damaged or of another version.
        OutputError: The file exists, or cannot be written.
        ExportError: A network could not be exported, or the file would be larger than 2 GB.
        ParityError: Two forms differ; nothing was written.
        BackendUnavailableError: A package, or the library of the custom op, is missing.
        BundleError: The model only starts from images, or has no fit of its photo.
        ConfigError: The way has no networks, or none that could be halved.
    """
    check_distinct(onnx_path, checkpoint_path)
    check_writable(onnx_path, overwrite=overwrite)
    draft = None
    with tempfile.TemporaryDirectory(prefix="petsgan-export-") as folder:
        trial = Path(folder) / "draft.petsgan"
        if layout == "synthesis":
            export_bundle(checkpoint_path, trial, verify=False, note=note)
            bundle = _synthesis_alone(open_bundle(trial), precision)
        else:
            draft = draft_bundle(checkpoint_path, note).network_alone()
            check_makes_images(draft.manifest)
            draft.write(trial)
            bundle = open_bundle(trial)
    checker = None
    if verify:
        pipeline = build_pipeline(bundle, provider="cpu", threads=1)
        if draft is not None:
            draft.verify(bundle, pipeline, note)
        checker = FileChecker(bundle, pipeline, batch=_BATCH)
    if form is Form.custom and not _has_transfer(bundle.manifest):
        note("the model has no patch transfer: its file holds standard operators alone")
        form = Form.standard
    properties = describe(bundle.manifest, form, precision, checkpoint=_digest(checkpoint_path))
    composed = compose(bundle, form, precision, properties=properties)
    data = _serialize(composed)
    checks: tuple[FileParity, ...] = ()
    if checker is not None:
        checks = _verify(checker, bundle, composed, precision, note)
    atomic_write(onnx_path, data, overwrite=overwrite)
    return OnnxExport(onnx_path, len(data), form, precision, properties, checks)


def _synthesis_alone(bundle: Bundle, precision: Precision) -> Bundle:
    """The same bundle without the way by its network."""
    manifest = bundle.manifest
    check_drawing(manifest, manifest.image_size_px, Drawing(layout="synthesis"))
    way = layout_path(manifest, "synthesis")
    if precision is not Precision.fp32 and not any(step.graph_members for step in way.steps):
        msg = f"precision must be fp32 with layout synthesis, got {precision.value}: it has no "
        msg += "network that could be halved"
        raise ConfigError(msg)
    return replace(bundle, manifest=way)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _has_transfer(manifest: BundleManifest) -> bool:
    return any(step.decides for step in manifest.steps)


def _serialize(composed: Composed) -> bytes:
    size = composed.model.ByteSize()
    if size > _MAX_BYTES:
        msg = (
            f"export: an ONNX file must be at most {_MAX_BYTES} bytes to be one file, got {size}; "
            "hint: --format bundle holds each network by itself"
        )
        raise ExportError(msg)
    return composed.model.SerializeToString(deterministic=True)  # type: ignore[no-any-return]


def _verify(
    checker: FileChecker,
    bundle: Bundle,
    composed: Composed,
    precision: Precision,
    note: Callable[[str], None],
) -> tuple[FileParity, ...]:
    """Compare this form, and the forms that it stands beside, with our runtime."""
    form, sizes = composed.form, other_sizes_px(bundle.manifest)
    if precision is Precision.fp16:
        _report(form, Precision.fp32, checker.check(compose(bundle, form), sizes), note)
    checks = checker.check(composed, sizes)
    _report(form, precision, checks, note)
    if not _has_transfer(bundle.manifest):
        return checks
    other = Form.standard if form is Form.custom else Form.custom
    try:
        _report(other, Precision.fp32, checker.check(compose(bundle, other), sizes), note)
    except BackendUnavailableError as exc:
        # Only the op's library can be missing here: this form has just run.
        note(f"not compared with {other.value}: {exc}")
    return checks


def _report(
    form: Form,
    precision: Precision,
    checks: tuple[FileParity, ...],
    note: Callable[[str], None],
) -> None:
    for found in checks:
        height, width = found.size_px
        half = ""
        if found.half_psnr_db is not None:
            half = f", networks in half precision at least {found.half_psnr_db:.1f} dB"
        note(
            f"{form.value} {precision.value} at {width}x{height}, batch {found.batch}: steps "
            f"within {found.max_step_diff:.2g} of the runtime{half}, {found.flipped_ties} ties "
            f"flipped, image within {found.max_abs_diff:.2g}, {found.psnr_db:.1f} dB"
        )

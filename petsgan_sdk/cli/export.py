"""`petsgan-sdk export`: a checkpoint to a bundle or to one ONNX file."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from petsgan_sdk._extras import import_extra
from petsgan_sdk.cli._options import Precision, note, print_json, print_line
from petsgan_sdk.errors import ConfigError
from petsgan_sdk.files.endings import check_ending

__all__ = ["export_command"]


class ExportFormat(StrEnum):
    """What a checkpoint is turned into."""

    bundle = "bundle"
    onnx = "onnx"
    onnx_custom = "onnx-custom"
    tensorrt = "tensorrt"


class ExportLayout(StrEnum):
    """Which way to its layouts a file is."""

    network = "network"
    synthesis = "synthesis"


_SUFFIXES = {
    ExportFormat.bundle: ".petsgan",
    ExportFormat.onnx: ".onnx",
    ExportFormat.onnx_custom: ".custom.onnx",
    ExportFormat.tensorrt: ".tensorrt",
}

_HINTS = {
    **{
        _SUFFIXES[kind].lstrip("."): f"--format {kind.value} writes this"
        for kind in (ExportFormat.bundle, ExportFormat.onnx)
    },
    **dict.fromkeys(
        ("tensorrt", "trt", "engine", "plan"),
        "--format tensorrt writes a folder, of which petsgan-sdk build makes engines",
    ),
}
"""What to ask for instead, by the ending of the output."""


def export_command(
    checkpoint: Annotated[Path, typer.Argument(metavar="MODEL.pt", help="A checkpoint.")],
    *,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE", help="[default: beside MODEL.pt]"),
    ] = None,
    form: Annotated[
        ExportFormat,
        typer.Option(
            "--format",
            help="bundle for petsgan-sdk; onnx for any ONNX Runtime, with standard operators "
            "only; onnx-custom with our patch transfer op; tensorrt for a folder of graphs.",
        ),
    ] = ExportFormat.bundle,
    precision: Annotated[
        Precision,
        typer.Option(
            help="Of the networks behind patch transfer, else of all; in an ONNX file or folder."
        ),
    ] = Precision.fp32,
    layout: Annotated[
        ExportLayout,
        typer.Option(
            help="Of an ONNX file: synthesis takes places of the photo in place of noise, which "
            "Sampler.places draws."
        ),
    ] = ExportLayout.network,
    verify: Annotated[
        bool, typer.Option("--verify/--no-verify", help="Compare with PyTorch and other forms.")
    ] = True,
    force: Annotated[bool, typer.Option("--force", help="Overwrite an existing file.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Turn a checkpoint into one file that runs without PyTorch."""
    from petsgan_sdk.files import check_distinct, check_writable  # noqa: PLC0415 - costs at import

    if form is ExportFormat.bundle and precision is not Precision.fp32:
        msg = f"--precision must be fp32 for a bundle, got {precision.value}; hint: --format onnx"
        raise ConfigError(msg)
    is_file = form in (ExportFormat.onnx, ExportFormat.onnx_custom)
    if layout is not ExportLayout.network and not is_file:
        msg = (
            f"--layout must be network with --format {form.value}, got {layout.value}; hint: a "
            "bundle has both, and --format onnx writes either"
        )
        raise ConfigError(msg)
    of_places = layout is ExportLayout.synthesis
    suffix = ".places.onnx" if of_places else _SUFFIXES[form]
    path = checkpoint.with_suffix(suffix) if output is None else output
    ending = _SUFFIXES[form].rpartition(".")[2]
    expected = f"an output that ends in .{ending} with --format {form.value}"
    check_ending(path, (ending,), expected=expected, hints=_HINTS)
    check_distinct(path, checkpoint)
    if form is not ExportFormat.tensorrt:
        check_writable(path, overwrite=force)
    if form is not ExportFormat.bundle and not of_places:
        _require_networks(checkpoint)
    settings: dict[str, Any] = {"verify": verify, "overwrite": force, "note": note}
    if form is ExportFormat.bundle:
        report, line = _to_bundle(checkpoint, path, settings)
    elif form is ExportFormat.tensorrt:
        report, line = _to_tensorrt(checkpoint, path, precision, settings)
    else:
        settings |= {"layout": layout.value}
        report, line = _to_onnx(checkpoint, path, form, precision, settings)
    if as_json:
        print_json(report)
    else:
        print_line(line)


def _require_networks(checkpoint: Path) -> None:
    """Say so before a package is asked for that would not help."""
    from petsgan_sdk.checkpoint import load_checkpoint  # noqa: PLC0415 - heavy
    from petsgan_sdk.stations.export import require_networks  # noqa: PLC0415 - heavy

    require_networks(load_checkpoint(checkpoint))


def _to_bundle(
    checkpoint: Path, path: Path, settings: dict[str, Any]
) -> tuple[dict[str, Any], str]:
    from petsgan_sdk.export import export_bundle  # noqa: PLC0415 - heavy

    result = export_bundle(checkpoint, path, **settings)
    difference = result.max_abs_diff
    checked = "not verified" if difference is None else f"largest difference {difference:.2g}"
    report = {
        "bundle": str(result.bundle),
        "bytes": result.size_bytes,
        "max_abs_diff": difference,
    }
    return report, f"{result.bundle} ({result.size_bytes / 1e6:.2f} MB, {checked})"


def _to_onnx(
    checkpoint: Path,
    path: Path,
    form: ExportFormat,
    precision: Precision,
    settings: dict[str, Any],
) -> tuple[dict[str, Any], str]:
    exporting = import_extra("petsgan_sdk.export.onnx_file", extra="export", task="exporting")
    result = exporting.export_onnx(
        checkpoint,
        path,
        form=exporting.Form(form.value),
        precision=exporting.Precision(precision.value),
        **settings,
    )
    checks = [
        {
            "height": found.size_px[0],
            "width": found.size_px[1],
            "batch": found.batch,
            "max_step_diff": found.max_step_diff,
            "flipped_ties": found.flipped_ties,
            "max_abs_diff": found.max_abs_diff,
            "psnr_db": found.psnr_db,
            "half_psnr_db": found.half_psnr_db,
        }
        for found in result.checks
    ]
    report = {
        "onnx": str(result.path),
        "bytes": result.size_bytes,
        "format": result.form.value,
        "precision": precision.value,
        "metadata": result.properties,
        "checks": checks,
    }
    decibels = min((check["psnr_db"] for check in checks), default=None)
    checked = "not verified" if decibels is None else f"at least {decibels:.1f} dB from the runtime"
    return report, f"{result.path} ({result.size_bytes / 1e6:.2f} MB, {checked})"


def _to_tensorrt(
    checkpoint: Path, path: Path, precision: Precision, settings: dict[str, Any]
) -> tuple[dict[str, Any], str]:
    exporting = import_extra("petsgan_sdk.export.tensorrt_folder", extra="export", task="exporting")
    half = precision is Precision.fp16
    result = exporting.export_tensorrt(checkpoint, path, half=half, **settings)
    report = {
        "folder": str(result.folder),
        "graphs": list(result.graphs),
        "precision": result.precision,
        "psnr_db": result.psnr_db,
        "built_by": result.parser,
    }
    checked = f"built by {result.parser}" if result.parser else "not given to TensorRT"
    bundle = result.folder / exporting.BUNDLE
    line = f"{result.folder} ({len(result.graphs)} graphs, {result.precision}, {checked})"
    return report, f"{line}; next, where it runs: petsgan-sdk build {bundle}"

"""`petsgan-sdk export`: a checkpoint to a bundle."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from petsgan_sdk.cli._options import import_extra, note, print_json, print_line

__all__ = ["export_command"]


def export_command(
    checkpoint: Annotated[Path, typer.Argument(metavar="MODEL.pt", help="A checkpoint.")],
    *,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="MODEL.petsgan", help="[default: beside MODEL.pt]"),
    ] = None,
    verify: Annotated[
        bool, typer.Option("--verify/--no-verify", help="Compare the bundle with PyTorch.")
    ] = True,
    force: Annotated[bool, typer.Option("--force", help="Overwrite an existing bundle.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Turn a checkpoint into one .petsgan file that runs without PyTorch."""
    from petsgan_sdk.files import check_distinct, check_writable  # noqa: PLC0415 - costs at import

    bundle = checkpoint.with_suffix(".petsgan") if output is None else output
    check_distinct(bundle, checkpoint)
    check_writable(bundle, overwrite=force)
    exporting = import_extra("petsgan_sdk.export", extra="export", task="exporting")
    result = exporting.export_bundle(checkpoint, bundle, verify=verify, overwrite=force, note=note)
    if as_json:
        print_json(
            {
                "bundle": str(result.bundle),
                "bytes": result.size_bytes,
                "max_abs_diff": result.max_abs_diff,
            }
        )
        return
    difference = result.max_abs_diff
    checked = "not verified" if difference is None else f"largest difference {difference:.2g}"
    print_line(f"{result.bundle} ({result.size_bytes / 1e6:.2f} MB, {checked})")

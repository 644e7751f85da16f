"""`petsgan-sdk info`: what a file is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from petsgan_sdk.cli._options import print_json, print_line

__all__ = ["info_command"]


def info_command(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A checkpoint or a bundle.")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Check every byte of a checkpoint or a bundle and describe it."""
    from petsgan_sdk.runtime.describe import describe_file  # noqa: PLC0415 - heavy

    description = describe_file(file)
    if as_json:
        print_json(description)
        return
    for key, value in description.items():
        if isinstance(value, dict) and value:
            print_line(f"{key}:")
            for inner, inner_value in value.items():
                print_line(f"  {inner}: {_plain(inner_value)}")
        elif key == "steps" and isinstance(value, list):
            print_line(f"{key}: " + " > ".join(str(step["kind"]) for step in value))
        else:
            print_line(f"{key}: {_plain(value)}")


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

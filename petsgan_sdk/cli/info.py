"""`petsgan-sdk info`: what a file is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from petsgan_sdk._text import printable
from petsgan_sdk.cli._options import print_json, print_line

__all__ = ["info_command"]

_MAX_CHARS = 2000
"""Of a value on its line; a manifest may hold megabytes."""


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
            print_line(f"{_shown(key)}:")
            for inner, inner_value in value.items():
                print_line(f"  {_shown(inner)}: {_shown(inner_value)}")
        elif key == "steps" and description["kind"] == "bundle":
            print_line(f"{key}: " + " > ".join(step["kind"] for step in value))
        else:
            print_line(f"{_shown(key)}: {_shown(value)}")


def _shown(value: object) -> str:
    """What a file says, on one line of bounded length that does nothing to the terminal."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if len(text) > _MAX_CHARS:
        text = f"{text[:_MAX_CHARS]}... ({len(text)} characters; --json prints all)"
    return printable(text)

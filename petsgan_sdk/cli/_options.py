"""Types and helpers that several commands share. Imports nothing heavy."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from petsgan_sdk.cli._streams import write_beside, write_result
from petsgan_sdk.errors import ConfigError

if TYPE_CHECKING:
    from petsgan_sdk.runtime.options import ProviderOptions

__all__ = [
    "Pairs",
    "Precision",
    "Provider",
    "make_options",
    "note",
    "parse_size",
    "print_json",
    "print_line",
    "show_warnings",
]

_SIZE = re.compile(r"([0-9]{1,12})[xX]([0-9]{1,12})")


class Provider(StrEnum):
    """Where the graphs of a bundle run."""

    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"
    tensorrt = "tensorrt"


class Precision(StrEnum):
    """What the networks behind the last patch transfer, or all without one, compute in."""

    fp32 = "fp32"
    fp16 = "fp16"


Pairs = Annotated[
    list[str] | None,
    typer.Option(
        "--provider-option",
        metavar="KEY=VALUE",
        help="cuda: gpu_mem_limit=BYTES, "
        "arena_extend_strategy=next_power_of_two|same_as_requested.",
    ),
]
"""Options of a provider, as `make_options` reads them."""


def make_options(
    provider: Provider | None,
    *,
    precision: Precision,
    pairs: Sequence[str] | None,
    build: bool = False,
) -> ProviderOptions:
    """Read the options of a provider, and refuse those of another one than was named.

    Args:
        provider: As on the command line; None where it was not named.
        precision: `--precision`.
        pairs: `--provider-option`, each `key=value`.
        build: `--build`.

    Raises:
        ConfigError: An option is unknown, malformed, or of another provider.
    """
    from petsgan_sdk.runtime.options import ProviderOptions  # noqa: PLC0415 - only for a run

    def require(needed: Provider, name: str) -> None:
        if provider is not needed:
            found = "none" if provider is None else provider.value
            msg = f"{name} needs --provider {needed.value}, got {found}"
            raise ConfigError(msg)

    if precision is not Precision.fp32:
        require(Provider.tensorrt, f"--precision {precision.value}")
    if build:
        require(Provider.tensorrt, "--build")
    settings: dict[str, Any] = {}
    for pair in pairs or ():
        key, _, value = pair.partition("=")
        if key == "gpu_mem_limit" and value.isdecimal():
            settings[key] = int(value)
        elif key == "arena_extend_strategy" and value:
            settings[key] = value
        else:
            msg = (
                "--provider-option must be gpu_mem_limit=BYTES or arena_extend_strategy=NAME, got "
                f"{pair!r}"
            )
            raise ConfigError(msg)
        require(Provider.cuda, f"--provider-option {key}")
    return ProviderOptions(precision=precision.value, build=build, **settings)


def parse_size(text: str) -> tuple[int, int]:
    """Read `WIDTHxHEIGHT`.

    Returns:
        `(width, height)` in pixels, not yet checked against limits.

    Raises:
        ConfigError: The text has another form.
    """
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        msg = f"--size must be WIDTHxHEIGHT in pixels such as 640x480, got {text!r}"
        raise ConfigError(msg)
    return int(match[1]), int(match[2])


def print_json(result: Mapping[str, Any]) -> None:
    """Print one JSON object to stdout."""
    # Plain ASCII: a path may hold what the terminal cannot show. Bytes of a name that are no text
    # stay the escapes that Python has for them, so that the path can be opened.
    write_result(json.dumps(result, allow_nan=False) + "\n")


def print_line(line: str) -> None:
    """Print one line of the result to stdout."""
    write_result(line + "\n")


def note(line: str) -> None:
    """Print one line that is not a result to stderr."""
    write_beside(line + "\n")


def show_warnings() -> None:
    """Print what the SDK logs as a warning, such as a fallback to another provider, to stderr."""
    import logging  # noqa: PLC0415 - `--help` does not need it

    class Notes(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            note(f"note: {record.getMessage()}")

    logger = logging.getLogger("petsgan_sdk")
    if not any(handler.name == "cli" for handler in logger.handlers):
        notes = Notes(logging.WARNING)
        notes.name = "cli"
        logger.addHandler(notes)

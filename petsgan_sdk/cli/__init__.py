"""The command line. Neither importing it nor `--help` imports numpy or anything that computes."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

import petsgan_sdk
from petsgan_sdk.cli._group import ErrorGroup
from petsgan_sdk.cli._options import print_line, show_warnings
from petsgan_sdk.cli._signals import raise_on_sigterm, say_why
from petsgan_sdk.cli._streams import standard_streams, write_beside
from petsgan_sdk.cli._threads import keep_to_quota
from petsgan_sdk.cli.bench import bench_command
from petsgan_sdk.cli.build import build_command
from petsgan_sdk.cli.cache import cache_app
from petsgan_sdk.cli.doctor import doctor_command
from petsgan_sdk.cli.evaluate import evaluate_command
from petsgan_sdk.cli.export import export_command
from petsgan_sdk.cli.generate import generate_command
from petsgan_sdk.cli.info import info_command
from petsgan_sdk.cli.make import make_command
from petsgan_sdk.cli.tasks import (
    edit_command,
    harmonize_command,
    paint_command,
    stylize_command,
)
from petsgan_sdk.cli.train import TrainCommand, train_command

__all__ = ["app", "main"]

app = typer.Typer(
    name="petsgan-sdk",
    cls=ErrorGroup,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    no_args_is_help=True,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        print_line(f"petsgan-sdk {petsgan_sdk.__version__}")
        raise typer.Exit


@app.callback()
def root(
    *,
    version: Annotated[  # noqa: ARG001 - its callback prints it
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
    debug: Annotated[  # noqa: ARG001 - read by ErrorGroup
        bool, typer.Option("--debug", help="Print the traceback of an error.")
    ] = False,
) -> None:
    """Learn a generator from one image, then make any number of images of any size from it."""
    show_warnings()


app.command("make")(make_command)
app.command("train", cls=TrainCommand)(train_command)
app.command("export")(export_command)
app.command("build")(build_command)
app.command("generate")(generate_command)
app.command("paint")(paint_command)
app.command("edit")(edit_command)
app.command("harmonize")(harmonize_command)
app.command("stylize")(stylize_command)
app.command("evaluate")(evaluate_command)
app.command("bench")(bench_command)
app.command("info")(info_command)
app.command("doctor")(doctor_command)
app.add_typer(cache_app, name="cache")


def main() -> None:
    """Entry point of the `petsgan-sdk` program."""
    with standard_streams():
        try:
            raise_on_sigterm()
            keep_to_quota()
            app(prog_name="petsgan-sdk")
        except KeyboardInterrupt as exc:
            reason, code = say_why(exc)
            write_beside(f"error: {reason}\n")
            sys.exit(code)

"""Errors of every command become one line on stderr and an exit code. Imports nothing heavy."""

from __future__ import annotations

import sys
import traceback
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperGroup

from petsgan_sdk.errors import PetsganError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ErrorGroup"]

_INTERRUPTED = 130


class ErrorGroup(TyperGroup):
    """The root command: runs a subcommand and maps what it raises to an exit code.

    0 ok, 1 unexpected (traceback with `--debug`), 2 bad input or usage, 3 a part is not there,
    4 a numeric check failed, 130 Ctrl-C.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Accept `--debug` anywhere before `--`, so that it can be added to the end of a line."""
        end = args.index("--") if "--" in args else len(args)
        if "--debug" in args[:end]:
            kept = [word for word in args[:end] if word != "--debug"]
            args = ["--debug", *kept, *args[end:]]
        return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """Run the command, then map its errors."""
        return _mapped(lambda: super(ErrorGroup, self).invoke(ctx), debug=ctx.params.get("debug"))


def _mapped(command: Callable[[], Any], *, debug: bool | None) -> Any:
    try:
        return command()
    except KeyboardInterrupt as exc:
        _say("interrupted", debug=False)
        raise typer.Exit(_INTERRUPTED) from exc
    except PetsganError as exc:
        _say(_one_line(str(exc)), debug=debug)
        raise typer.Exit(exc.exit_code) from exc
    except (BrokenPipeError, EOFError):
        raise
    except Exception as exc:
        if _is_typers_own(exc):
            raise
        _say(f"unexpected {type(exc).__name__}: {_one_line(str(exc))}", debug=debug)
        if not debug:
            sys.stderr.write("hint: run the same command with --debug for the traceback\n")
        raise typer.Exit(1) from exc


def _is_typers_own(exc: Exception) -> bool:
    """Usage errors, exits and aborts: Typer prints these itself, with exit code 2 for usage."""
    return isinstance(exc, typer.Exit | typer.Abort) or hasattr(exc, "show")


def _say(line: str, *, debug: bool | None) -> None:
    sys.stderr.write(f"error: {line}\n")
    if debug:
        traceback.print_exc()


def _one_line(text: str) -> str:
    return " ".join(text.split()) or "no message"

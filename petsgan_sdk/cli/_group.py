"""Errors of every command become one line on stderr and an exit code. Imports nothing heavy."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, Any, NoReturn

import typer
from typer.core import TyperGroup

from petsgan_sdk._text import printable
from petsgan_sdk.cli._signals import say_why
from petsgan_sdk.cli._streams import StdoutError, write_beside
from petsgan_sdk.errors import OutputError, PetsganError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ErrorGroup"]

_BROKEN_PIPE = 141
"""Exit code where nobody reads stdout any more: 128 and the number of SIGPIPE, as in a shell."""


class ErrorGroup(TyperGroup):
    """The root command: runs a subcommand and maps what it raises to an exit code.

    0 ok, 1 unexpected (traceback with `--debug`), 2 bad input or usage, 3 a part is not there,
    4 a numeric check failed, 130 Ctrl-C, 141 nobody reads stdout any more, 143 SIGTERM.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Accept `--debug` anywhere before `--`, so that it can be added to the end of a line."""
        end = args.index("--") if "--" in args else len(args)
        if "--debug" in args[:end]:
            kept = [word for word in args[:end] if word != "--debug"]
            args = ["--debug", *kept, *args[end:]]
        if not args:
            return super().parse_args(ctx, args)  # shows the help
        return _mapped(lambda: super(ErrorGroup, self).parse_args(ctx, args), debug=False)  # type: ignore[no-any-return]

    def invoke(self, ctx: Any) -> Any:
        """Run the command, then map its errors."""
        return _mapped(lambda: super(ErrorGroup, self).invoke(ctx), debug=ctx.params.get("debug"))


def _mapped(command: Callable[[], Any], *, debug: bool | None) -> Any:
    try:
        return command()
    except KeyboardInterrupt as exc:
        reason, code = say_why(exc)
        _say(reason, debug=False)
        raise typer.Exit(code) from exc
    except PetsganError as exc:
        _say(_one_line(str(exc)), debug=debug)
        raise typer.Exit(exc.exit_code) from exc
    except (EOFError, typer.Exit, typer.Abort):
        raise
    except StdoutError as exc:
        _give_up(exc.__cause__)
    except Exception as exc:
        if hasattr(exc, "format_message"):
            _refuse_usage(exc)
        _say(f"unexpected {type(exc).__name__}: {_one_line(str(exc))}", debug=debug)
        if not debug:
            write_beside("hint: run the same command with --debug for the traceback\n")
        raise typer.Exit(1) from exc


def _refuse_usage(exc: Any) -> NoReturn:
    """Say in one line what Typer would say in four."""
    context = getattr(exc, "ctx", None)
    hint = f"; hint: {context.command_path} --help" if context is not None else ""
    _say(_one_line(exc.format_message()).rstrip(".") + hint, debug=False)
    raise typer.Exit(exc.exit_code) from exc


def _give_up(lost: BaseException | None) -> NoReturn:
    """End, since the results cannot be said; without a word where the reader had enough."""
    if isinstance(lost, BrokenPipeError):
        raise typer.Exit(_BROKEN_PIPE) from lost
    reason = (getattr(lost, "strerror", None) or str(lost)).lower()
    _say(f"stdout must be writable, got {reason!r}; hint: send it elsewhere", debug=False)
    raise typer.Exit(OutputError.exit_code) from lost


def _say(line: str, *, debug: bool | None) -> None:
    write_beside(f"error: {line}\n")
    if debug:
        write_beside(traceback.format_exc())


def _one_line(text: str) -> str:
    """What a message may hold of a file is shown, and steers no terminal."""
    return printable(" ".join(text.split())) or "no message"

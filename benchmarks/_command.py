"""What the command lines of the benchmarks share: options, errors as one line, JSON or a table."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from typing import Any

from _harness import BenchmarkError

from petsgan_sdk.errors import PetsganError

__all__ = ["parse_size", "parser", "run_command"]


def parser(doc: str | None, *, quick: str) -> argparse.ArgumentParser:
    """A parser with `--quick` and `--json`.

    Args:
        doc: Of the script; its first paragraph describes it.
        quick: What `--quick` leaves out.
    """
    made = argparse.ArgumentParser(description=(doc or "").split("\n\n", maxsplit=1)[0])
    made.add_argument("--quick", action="store_true", help=quick)
    made.add_argument("--json", action="store_true", help="one object on stdout")
    return made


def parse_size(text: str) -> tuple[int, int]:
    """Two numbers with an x between them, in that order; for argparse's `type`."""
    first, _, second = text.lower().partition("x")
    if not (first.isdecimal() and second.isdecimal()):
        msg = f"must be two numbers of pixels such as 640x480, got {text!r}"
        raise argparse.ArgumentTypeError(msg)
    return int(first), int(second)


def run_command(
    run: Callable[[], dict[str, Any] | None],
    show: Callable[[dict[str, Any]], None],
    *,
    as_json: bool,
) -> int:
    """Run a benchmark and print what it returns.

    Args:
        run: Returns JSON types; None where there is nothing to print, as in a worker.
        show: Prints the result for people.
        as_json: Print one JSON object instead.

    Returns:
        The exit code.
    """
    try:
        result = run()
    except (BenchmarkError, PetsganError) as exc:
        print(f"error: {exc}", file=sys.stderr)
        return exc.exit_code
    except KeyboardInterrupt:
        return 130
    if result is None:
        return 0
    if as_json:
        print(json.dumps(result, allow_nan=False))
    else:
        show(result)
    return 0

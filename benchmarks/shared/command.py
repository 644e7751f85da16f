"""What the command lines of the benchmarks share: options, errors as one line, JSON or tables."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from petsgan_sdk.diagnosis.host import load_average
from petsgan_sdk.errors import PetsganError
from shared.harness import BenchmarkError

__all__ = [
    "note",
    "parse_size",
    "parser",
    "print_facts",
    "print_table",
    "run_command",
]


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
    output: Path | None = None,
) -> int:
    """Run a benchmark and print what it returns, with the load of the host after the run.

    Args:
        run: Returns JSON types; None where there is nothing to print, as in a worker.
        show: Prints the result for people.
        as_json: Print one JSON object instead.
        output: A file that gets the object as well.

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
    if "host" in result:
        result["host"]["load_average"]["after"] = load_average()
    if any(row.get("contended") for row in result.get("rows", ())):
        note("note: other programs took cores that rows marked contended needed: do not quote them")
    if output is not None:
        output.write_text(json.dumps(result, allow_nan=False) + "\n", encoding="utf-8")
    if as_json:
        print(json.dumps(result, allow_nan=False))
    else:
        show(result)
    return 0


def print_table(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str]) -> None:
    """Print rows to stdout.

    Args:
        rows: Values by key; a missing one is shown as `-`.
        columns: Format specification by key, such as `.1f`; the key heads its column. `size` is
            made of `width` and `height`.
    """
    table = [list(columns)]
    for row in rows:
        shown = {"size": f"{row['width']}x{row['height']}", **row} if "size" in columns else row
        values = ((shown.get(key), spec) for key, spec in columns.items())
        table.append(["-" if value is None else format(value, spec) for value, spec in values])
    widths = [max(len(line[i]) for line in table) for i in range(len(columns))]
    for line in table:
        cells = [cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True)]
        print("  ".join([line[0].ljust(widths[0]), *cells]))


def print_facts(title: str, facts: Mapping[str, Any]) -> None:
    """Print one line to stdout."""
    print(f"{title}: " + ", ".join(f"{key} {value}" for key, value in facts.items()))


def note(text: str) -> None:
    """Print one line that is no result to stderr."""
    print(text, file=sys.stderr, flush=True)

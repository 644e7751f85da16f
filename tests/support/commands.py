"""The command line in tests: run it, check how it refuses, give it a disk that is too small."""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner, Result

import petsgan_sdk
from petsgan_sdk.cli import app

runner = CliRunner()
ROOT = Path(petsgan_sdk.__file__).resolve().parent.parent


def generate(*words: object) -> Result:
    return runner.invoke(app, ["generate", *map(str, words)])


def refused(result: Result, code: int = 2) -> str:
    """Check that a run ended with one line on stderr and nothing on stdout."""
    assert result.exit_code == code, result.output
    assert result.stdout == ""
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1, result.stderr
    return result.stderr


LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv.pop(1)),) * 2)
sys.path.insert(0, sys.argv.pop(1))
from petsgan_sdk.cli import main
main()
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import petsgan_sdk

HEAVY = ("torch", "numpy", "onnxruntime", "onnx", "rich", "pydantic", "PIL", "petsgan_sdk._core")
ROOT = Path(petsgan_sdk.__file__).resolve().parent.parent

SCRIPT = """
import sys
sys.path.insert(0, sys.argv.pop(1))
sys.argv[0] = "petsgan-sdk"
from petsgan_sdk.cli import main
try:
    main()
except SystemExit as exit:
    sys.stderr.write(f"exit {exit.code}\\n")
for name in %r:
    if name in sys.modules:
        sys.stderr.write(f"imported {name}\\n")
"""


def run(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    # From another folder: nothing may be found because the tests run in the repository.
    command = [sys.executable, "-I", "-c", SCRIPT % (HEAVY,), str(ROOT), *words]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=60, cwd=folder, check=False
    )


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        [],
        ["--version"],
        ["generate", "--help"],
        ["train", "--help"],
        ["evaluate", "--help"],
    ],
)
def test_help_imports_nothing_heavy(words: list[str], tmp_path: Path) -> None:
    done = run(*words, folder=tmp_path)
    assert "imported" not in done.stderr
    assert f"exit {0 if words else 2}" in done.stderr


def test_root_help_names_every_command(tmp_path: Path) -> None:
    shown = run("--help", folder=tmp_path).stdout
    for name in ("train", "export", "generate", "evaluate", "bench", "info", "doctor"):
        assert f"\n  {name} " in shown

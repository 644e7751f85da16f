from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.commands import ROOT

from petsgan_sdk.cli import _threads
from petsgan_sdk.cli._threads import keep_to_quota

NAMES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.setenv(name, "")  # so that it is restored
        monkeypatch.delenv(name)


def set_cores(monkeypatch: pytest.MonkeyPatch, *, allowed: int, usable: int) -> None:
    monkeypatch.setattr(_threads, "allowed_cores", lambda: allowed)
    monkeypatch.setattr(_threads, "usable_cores", lambda: usable)


def test_libraries_are_told_of_a_quota(monkeypatch: pytest.MonkeyPatch) -> None:
    set_cores(monkeypatch, allowed=32, usable=1)
    keep_to_quota()
    assert [os.environ[name] for name in NAMES] == ["1", "1", "1"]


@pytest.mark.parametrize("name", NAMES)
def test_the_word_of_the_user_counts(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    set_cores(monkeypatch, allowed=32, usable=1)
    monkeypatch.setenv(name, "7")
    keep_to_quota()
    assert {key: os.environ[key] for key in NAMES if key in os.environ} == {name: "7"}


def test_nothing_changes_without_a_quota(monkeypatch: pytest.MonkeyPatch) -> None:
    set_cores(monkeypatch, allowed=32, usable=32)
    keep_to_quota()
    assert not any(name in os.environ for name in NAMES)


def test_they_are_told_before_they_are_loaded(tmp_path: Path) -> None:
    script = """
import os, sys
sys.path.insert(0, sys.argv.pop(1))
from petsgan_sdk import _quota
from petsgan_sdk.cli import _threads, main
_threads.allowed_cores, _threads.usable_cores = lambda: 32, lambda: 3
try:
    main()
finally:
    print(os.environ["OMP_NUM_THREADS"], "numpy" in sys.modules)
"""
    command = [sys.executable, "-c", script, str(ROOT), "--version"]
    environment = {k: v for k, v in os.environ.items() if k not in NAMES}
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=tmp_path, check=True, env=environment
    )
    assert done.stdout.splitlines()[-1] == "3 False"

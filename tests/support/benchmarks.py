"""The benchmarks in tests: their modules, whole runs, and what their command lines refuse."""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from support.paths import BENCHMARKS, ROOT


def load(name):
    """A module of the benchmarks, as `sampling._agreement`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        return importlib.import_module(name)


def run(name, *words, python=sys.executable):
    """A benchmark as a process of its own."""
    script = BENCHMARKS.joinpath(*name.split(".")).with_suffix(".py")
    command = [python, str(script), *map(str, words)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def run_here(name, *words):
    """A benchmark in this process: its exit code, stdout and stderr."""
    printed, said = io.StringIO(), io.StringIO()
    with (
        given(name, *words) as script,
        contextlib.redirect_stdout(printed),
        contextlib.redirect_stderr(said),
    ):
        code = script.main()
    return code, printed.getvalue(), said.getvalue()


@contextlib.contextmanager
def given(name, *words):
    """A benchmark's module that finds these words on its command line."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [name, *map(str, words)])
        yield load(name)


def report_here(name, *words, workers):
    """The object that a benchmark prints, whose workers, of that module, are in this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(load(workers), "Worker", InProcess)
        code, printed, said = run_here(name, *words, "--json")
    assert code == 0, said
    return json.loads(printed)


class InProcess:
    """A worker as the harness has them, without a process."""

    is_alive = True
    ready_s = 1.0

    def __init__(self, name, command, *, environment=None):
        del environment  # for libraries that are loaded already
        script, *words = command
        module = ".".join(Path(script).with_suffix("").relative_to(BENCHMARKS).parts)
        with given(module, *words) as found:
            self._form = found._create(found._parse())
        self.name, self.facts = name, self._form.facts()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def time(self, repeats, **request):
        return load("shared.harness")._turn(self._form, repeats, request)

    def save(self, path, **request):
        del path
        return np.asarray(self._form.sample(**request))

    def peak(self):
        return {"peak_rss_mb": 1.0, "torch": False}  # of a process that there is not


def refused(name, *words):
    """Check that a benchmark ends with one line and exit code 2; the line."""
    code, printed, said = run_here(name, *words)
    assert (code, printed) == (2, "")
    (error,) = [line for line in said.splitlines() if not line.startswith(("checking", "note: "))]
    assert error.startswith("error: ")
    return error

"""Standard streams of the real program that are closed, missing, full, broken or narrow."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from commands import ROOT

from petsgan_sdk.cli import _streams
from petsgan_sdk.cli.progress import ProgressBar

MAIN = "import sys; sys.path.insert(0, sys.argv.pop(1)); from petsgan_sdk.cli import main; main()"
# A library that prints while a file is being written: what it prints must not get into the file.
PRINTING = """
import os, sys
sys.path.insert(0, sys.argv.pop(1))
from petsgan_sdk.cli import main
from petsgan_sdk.output import image_maker
encode = image_maker.encode_image
def printing(*given, **named):
    os.write(1, b"printed "); os.write(2, b"printed ")
    return encode(*given, **named)
image_maker.encode_image = printing
main()
"""
WITHOUT = """
import sys
sys.stdin = sys.stdout = sys.stderr = None
""" + MAIN.replace("import sys; ", "")


def run(
    *words: object,
    script: str = MAIN,
    closed: tuple[int, ...] = (),
    environment: dict[str, str] | None = None,
    **streams: object,
) -> subprocess.CompletedProcess[bytes]:
    def close() -> None:
        for number in closed:
            os.close(number)

    return subprocess.run(
        [sys.executable, "-c", script, str(ROOT), *map(str, words)],
        preexec_fn=close,
        env={**os.environ, **(environment or {})},
        timeout=120,
        check=False,
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams},  # type: ignore[call-overload]
    )


def commands(bundle: Path, folder: Path) -> list[list[str]]:
    """One of every kind that works without torch."""
    return [
        ["info", str(bundle)],
        ["info", str(bundle), "--json"],
        ["generate", str(bundle), "-n", "2", "-o", str(folder / "out"), "--force"],
        ["cache", "list"],
        ["--version"],
        ["generate", "--help"],
    ]


@pytest.mark.parametrize(
    "closed", [(0,), (1,), (2,), (1, 2), (0, 1, 2)], ids=lambda numbers: "-".join(map(str, numbers))
)
def test_closed(bundle: Path, tmp_path: Path, closed: tuple[int, ...]) -> None:
    out = tmp_path / "out"
    done = run("generate", bundle, "-n", 2, "-o", out, script=PRINTING, closed=closed)
    assert done.returncode == 0, done.stderr
    assert b"Traceback" not in done.stderr
    run("generate", bundle, "-n", 2, "-o", tmp_path / "whole")
    whole = {path.name: path.read_bytes() for path in (tmp_path / "whole").iterdir()}
    assert {path.name: path.read_bytes() for path in out.iterdir()} == whole


def test_closed_and_refused(tmp_path: Path) -> None:
    assert run("info", tmp_path / "missing", closed=(1, 2)).returncode == 2


def test_none(bundle: Path, tmp_path: Path) -> None:
    for words in commands(bundle, tmp_path):
        done = run(*words, script=WITHOUT)
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert run("info", tmp_path / "missing", script=WITHOUT).returncode == 2
    assert len(list((tmp_path / "out").iterdir())) == 2


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is full")
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_stdout_is_full(bundle: Path, tmp_path: Path, unbuffered: str) -> None:
    environment = {"PYTHONUNBUFFERED": unbuffered}
    for words in commands(bundle, tmp_path):
        with Path("/dev/full").open("wb") as full:
            done = run(*words, environment=environment, stdout=full)
        assert done.returncode == 2, words
        *_, line = done.stderr.decode().splitlines()
        assert line == (
            "error: stdout must be writable, got 'no space left on device'; hint: send it elsewhere"
        )
        assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_nobody_reads_stdout(bundle: Path, tmp_path: Path, unbuffered: str) -> None:
    environment = {"PYTHONUNBUFFERED": unbuffered}
    for words in commands(bundle, tmp_path):
        reading, writing = os.pipe()
        os.close(reading)
        try:
            done = run(*words, environment=environment, stdout=writing)
        finally:
            os.close(writing)
        assert done.returncode == 141, words
        assert b"error" not in done.stderr
        assert b"Exception" not in done.stderr


def full(_: Path) -> int:
    return os.open("/dev/full", os.O_WRONLY)


def broken(_: Path) -> int:
    reading, writing = os.pipe()
    os.close(reading)
    return writing


def only_read(folder: Path) -> int:
    (folder / "read").touch()
    return os.open(folder / "read", os.O_RDONLY)


@pytest.mark.parametrize("opened", [full, broken, only_read])
def test_notes_are_dropped_where_stderr_cannot_be_written(
    bundle: Path, tmp_path: Path, opened: Callable[[Path], int]
) -> None:
    for words in commands(bundle, tmp_path)[1:3]:
        stderr = opened(tmp_path)
        try:
            done = run(*words, stderr=stderr)
        finally:
            os.close(stderr)
        assert done.returncode == 0, words
        assert done.stdout
    stderr = opened(tmp_path)
    assert run("info", tmp_path / "missing", stderr=stderr).returncode == 2
    os.close(stderr)


@pytest.mark.parametrize("encoding", ["ascii:strict", "latin-1", "cp1252"])
def test_names_that_a_stream_cannot_encode(bundle: Path, tmp_path: Path, encoding: str) -> None:
    named = tmp_path / "大きい.petsgan"
    named.write_bytes(bundle.read_bytes())
    environment = {"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    done = run("info", named, environment=environment)
    assert done.returncode == 0
    assert b"\\u5927" in done.stdout
    shown = json.loads(run("info", named, "--json", environment=environment).stdout)
    assert shown["path"] == str(named)
    done = run("info", tmp_path / "無い", environment=environment)
    assert done.returncode == 2
    assert b"\\u7121" in done.stderr


class Broken(io.StringIO):
    def write(self, _: str) -> int:
        raise OSError(28, "No space left on device")


def test_progress_on_a_stream_that_cannot_be_written() -> None:
    with ProgressBar("making", stream=Broken(), clock=iter(range(0, 900, 60)).__next__) as bar:
        bar.update(1, 2)
        bar.note("a note")
    closed = io.StringIO()
    closed.close()
    _streams.write_beside("dropped", closed)


def test_stdout_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    mine = io.StringIO()
    monkeypatch.setattr(sys, "stdout", mine)
    with _streams.standard_streams():
        assert sys.stdout is not mine
        sys.stdout.write("text\n")
    assert sys.stdout is mine
    assert mine.getvalue() == "text\n"

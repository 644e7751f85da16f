from __future__ import annotations

import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from petsgan_sdk import errors
from petsgan_sdk._extras import import_extra
from petsgan_sdk.cli import _options, app, main
from petsgan_sdk.cli._signals import TerminatedError
from petsgan_sdk.runtime import describe

runner = CliRunner()


def raising(error: BaseException):
    def fail(_: Path):
        raise error

    return fail


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (errors.ConfigError("a bad\n setting"), 2, "error: a bad setting\n"),
        (errors.BundleError("damaged"), 2, "error: damaged\n"),
        (errors.BundleError("a\x1b[31m b\x07"), 2, "error: a\\x1b[31m b\\x07\n"),
        (ValueError("\x1b]0;title"), 1, "error: unexpected ValueError: \\x1b]0;title\n"),
        (errors.BackendUnavailableError("no", hint="pip"), 3, "error: no; hint: pip\n"),
        (errors.ParityError("off by 1"), 4, "error: off by 1\n"),
        (KeyboardInterrupt(), 130, "error: interrupted\n"),
        (TerminatedError(), 143, "error: terminated\n"),
        (ZeroDivisionError("x"), 1, "error: unexpected ZeroDivisionError: x\nhint: "),
        (OSError(28, "No space"), 1, "error: unexpected OSError: [Errno 28] No space\nhint: "),
    ],
    ids=lambda value: type(value).__name__,
)
def test_exit_codes(
    monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int, line: str
) -> None:
    monkeypatch.setattr(describe, "describe_file", raising(error))
    result = runner.invoke(app, ["info", "x"])
    assert result.exit_code == code
    assert result.stderr.startswith(line)
    assert "Traceback" not in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize("words", [["--debug", "info", "x"], ["info", "x", "--debug"]])
def test_debug_prints_the_traceback(monkeypatch: pytest.MonkeyPatch, words: list[str]) -> None:
    monkeypatch.setattr(describe, "describe_file", raising(ZeroDivisionError("x")))
    result = runner.invoke(app, words)
    assert result.exit_code == 1
    assert "Traceback" in result.stderr
    assert "hint:" not in result.stderr


@pytest.mark.parametrize(
    "words",
    [
        ["nope"],
        ["--nope"],
        ["generate"],
        ["generate", "x", "--nope"],
        ["info", "a", "b"],
        ["generate", "x", "--provider", "tpu"],
        ["generate", "x", "--format", "gif"],
        ["generate", "x", "-n", "many"],
        ["generate", "x", "--seed", "1.5"],
        ["train", "a.jpg"],
    ],
    ids=" ".join,
)
def test_usage_errors(words: list[str]) -> None:
    result = runner.invoke(app, words)
    assert result.exit_code == 2
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
    assert "--help" in result.stderr
    assert result.stdout == ""


def test_version() -> None:
    result = runner.invoke(app, ["--version"])
    assert result.exit_code == 0
    assert result.stdout.startswith("petsgan-sdk ")


def test_main_is_the_program(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["petsgan-sdk", "info", "/no/such/file"])
    monkeypatch.setattr("petsgan_sdk.cli.raise_on_sigterm", lambda: None)  # not of pytest
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_missing_package_names_its_extra() -> None:
    with pytest.raises(errors.BackendUnavailableError, match=r'pip install "petsgan-sdk\[train\]"'):
        import_extra("no_such_package", extra="train", task="training")


def test_a_missing_part_of_the_sdk_is_a_bug_and_not_an_extra() -> None:
    with pytest.raises(ModuleNotFoundError):
        import_extra("petsgan_sdk.no_such_part", extra="train", task="training")


@pytest.mark.parametrize(("text", "size"), [("640x480", (640, 480)), (" 16X20 ", (16, 20))])
def test_parse_size(text: str, size: tuple[int, int]) -> None:
    assert _options.parse_size(text) == size


@pytest.mark.parametrize(
    "text", ["", "64", "64x", "x64", "-1", "-1x64", "6.4x64", "64x64x3", "²x4"]
)
def test_parse_size_refuses(text: str) -> None:
    with pytest.raises(errors.ConfigError, match="--size must be WIDTHxHEIGHT"):
        _options.parse_size(text)

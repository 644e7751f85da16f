from __future__ import annotations

import io

import pytest

from petsgan_sdk.cli.progress import ProgressBar, format_seconds


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (-5, "0s"), (59.6, "1:00"), (7, "7s"), (187, "3:07"), (3723, "1:02:03")],
)
def test_format_seconds(seconds: float, text: str) -> None:
    assert format_seconds(seconds) == text


def test_a_file_gets_a_line_now_and_then() -> None:
    stream, clock = io.StringIO(), Clock()
    bar = ProgressBar("training", unit="step", stream=stream, clock=clock)
    for step in range(1, 41):
        clock.now += 1
        bar.update(step, 40, numbers={"loss": 0.5}, phase="joint")
    bar.close()
    lines = stream.getvalue().splitlines()
    assert len(lines) == 2
    assert lines[0] == "training joint  15/40  1.0 step/s  25s left  loss 0.5"


def test_a_short_run_into_a_file_shows_nothing() -> None:
    stream = io.StringIO()
    with ProgressBar("x", stream=stream, clock=Clock()) as bar:
        bar.update(1, 2)
        bar.update(2, 2)
    assert stream.getvalue() == ""


def test_a_terminal_gets_a_bar() -> None:
    stream, clock = Terminal(), Clock()
    with ProgressBar("x", unit="img", stream=stream, clock=clock) as bar:
        for done in range(1, 5):
            clock.now += 0.5
            bar.update(done, 4)
    shown = stream.getvalue()
    assert shown.count("\r") == 4
    assert "[############............]  2/4  2.0 img/s  1s left" in shown
    assert shown.endswith("0s left\x1b[K\n")


def test_a_terminal_is_not_redrawn_too_often() -> None:
    stream, clock = Terminal(), Clock()
    bar = ProgressBar("x", stream=stream, clock=clock)
    for done in range(1000):
        clock.now += 0.001
        bar.update(done, 2000)
    assert stream.getvalue().count("\r") < 12


def test_speed_below_one_is_a_time() -> None:
    stream, clock = io.StringIO(), Clock()
    bar = ProgressBar("x", unit="step", stream=stream, clock=clock)
    bar.update(100, 102)
    clock.now += 20
    bar.update(101, 102)
    assert "20.0 s/step  20s left" in stream.getvalue()


def test_notes_stand_on_their_own_line() -> None:
    stream, clock = Terminal(), Clock()
    with ProgressBar("x", stream=stream, clock=clock) as bar:
        bar.note("training at 256x171")
        clock.now += 1
        bar.update(1, 2)
        bar.note("saved")
    assert stream.getvalue().startswith("training at 256x171\n")
    assert stream.getvalue().endswith("\r\x1b[Ksaved\n")

from __future__ import annotations

import math
import os
import signal
import threading

import pytest

from petsgan_sdk.errors import TrainingError
from petsgan_sdk.training import loop
from petsgan_sdk.training.loop import run_steps


class Counting:
    """Stands in for a model; step `broken` returns a loss that is not finite."""

    def __init__(self, broken=None, value=math.nan):
        self.broken, self.value, self.done = broken, value, []

    def step(self, step):
        self.done.append(step)
        return {"sound": 1.0, "sick": self.value if step == self.broken else 2.0}

    def phase(self, step):
        return "early" if step < 2 else "late"


def run(training, *, first=0, steps=5, progress=None):
    saves = []
    run_steps(training, first=first, steps=steps, save=saves.append, progress=progress)
    return saves


def test_every_step_is_reported_and_the_last_is_saved():
    training, seen = Counting(), []
    assert run(training, progress=seen.append) == [5]
    assert training.done == [0, 1, 2, 3, 4]
    assert [(p.step, p.steps, p.phase) for p in seen[:3]] == [
        (1, 5, "early"),
        (2, 5, "early"),
        (3, 5, "late"),
    ]
    assert seen[0].losses == {"sound": 1.0, "sick": 2.0}


def test_a_finished_run_has_nothing_left_to_do():
    training = Counting()
    assert run(training, first=5) == []
    assert training.done == []


def test_saves_come_with_time(monkeypatch):
    monkeypatch.setattr(loop, "_SAVE_INTERVAL_S", -1.0)
    assert run(Counting(), first=2) == [3, 4, 5]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_loss_that_breaks_stops_and_is_named(value, monkeypatch):
    monkeypatch.setattr(loop, "_SAVE_INTERVAL_S", -1.0)
    saves, training = [], Counting(broken=3, value=value)
    with pytest.raises(TrainingError, match=rf"loss 'sick' must be finite, got {value} at step 4;"):
        run_steps(training, first=0, steps=9, save=saves.append, progress=None)
    assert saves == [1, 2, 3]
    assert TrainingError.exit_code == 4


def test_ctrl_c_finishes_the_step_and_saves_it():
    saves = []

    def press(progress):
        if progress.step == 3:
            os.kill(os.getpid(), signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        run_steps(Counting(), first=0, steps=9, save=saves.append, progress=press)
    assert saves == [3]
    assert signal.getsignal(signal.SIGINT) is before


def test_ctrl_c_in_the_last_step_is_too_late():
    assert run(
        Counting(), progress=lambda p: p.step == 5 and os.kill(os.getpid(), signal.SIGINT)
    ) == [5]


def test_a_second_ctrl_c_stops_at_once():
    saves = []

    def press_twice(_):
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        run_steps(Counting(), first=0, steps=9, save=saves.append, progress=press_twice)
    assert saves == []


class Told(KeyboardInterrupt):
    """What the handler of this program raises."""


def test_sigterm_is_deferred_where_the_program_handles_it():
    saves = []

    def handler(*_):
        raise Told

    def terminate(progress):
        if progress.step == 3:
            os.kill(os.getpid(), signal.SIGTERM)

    before = signal.signal(signal.SIGTERM, handler)
    try:
        with pytest.raises(Told):
            run_steps(Counting(), first=0, steps=9, save=saves.append, progress=terminate)
        assert signal.getsignal(signal.SIGTERM) is handler
    finally:
        signal.signal(signal.SIGTERM, before)
    assert saves == [3]


def test_sigterm_of_a_program_that_does_not_handle_it_is_left_alone():
    seen = set()
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        run(Counting(), progress=lambda _: seen.add(signal.getsignal(signal.SIGTERM)))
    finally:
        signal.signal(signal.SIGTERM, before)
    assert seen == {signal.SIG_DFL}


def test_the_handler_is_put_back_after_an_error():
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(TrainingError):
        run(Counting(broken=0))
    assert signal.getsignal(signal.SIGINT) is before


def test_a_thread_that_may_not_set_handlers_trains_too():
    result = []
    thread = threading.Thread(target=lambda: result.append(run(Counting())))
    thread.start()
    thread.join()
    assert result == [[5]]

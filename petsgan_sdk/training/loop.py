"""Run the steps: progress, divergence, Ctrl-C, and checkpoints that lose nothing."""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Any, NoReturn, Protocol

from petsgan_sdk.errors import InputError, TrainingError
from petsgan_sdk.stations.train import Progress

__all__ = ["Trainable", "run_steps"]

_SAVE_INTERVAL_S = 30.0


class Trainable(Protocol):
    """What the loop needs of a model family."""

    def step(self, step: int) -> Mapping[str, float]:
        """Update once and return the loss terms."""

    def phase(self, step: int) -> str:
        """What is being learned at this step."""


def run_steps(
    training: Trainable,
    *,
    first: int,
    steps: int,
    save: Callable[[int], None],
    progress: Callable[[Progress], None] | None,
) -> None:
    """Run steps `first` to `steps`.

    Args:
        training: The model.
        first: Steps already done.
        steps: Steps of the whole run.
        save: Called with the number of steps done, at times and at the end.
        progress: Called after every step.

    Raises:
        TrainingError: A loss or a feature is NaN or infinite; what was saved before stays.
        KeyboardInterrupt: After Ctrl-C, once the step in hand is done and saved. The same goes for
            SIGTERM where the program handles it, with what its handler raises.
    """
    saved = time.monotonic()
    with _deferred_interrupt() as interrupted:
        for step in range(first, steps):
            losses = _step(training, step)
            if progress is not None:
                progress(Progress(step + 1, steps, losses, training.phase(step)))
            is_due = time.monotonic() - saved > _SAVE_INTERVAL_S
            if interrupted.number is not None or is_due or step + 1 == steps:
                save(step + 1)
                saved = time.monotonic()
            if interrupted.number is not None and step + 1 < steps:
                interrupted.handle()


def _step(training: Trainable, step: int) -> Mapping[str, float]:
    hint = "train with another seed or lower learning rates"
    try:
        losses = training.step(step)
    except InputError as error:  # of a kernel, which refuses features that are not finite
        msg = f"training: {error} at step {step + 1}; hint: {hint}"
        raise TrainingError(msg) from error
    for name, value in losses.items():
        if not math.isfinite(value):
            msg = (
                f"training: loss {name!r} must be finite, got {value} at step {step + 1}; "
                f"hint: {hint}"
            )
            raise TrainingError(msg)
    return losses


class _Interruption:
    """The first signal that comes, kept until a step is done."""

    def __init__(self) -> None:
        self.number: int | None = None
        self._handler: Callable[[int, None], object] | None = None
        self._previous: dict[int, Any] = {}

    def defer(self, number: int) -> None:
        """Remember the signal instead of handling it, where Python handles it at all."""
        previous = signal.getsignal(number)
        if callable(previous):
            self._previous[number] = previous
            signal.signal(number, self._remember)

    def restore(self) -> None:
        """Put the handlers back, once."""
        while self._previous:
            signal.signal(*self._previous.popitem())

    def handle(self) -> NoReturn:
        """Do now what was to be done when the signal came; at least raise."""
        self.restore()
        if self.number is not None and self._handler is not None:
            self._handler(self.number, None)
        raise KeyboardInterrupt

    def _remember(self, number: int, _frame: FrameType | None) -> None:
        self.number, self._handler = number, self._previous[number]
        self.restore()


@contextmanager
def _deferred_interrupt() -> Iterator[_Interruption]:
    """Remember the first Ctrl-C or SIGTERM, so that no step is left half done."""
    interruption = _Interruption()
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            interruption.defer(number)
    try:
        yield interruption
    finally:
        interruption.restore()

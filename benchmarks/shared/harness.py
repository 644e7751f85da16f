"""Processes that are measured in turns, and summaries of their times.

A form that is measured lives in a process of its own, so that its peak memory is its own and
nothing it imports can slow another one. The parent asks the processes in turn, so that a busy
moment of the machine falls on all of them. Never imports torch.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import numpy as np

from petsgan_sdk._arrays import Array
from petsgan_sdk.diagnosis.host import peak_rss_mb
from shared.clocks import Span, contention, timed_ms

__all__ = [
    "BenchmarkError",
    "Form",
    "Turn",
    "Worker",
    "ask_script",
    "serve",
    "summarize",
    "take_turns",
    "thread_variables",
]

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")

_SETTLE_S = 0.03
"""Rest before a turn: the idle threads of the process before may still spin on a core."""


class BenchmarkError(Exception):
    """A worker failed, or two forms that must agree do not.

    Args:
        message: One line.
        exit_code: Of the script: 1 unexpected, 4 a numeric check.
    """

    def __init__(self, message: str, *, exit_code: int = 1) -> None:
        """Keep the exit code."""
        super().__init__(message)
        self.exit_code = exit_code


class Form(Protocol):
    """One way to make what is measured."""

    @property
    def sample(self) -> Callable[..., Array]:
        """Makes what the numbers of a request ask for, given by name, in host memory.

        Of images they are `width`, `height`, `seed` and `index`: it makes image `index` of a seed,
        `[height, width, 3]` uint8.
        """

    def facts(self) -> dict[str, Any]:
        """What the parent should know about this form, as JSON types."""


def serve(create: Callable[[], Form]) -> None:
    """Answer requests on stdin, one JSON object a line, until it closes.

    The first line that is written is what the form says of itself.
    """
    # Libraries that print may not break the protocol: they get stderr.
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def reply(answer: Mapping[str, Any]) -> None:
        replies.write(json.dumps(answer) + "\n")
        replies.flush()

    form = create()
    reply(form.facts())
    for line in sys.stdin:
        request = json.loads(line)
        action = request.pop("action")
        if action == "peak":
            reply({"peak_rss_mb": peak_rss_mb(), "torch": "torch" in sys.modules})
        elif action == "save":
            path = request.pop("path")
            np.save(path, form.sample(**request))
            reply({})
        else:
            reply(_turn(form, request.pop("repeats"), request))


def _turn(form: Form, repeats: int, request: Mapping[str, int]) -> dict[str, Any]:
    """Time samples, and what else kept the cores busy meanwhile."""
    span = Span()
    times_ms = [timed_ms(lambda: form.sample(**request)) for _ in range(repeats)]
    wall_s, _, others_s = span.read()
    return {"times_ms": times_ms, "wall_s": wall_s, "others_s": others_s}


class Worker:
    """A process that runs `serve`; a context manager, which ends it.

    Args:
        name: Of the form, for messages.
        command: Arguments of the Python interpreter.
        environment: Variables to add.
    """

    ready_s: float
    """Seconds from the start of the process to its first answer."""

    def __init__(
        self, name: str, command: Sequence[str], *, environment: Mapping[str, str] | None = None
    ) -> None:
        """Start the process and wait until it is ready."""
        self.name = name
        started = time.perf_counter()
        self._process = subprocess.Popen(
            [sys.executable, *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            env={**os.environ, **(environment or {})},
        )
        self.facts: dict[str, Any] = {}
        try:
            self.facts = self._read()
            self.ready_s = time.perf_counter() - started
        except BaseException:
            self._end()
            raise

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End the process."""
        self._end()

    @property
    def is_alive(self) -> bool:
        """Whether the process has not ended."""
        return self._process.poll() is None

    def time(self, repeats: int, **request: int) -> dict[str, Any]:
        """Sample `repeats` times.

        Returns:
            `times_ms`, wall and CPU milliseconds of each sample; `wall_s` of all of them;
            `others_s`, how long other programs kept cores busy meanwhile, or None.
        """
        return self._ask(action="time", repeats=repeats, **request)

    def save(self, path: Path, **request: int) -> Array:
        """Sample once and fetch what was made by way of a file."""
        self._ask(action="save", path=str(path), **request)
        made: Array = np.load(path)
        return made

    def peak(self) -> dict[str, Any]:
        """Peak memory of the process since it started, and whether it imported torch."""
        return self._ask(action="peak")

    def _ask(self, **request: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # that it ended is reported below
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
        return self._read()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            code = self._process.wait()
            raise _failure(self.name, "answer", code)
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _end(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):
                    pipe.close()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def ask_script(
    name: str, command: Sequence[str], *, environment: Mapping[str, str] | None = None
) -> Any:
    """Run a script in a process of its own.

    Args:
        name: For messages.
        command: Arguments of the Python interpreter.
        environment: Variables to add.

    Returns:
        The JSON value that it printed.

    Raises:
        BenchmarkError: It did not end with code 0.
    """
    done = subprocess.run(
        [sys.executable, *command],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        env={**os.environ, **(environment or {})},
    )
    if done.returncode != 0:
        raise _failure(name, "finish", done.returncode)
    return json.loads(done.stdout)


def thread_variables(threads: int) -> dict[str, str]:
    """Of pools that are sized when a library is loaded; torch and the runtime are told as well."""
    return dict.fromkeys(_THREAD_VARIABLES, str(threads))


def _failure(name: str, duty: str, code: int) -> BenchmarkError:
    msg = f"process {name!r} must {duty}, but it ended with code {code}; see above"
    return BenchmarkError(msg, exit_code=code if code in (2, 3, 4) else 1)


@dataclass(slots=True)
class Turn:
    """How one worker takes its turns, and what it took."""

    worker: Worker
    """The process."""
    warmups: int
    """Samples before the first round."""
    settle: int
    """Samples of each turn that are not counted: they bring caches back that others took."""
    repeats: int
    """Samples of each turn that are counted."""
    first_ms: float = 0.0
    """Wall time of the very first sample."""
    times_ms: list[tuple[float, float]] = field(default_factory=list)
    """Wall and CPU time of every sample that counts."""
    wall_s: float = 0.0
    """Length of all turns that count."""
    others_s: float | None = 0.0
    """Core seconds that other programs took during them; None where nothing tells."""

    def take(self, request: Mapping[str, int]) -> None:
        """Take one turn."""
        self.worker.time(self.settle, **request)
        answer = self.worker.time(self.repeats, **request)
        self.times_ms += [(wall, cpu) for wall, cpu in answer["times_ms"]]
        self.wall_s += answer["wall_s"]
        others = answer["others_s"]
        both = self.others_s is not None and others is not None
        self.others_s = self.others_s + others if both else None

    def contention(self, threads: int) -> dict[str, Any]:
        """Say whether the threads had a core each during the turns."""
        return contention(threads, wall_s=self.wall_s, others_s=self.others_s)


def take_turns(
    turns: Sequence[Turn],
    *,
    rounds: int,
    request: Mapping[str, int],
    progress: Callable[[str], None] = lambda _: None,
) -> None:
    """Warm up every worker, then A B C A B C: each fills its `times_ms`."""
    for turn in turns:
        progress(f"warming up {turn.worker.name}")
        turn.first_ms = turn.worker.time(1, **request)["times_ms"][0][0]
        turn.worker.time(max(0, turn.warmups - 1), **request)
    for number in range(1, rounds + 1):
        if number % 5 == 1:
            progress(f"round {number} of {rounds}")
        for turn in turns:
            time.sleep(_SETTLE_S)
            turn.take(request)


def summarize(times_ms: Sequence[tuple[float, float]]) -> dict[str, Any]:
    """Statistics of `(wall, CPU)` milliseconds."""
    wall = np.array([pair[0] for pair in times_ms])
    cpu = np.array([pair[1] for pair in times_ms])
    return {
        "samples": len(times_ms),
        "min_ms": float(wall.min()),
        "mean_ms": float(wall.mean()),
        **{f"p{rank}_ms": float(np.percentile(wall, rank)) for rank in (50, 90, 95, 99)},
        "cpu_min_ms": float(cpu.min()),
        "cpu_p50_ms": float(np.median(cpu)),
    }

"""What every benchmark shares: worker processes, turns, summaries, facts about the host.

A form that is measured lives in a process of its own, so that its peak memory is its own and
nothing it imports can slow another one. The parent asks the processes in turn, so that a busy
moment of the machine falls on all of them. Imports the standard library and numpy only.
"""

from __future__ import annotations

import json
import os
import platform
import shlex
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

from petsgan_sdk.diagnosis.host import installed_version, load_average, peak_rss_mb

__all__ = [
    "BenchmarkError",
    "Form",
    "Image",
    "Turn",
    "Worker",
    "busy_s",
    "contention",
    "host_facts",
    "print_table",
    "serve",
    "summarize",
    "take_turns",
]

Image = np.ndarray[Any, np.dtype[np.uint8]]

_SETTLE_S = 0.03
"""Rest before a turn: the idle threads of the process before may still spin on a core."""

_TOLERATED_CORES = 0.25
"""What other programs may take of the cores that the threads of a form need."""


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
    """One way to make the image that is measured."""

    def sample(self, *, width: int, height: int, seed: int, index: int) -> Image:
        """Make image `index` of a seed, `[height, width, 3]` uint8, in host memory."""

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
    """Time samples, and what else kept the cores busy meanwhile (None where nothing tells)."""
    busy, cpu, wall = busy_s(), time.process_time(), time.perf_counter()
    times_ms = [_timed(form, request) for _ in range(repeats)]
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    after = busy_s()
    others = None if busy is None or after is None else after - busy - cpu
    return {"times_ms": times_ms, "wall_s": wall, "others_s": others}


def busy_s() -> float | None:
    """Seconds that all cores together were not idle since the system started; Linux only."""
    try:
        line = Path("/proc/stat").read_text(encoding="ascii").splitlines()[0]
    except OSError:
        return None
    # user nice system idle iowait irq softirq steal; steal is a core that we did not have.
    ticks = [int(word) for word in line.split()[1:9]]
    return (sum(ticks) - ticks[3] - ticks[4]) / os.sysconf("SC_CLK_TCK")


def _timed(form: Form, request: Mapping[str, int]) -> tuple[float, float]:
    """Wall and CPU milliseconds (of all threads) of one sample."""
    cpu, wall = time.process_time_ns(), time.perf_counter_ns()
    form.sample(**request)
    wall, cpu = time.perf_counter_ns() - wall, time.process_time_ns() - cpu
    return wall / 1e6, cpu / 1e6


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

    def save(self, path: Path, **request: int) -> Image:
        """Sample once and fetch the image by way of a file."""
        self._ask(action="save", path=str(path), **request)
        image: Image = np.load(path)
        return image

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
            msg = f"worker {self.name!r} must answer, but it ended with code {code}; see above"
            raise BenchmarkError(msg, exit_code=code if code in (2, 3, 4) else 1)
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
        self.others_s = None if None in (others, self.others_s) else self.others_s + others

    def contention(self, threads: int) -> dict[str, Any]:
        """Say whether the threads had a core each during the turns."""
        return contention(threads, wall_s=self.wall_s, others_s=self.others_s)


def contention(threads: int, *, wall_s: float, others_s: float | None) -> dict[str, Any]:
    """Say whether threads had a core each.

    Without one, the threads of a pool that spins while it waits burn CPU time, so that neither wall
    nor CPU time, median nor minimum, says how fast the code is.

    Args:
        threads: That were to run at once.
        wall_s: How long.
        others_s: Core seconds that other programs took meanwhile; None where nothing tells.

    Returns:
        `others_cores` and `contended`.
    """
    if others_s is None:
        return {"others_cores": None, "contended": None}
    others = max(0.0, others_s / wall_s)
    spare = (os.cpu_count() or 1) - others
    return {"others_cores": others, "contended": threads > spare + _TOLERATED_CORES}


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


def host_facts(packages: Sequence[str]) -> dict[str, Any]:
    """The machine, the software and the command, so that a number can be judged later.

    To be asked before the run: a checkout may move on during it.

    Args:
        packages: Distributions whose versions matter.
    """
    model, mhz = _cpu()
    return {
        "cpu": model,
        "mhz": mhz,
        "cores": os.cpu_count(),
        "load_average": {"before": load_average()},
        "platform": platform.platform(),
        "versions": {
            "python": platform.python_version(),
            **{name: installed_version(name) for name in packages},
        },
        "command": shlex.join(["python", *sys.argv]),
        "commit": _commit(),
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def print_table(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str]) -> None:
    """Print rows to stdout.

    Args:
        rows: Values by key; a missing one is shown as `-`.
        columns: Format specification by key, such as `.1f`; the key heads its column.
    """
    table = [list(columns)]
    for row in rows:
        values = ((row.get(key), spec) for key, spec in columns.items())
        table.append(["-" if value is None else format(value, spec) for value, spec in values])
    widths = [max(len(line[i]) for line in table) for i in range(len(columns))]
    for line in table:
        cells = [cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True)]
        print("  ".join([line[0].ljust(widths[0]), *cells]))


def _cpu() -> tuple[str | None, float | None]:
    """Name and current clock of the first core, where Linux tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor() or None, None
    pairs = [line.partition(":")[::2] for line in lines]
    facts = {key.strip(): value.strip() for key, value in reversed(pairs)}
    mhz = facts.get("cpu MHz")
    return facts.get("model name"), None if mhz is None else float(mhz)


def _commit() -> str | None:
    """The commit of the checkout, with `-dirty` if tracked files differ from it."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    try:
        result = subprocess.run(
            command, cwd=Path(__file__).parent, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return result.stdout.strip()

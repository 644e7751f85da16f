"""Run many small trials in forked children, under limits of time and memory.

A child runs one trial after another and lives on until one of them breaks a limit or kills it;
the next is forked from this process, which has everything imported and holds no session. The
parent only looks on: what ended a child is the verdict on the trial that it was in.
"""

from __future__ import annotations

import faulthandler
import json
import mmap
import os
import resource
import select
import signal
import struct
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

OK, TYPED = "ok", "typed"
PASSING = (OK, TYPED)
"""Verdicts that are no failure."""

Run = Callable[[], tuple[str, str]]
"""Tries one input; a verdict and a line about it."""
Trial = Callable[[int], Run]
"""Makes input of a number, which is not measured; runs in the child, as what it returns does."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a trial may use; the time is the processor's, which a busy machine does not change."""

    cpu_s: float = 5.0
    wall_s: float = 120.0
    memory_mb: int = 500


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one trial."""

    number: int
    verdict: str
    detail: str
    cpu_s: float
    peak_mb: float

    @property
    def is_failure(self) -> bool:
        return self.verdict not in PASSING


_CHILD_TRIALS = 4000
"""Trials of one child, before memory that it never gives back would blur what a trial needs."""
_GUARD_MB = 8192
"""Address space beyond what the child begins with; the parent ends it long before."""
_STATE = struct.Struct("<qddq")  # number, processor seconds and clock at its start, kB at its start
_POLL_S = 0.05
_BROKEN = 70
_HERTZ = os.sysconf("SC_CLK_TCK")


def run_trials(trial: Trial, numbers: Sequence[int], limits: Limits) -> Iterator[Outcome]:
    """Yield the outcome of every trial, in order."""
    done = 0
    while done < len(numbers):
        for outcome in _one_child(trial, numbers[done : done + _CHILD_TRIALS], limits):
            done += 1
            yield outcome


def _one_child(trial: Trial, numbers: Sequence[int], limits: Limits) -> Iterator[Outcome]:
    """Outcomes up to the end of the list or of the child."""
    state = mmap.mmap(-1, _STATE.size)
    state[:] = _STATE.pack(-1, 0.0, time.monotonic(), 0)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        _serve(trial, numbers, limits, state, writer)
    os.close(writer)
    told = 0
    try:
        with open(reader, "rb", buffering=0) as pipe:  # noqa: PTH123 - a descriptor
            for line in _watched_lines(pipe.fileno(), child, state, limits):
                if isinstance(line, str):
                    yield _broken(state, line)
                    return
                told += 1
                yield Outcome(**json.loads(line))
    finally:
        _end(child)
        state.close()
    if told < len(numbers):
        msg = f"a child of the campaign ended after {told} of {len(numbers)} trials"
        raise RuntimeError(msg)


def _watched_lines(
    pipe: int, child: int, state: mmap.mmap, limits: Limits
) -> Iterator[bytes | str]:
    """What the child writes, line by line; a text is the reason why it was, or has, ended."""
    rest, looked = b"", time.monotonic()
    while True:
        ready, _, _ = select.select([pipe], [], [], _POLL_S)
        if time.monotonic() - looked > _POLL_S:
            looked = time.monotonic()
            reason = _over(child, state, limits)
            if reason:
                os.kill(child, signal.SIGKILL)
                yield reason
                return
        if not ready:
            continue
        piece = os.read(pipe, 1 << 16)
        *lines, rest = (rest + piece).split(b"\n")
        yield from lines
        if not piece:
            _, status = os.waitpid(child, 0)
            if os.WIFSIGNALED(status):
                name = signal.Signals(os.WTERMSIG(status)).name
                yield f"signal {name}"
            elif os.WEXITSTATUS(status) == _BROKEN:
                msg = "the campaign itself failed in a child: " + rest.decode()
                raise RuntimeError(msg)
            elif os.WEXITSTATUS(status):
                yield f"signal: the child left with {os.WEXITSTATUS(status)}"
            return


def _over(child: int, state: mmap.mmap, limits: Limits) -> str:
    """Why a child must be ended now, or nothing."""
    number, cpu, clock, kilobytes = _STATE.unpack(state[:])
    if number < 0:
        return ""
    try:
        fields = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    used = (int(fields[11]) + int(fields[12])) / _HERTZ - cpu
    resident = int(fields[21]) * resource.getpagesize() // 1024
    if _STATE.unpack(state[:])[0] != number:  # it went on meanwhile
        return ""
    if used > limits.cpu_s:
        return f"slow: over {limits.cpu_s:g} s of processor time"
    if time.monotonic() - clock > limits.wall_s:
        return f"slow: hangs, {limits.wall_s:g} s without an end"
    if resident - kilobytes > limits.memory_mb * 1024:
        return f"memory: over {limits.memory_mb} MB"
    return ""


def _broken(state: mmap.mmap, reason: str) -> Outcome:
    number, _, clock, _ = _STATE.unpack(state[:])
    verdict = reason.replace(":", " ").split()[0]
    return Outcome(number, verdict, reason, round(time.monotonic() - clock, 3), 0.0)


def _end(child: int) -> None:
    try:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    except (ProcessLookupError, ChildProcessError):
        pass  # it was waited for


def _serve(
    trial: Trial, numbers: Sequence[int], limits: Limits, state: mmap.mmap, writer: int
) -> None:
    """The child: run the trials and write a line about each; never returns."""
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        faulthandler.disable()  # a signal is the verdict, and pytest's handler would print it
        if "torch" in sys.modules:  # a child has none of the threads that OpenMP would wait for
            sys.modules["torch"].set_num_threads(1)
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        most = (_status("VmSize") + _GUARD_MB * 1024) * 1024
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        for number in numbers:
            line = json.dumps(_judged(trial, number, limits, state)) + "\n"
            os.write(writer, line.encode())
    except BaseException as exc:  # noqa: BLE001 - must not return into the parent's program
        os.write(writer, repr(exc).encode("utf-8", "replace"))
        os._exit(_BROKEN)
    os._exit(0)


def _judged(trial: Trial, number: int, limits: Limits, state: mmap.mmap) -> dict[str, object]:
    state[:] = _STATE.pack(-1, 0.0, 0.0, 0)
    run = trial(number)
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before, started = _status("VmRSS"), time.process_time()
    state[:] = _STATE.pack(number, started, time.monotonic(), before)
    verdict, detail = run()
    used = time.process_time() - started
    state[:] = _STATE.pack(-1, 0.0, 0.0, 0)
    peak = max(0, _status("VmHWM") - before) / 1024
    if verdict in PASSING and used > limits.cpu_s:
        verdict, detail = "slow", f"slow: {used:.1f} s of processor time; {detail}"
    elif verdict in PASSING and peak > limits.memory_mb:
        verdict, detail = "memory", f"memory: {peak:.0f} MB; {detail}"
    return {
        "number": number,
        "verdict": verdict,
        "detail": detail[:400],
        "cpu_s": round(used, 3),
        "peak_mb": round(peak, 1),
    }


def _status(name: str) -> int:
    """A line of the process's own status, in kB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1])
    msg = f"/proc/self/status has no {name}"
    raise RuntimeError(msg)

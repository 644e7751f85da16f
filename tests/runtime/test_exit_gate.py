from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from petsgan_sdk.runtime.exit_gate import _ExitGate

WAIT_S = 60
HAS_FORK = hasattr(os, "fork")

START = """
import atexit, os, signal, sys, threading, time
import petsgan_sdk
sampler = petsgan_sdk.load(sys.argv[1], provider="cpu", threads=1)
sampler.sample(1)

def forever(function):
    def work():
        while True:
            function()
    threading.Thread(target=work, daemon=True).start()

def stream():
    for _ in sampler.stream(height=200, width=120, rows=40):
        pass
"""


def run(script: str, bundle: Path) -> subprocess.CompletedProcess[str]:
    pytest.importorskip("onnxruntime", reason="sampling needs onnxruntime")
    return subprocess.run(
        [sys.executable, "-c", START + script, str(bundle)],
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=False,
    )


@pytest.mark.parametrize(
    "work",
    [
        "lambda: sampler.sample(1)",
        "lambda: sampler.sample(2, height=150, width=170)",
        "stream",
        "lambda: petsgan_sdk.load(sys.argv[1], provider='cpu', threads=2)",
    ],
)
def test_daemon_threads_that_sample_do_not_disturb_the_end(bundle: Path, work: str) -> None:
    script = f"for _ in range(3):\n    forever({work})\ntime.sleep(0.3)\n"
    done = run(script, bundle)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("end", "code", "last"),
    [
        ("sys.exit(7)", 7, ""),
        ("raise ValueError('mine')", 1, "ValueError: mine"),
        ("os.kill(os.getpid(), signal.SIGINT); time.sleep(9)", -2, "KeyboardInterrupt"),
    ],
)
def test_however_the_program_ends_its_exit_code_stays(
    bundle: Path, end: str, code: int, last: str
) -> None:
    done = run(f"forever(lambda: sampler.sample(1))\ntime.sleep(0.2)\n{end}\n", bundle)
    assert done.returncode == code, done.stderr
    assert (done.stderr.splitlines() or [""])[-1] == last


def test_what_runs_at_exit_may_still_sample(bundle: Path) -> None:
    done = run(
        """
forever(lambda: sampler.sample(1))
atexit.unregister(print)
first = []
gate_closes_before = lambda: first.append(sampler.sample(1, seed=5).sum()) or print("made")
# Registered before the gate in a program that loads later; so run after it, as here.
from petsgan_sdk.runtime.exit_gate import exit_gate
atexit.unregister(exit_gate._close)
atexit.register(gate_closes_before)
atexit.register(exit_gate._close)
time.sleep(0.2)
""",
        bundle,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "made\n", "")


@pytest.mark.skipif(not HAS_FORK, reason="needs fork")
def test_a_forked_child_ends_although_its_parent_was_sampling(bundle: Path) -> None:
    done = run(
        """
forever(lambda: sampler.sample(1, height=200, width=200))
time.sleep(0.2)
for _ in range(10):
    child = os.fork()
    if child == 0:
        sys.exit(3)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 3
""",
        bundle,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_gate_waits_for_calls_that_have_begun() -> None:
    gate = _ExitGate()
    entered, leave, closed = threading.Event(), threading.Event(), threading.Event()

    def call() -> None:
        with gate:
            entered.set()
            assert leave.wait(WAIT_S)

    def close() -> None:
        gate._close()
        closed.set()

    caller = threading.Thread(target=call)
    closer = threading.Thread(target=close)
    caller.start()
    assert entered.wait(WAIT_S)
    closer.start()
    while gate._closer is None:
        time.sleep(0.001)
    assert not closed.is_set()
    leave.set()
    assert closed.wait(WAIT_S)
    caller.join()
    closer.join()


def test_after_closing_only_daemon_threads_are_held() -> None:
    gate = _ExitGate()
    gate._close()
    passed: list[str] = []

    def call() -> None:
        with gate:
            passed.append(threading.current_thread().name)

    with gate:  # the thread that closed it
        passed.append("closer")
    late = threading.Thread(target=call, name="late")
    late.start()
    late.join(WAIT_S)
    assert passed == ["closer", "late"]
    held = threading.Thread(target=call, name="held", daemon=True)
    held.start()
    held.join(0.2)
    assert held.is_alive()
    assert passed == ["closer", "late"]
    assert gate._inside == set()

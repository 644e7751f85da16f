from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest

from petsgan_sdk.errors import BackendUnavailableError
from petsgan_sdk.output.parallel import one_ahead, ordered_map
from petsgan_sdk.runtime.startable import (
    affordable_threads,
    check_startable,
    startable_threads,
)

TASKS = Path("/proc/self/task")


class Limit:
    """Refuses threads beyond a number, as a limit on processes does."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.most = 1_000
        self.peak = 0
        self._start = threading.Thread.start
        monkeypatch.setattr(threading.Thread, "start", lambda thread: self._limited(thread))  # noqa: PLW0108

    def _limited(self, thread: threading.Thread) -> None:
        alive = len(threading.enumerate()) - 1
        if alive >= self.most:
            msg = "can't start new thread"
            raise RuntimeError(msg)
        self._start(thread)
        self.peak = max(self.peak, alive + 1)


@pytest.fixture
def limit(monkeypatch: pytest.MonkeyPatch) -> Limit:
    return Limit(monkeypatch)


def test_threads_are_tried_all_at_once_and_end(limit: Limit) -> None:
    before = threading.active_count()
    assert startable_threads(6) == 6
    assert limit.peak == before - 1 + 6
    limit.most = before - 1 + 3
    assert startable_threads(6) == 3
    assert startable_threads(0) == 0
    assert threading.active_count() == before


@pytest.mark.skipif(not TASKS.exists(), reason="counts threads in /proc")
def test_none_is_left_to_the_system_either() -> None:
    before = len(list(TASKS.iterdir()))
    for _ in range(50):
        startable_threads(4)
        assert len(list(TASKS.iterdir())) <= before


@pytest.mark.parametrize(
    ("threads", "pools", "most", "each"),
    [(4, 3, 9, 4), (4, 3, 8, 3), (4, 3, 6, 3), (4, 3, 5, 2), (4, 3, 2, 1), (1, 9, 0, 1)],
)
def test_threads_are_shared_between_pools(
    limit: Limit, caplog: pytest.LogCaptureFixture, threads: int, pools: int, most: int, each: int
) -> None:
    limit.most = threading.active_count() - 1 + most
    with caplog.at_level(logging.WARNING):
        assert affordable_threads(threads, pools=pools) == each
    assert len(caplog.records) == (each < threads)


def test_a_session_that_cannot_have_its_threads_is_refused(limit: Limit) -> None:
    limit.most = threading.active_count() - 1 + 2
    check_startable(2, what="a session")
    with pytest.raises(
        BackendUnavailableError, match=r"a session needs 3 more threads, but .* may start 2; hint: "
    ):
        check_startable(3, what="a session")


@pytest.mark.parametrize("most", [0, 1, 2])
def test_work_in_threads_needs_none(limit: Limit, most: int) -> None:
    limit.most = threading.active_count() - 1 + most
    names: set[str] = set()

    def square(number: int) -> int:
        names.add(threading.current_thread().name)
        return number * number

    with closing(ordered_map(square, range(20), workers=5, ahead=7)) as squares:
        assert list(squares) == [k * k for k in range(20)]
    assert len(names) <= max(1, most)
    stops: list[None] = []
    assert list(one_ahead(iter("abc"), stop=lambda: stops.append(None))) == ["a", "b", "c"]


@pytest.mark.skipif(sys.platform != "linux", reason="limits memory as Linux does")
@pytest.mark.parametrize("room", [0, 1, 2, 3, 5, 8])
def test_loading_under_a_limit_ends_and_samples_the_same(bundle: Path, room: int) -> None:
    pytest.importorskip("onnxruntime", reason="sampling needs onnxruntime")
    # Stacks of 256 MiB in an address space that has room for a few of them.
    script = """
import os, resource, sys
import numpy, onnxruntime, petsgan_sdk
want = petsgan_sdk.load(sys.argv[1], provider="cpu", threads=1).sample(1, seed=9)
with open("/proc/self/statm") as file:
    used = int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
limit = used + (96 << 20) + int(sys.argv[2]) * (256 << 20)
resource.setrlimit(resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))
sampler = petsgan_sdk.load(sys.argv[1], provider="cpu", threads=5)
assert 1 <= sampler.threads <= 5
assert numpy.array_equal(sampler.sample(1, seed=9), want)
print(sampler.threads)
"""
    command = [sys.executable, "-c", script, str(bundle), str(room)]
    done = subprocess.run(
        ["bash", "-c", 'ulimit -s 262144; exec "$@"', "bash", *command],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1"},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() in {"1", "2", "3", "4", "5"}
    assert ("pools need" in done.stderr) == (done.stdout.strip() != "5")

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from petsgan_sdk import kernels

pytestmark = pytest.mark.skipif(
    "cpu" not in kernels.available_backends(), reason="the compiled kernels are not built"
)

START = """
import numpy as np
from petsgan_sdk import kernels

random = np.random.default_rng(3)
image = random.uniform(-1, 1, (3, 384, 400)).astype(np.float32)
features = random.standard_normal((8, 40, 40), dtype=np.float32)
reference = kernels.PatchReference(features, image[:, :40, :40].copy(), window=5)
query = random.standard_normal((1, 8, 48, 48), dtype=np.float32)

def call(name, threads):
    if name == "noise":
        return kernels.normal_noise((1, 3, 300, 300), seed=1)
    if name == "bytes":
        return kernels.signed_to_u8(image, height=384, width=400, threads=threads)
    if name == "resize":
        return kernels.resize_window(
            image[None], source_size=(384, 400), target_size=(500, 501), source_origin=(0, 0),
            window=(0, 0, 500, 501), threads=threads)
    if name == "texture":
        index = np.arange(48 * 50, dtype=np.int32).reshape(1, 48, 50)
        return kernels.texture_transfer(index, image, factor=8, threads=threads)
    return kernels.patch_transfer(query, reference, temperature=0.01, threads=threads).values
"""
NAMES = ("bytes", "resize", "texture", "transfer")


def run(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", START + script, *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
    )


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads its size from /proc")
def test_where_no_thread_can_be_started_results_are_the_same_and_later_calls_use_threads() -> None:
    done = run(
        """
import os, resource, sys
names = sys.argv[1:]
want = {name: call(name, 1).copy() for name in names}

def used():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")

def check():
    for name in names:
        assert np.array_equal(call(name, 6), want[name]), name

threads = len(os.listdir("/proc/self/task"))
# Room for the results, but for no thread's stack.
resource.setrlimit(resource.RLIMIT_AS, (used() + (7 << 20), resource.RLIM_INFINITY))
check()
check()
assert len(os.listdir("/proc/self/task")) == threads
resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY,) * 2)
check()
assert len(os.listdir("/proc/self/task")) == threads + 5
""",
        *NAMES,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_child_that_was_forked_while_threads_work_can_use_them_too() -> None:
    done = run(
        """
import os, threading
want = call("transfer", 1)
stop = threading.Event()

def work():
    while not stop.is_set():
        call("bytes", 2)

workers = [threading.Thread(target=work) for _ in range(2)]
for worker in workers:
    worker.start()
for _ in range(20):
    child = os.fork()
    if child == 0:
        os._exit(0 if np.array_equal(call("transfer", 3), want) else 1)
    assert os.waitpid(child, 0)[1] == 0
stop.set()
"""
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", ["noise", *NAMES])
def test_daemon_threads_in_a_kernel_do_not_disturb_the_end_of_the_process(name: str) -> None:
    done = run(
        """
import sys, threading, time

def work():
    while True:
        call(sys.argv[1], 2)

for _ in range(3):
    threading.Thread(target=work, daemon=True).start()
time.sleep(0.2)
""",
        name,
    )
    assert (done.returncode, done.stderr) == (0, "")

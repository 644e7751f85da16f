"""What the emulation of CUDA on the CPU promises, so that its verdict on kernels counts."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from support import cuda_emulation
from support.paths import TESTS

KERNELS = (
    "shared_memory_starts_as_nan",
    "neighbours_exchange",
    "neighbours_exchange_too_early",
    "warps_exchange",
    "warps_agree",
    "warp_barrier",
    "barrier_for_some",
    "different_barriers",
    "shuffle_for_some",
)

needs_compiler = pytest.mark.skipif(
    cuda_emulation.compiler() is None, reason="no C++ compiler was found to build the emulation"
)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    if cuda_emulation.compiler() is None:
        pytest.skip("no C++ compiler was found to build the emulation")
    target = tmp_path_factory.mktemp("selftest") / "libselftest.so"
    sources = [
        Path(__file__).with_name("emulation_selftest.cpp"),
        cuda_emulation.ROOT / "csrc/emu/fibers.cpp",
    ]
    library = ctypes.CDLL(str(cuda_emulation.compile_sources(sources, target)))
    library.selftest.argtypes = [ctypes.c_int, ctypes.c_uint64, ctypes.c_void_p]
    library.selftest.restype = ctypes.c_char_p

    def call(name, *, seed=0):
        out = np.full(128, -1, dtype=np.float32)
        message = library.selftest(KERNELS.index(name), seed, out.ctypes.data).decode()
        if message:
            raise RuntimeError(message)
        return out

    return call


EXCHANGED = np.concatenate([np.arange(64)[::-1], 100 + np.arange(64)[::-1]])


def test_shared_memory_starts_as_nan(run):
    assert np.isnan(run("shared_memory_starts_as_nan")[:64]).all()


@pytest.mark.parametrize("seed", range(5))
def test_a_barrier_orders_memory(run, seed):
    np.testing.assert_array_equal(run("neighbours_exchange", seed=seed), EXCHANGED)


@pytest.mark.parametrize("seed", range(5))
def test_without_a_barrier_some_threads_are_too_early(run, seed):
    out = run("neighbours_exchange_too_early", seed=seed)
    assert np.isnan(out).any()
    assert (out == EXCHANGED).any()


def test_another_seed_is_another_order(run):
    early = [np.isnan(run("neighbours_exchange_too_early", seed=seed)) for seed in (1, 2, 2)]
    assert (early[0] != early[1]).any()
    np.testing.assert_array_equal(early[1], early[2])


@pytest.mark.parametrize("seed", range(3))
def test_lanes_of_a_warp_exchange_values(run, seed):
    np.testing.assert_array_equal(
        run("warps_exchange", seed=seed)[:64], np.repeat([31.0, 63.0], 32)
    )


@pytest.mark.parametrize("seed", range(3))
def test_lanes_of_a_warp_vote_and_reduce(run, seed):
    # Sum and least of the lanes' squares, the votes of every third, and who has the own remainder.
    lanes = np.arange(32)
    expected = 31 * 32 * 63 // 6 + 0 + 11 + np.where(lanes % 5 < 2, 7, 6)
    np.testing.assert_array_equal(run("warps_agree", seed=seed)[:32], expected)


@pytest.mark.parametrize("seed", range(3))
def test_a_warps_barrier_orders_its_memory(run, seed):
    found = run("warp_barrier", seed=seed)[:64].reshape(2, 32)
    np.testing.assert_array_equal(found, np.arange(64).reshape(2, 32)[:, ::-1])


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("kernel", KERNELS[-3:])
def test_barriers_that_not_all_threads_reach(run, kernel, seed):
    match = "all threads of a block must reach the same barrier, but thread 0 of block . is at .*"
    with pytest.raises(RuntimeError, match=match):
        run(kernel, seed=seed)


SANITIZED = """
import sys
from pathlib import Path
import numpy as np
from support import cuda_cases, cuda_emulation, place_cases
from support.synthesis_emulation import SynthesisEmulation
from petsgan_sdk import kernels
emulation = cuda_emulation.Emulation(Path(sys.argv[1]))
synthesis = SynthesisEmulation(sys.argv[1])
if sys.argv[2] == "short":
    whole = cuda_emulation._aligned
    cuda_emulation._aligned = lambda size: whole(size - 4096)
Case = cuda_cases.Case
for case in (
    Case((12, 16), (13, 12), channels=33, batch=2, images=2),
    Case((5, 4), (3, 9), value_channels=5),
    Case((1, 1), (1, 1), channels=1),
    Case((3, 44), (4, 45), window=65),
    Case((9, 8), (7, 9), channels=33, window=3, dtype="float16"),
    Case((5, 8), (7, 9), channels=1, window=9, dtype="bfloat16"),
):
    inputs = cuda_cases.random_inputs(case)
    for temperature in (0.0, 0.01):
        result = emulation.transfer(
            *inputs, window=case.window, temperature=temperature, dtype=case.dtype, seed=3
        )
        cuda_cases.check_against_dense(
            case, inputs, result, temperature=temperature, normalize=True
        )
for wrap in (False, True):
    place = (-5, -9) if wrap else (1, 2)
    sizes = zip((7, 9), (15, 133), place, (14, 131), (0, 0))
    emulation.resize(np.ones((3, 3, 7, 9), np.float32), *sizes, wrap=wrap)
for seed in range(3):
    rng = np.random.default_rng(seed)
    photo = place_cases.random_photo(rng, 9, 5 + 7 * seed)
    basis, bias = place_cases.projection(rng)
    found = synthesis.features(photo, basis, bias, shift=11)
    assert (found == kernels.place_features(photo, basis, bias, shift=11)).all()
    call = place_cases.correction(seed, wraps=seed > 1)
    assert (synthesis.correct(**call, seed=seed) == kernels.correct_places(**call)).all()
    assert synthesis.first_wrong(call["level"]) == [-1, -1]
    outside = np.full_like(call["places"], 32767)
    assert (synthesis.correct(**call | {"places": outside}) == -1).all()
    places = place_cases.pieces(rng, (7, 5 + 130 * (seed > 0)), photo)
    options = {"screening": 0.03, "slowest": 0.06, "steps": 3, "softness": 9.0 * seed}
    found = synthesis.composite(places, photo, **options)
    assert found.tobytes() == kernels.composite_places(places, photo, **options).tobytes()
    assert np.isnan(synthesis.composite(outside, photo, **options)).all()
print("clean")
"""


@pytest.fixture(scope="module")
def run_sanitized(tmp_path_factory):
    target = tmp_path_factory.mktemp("sanitized") / "libsanitized.so"
    try:
        cuda_emulation.build(target, sanitize=True)
    except RuntimeError as error:
        if "libasan" not in str(error) and "libubsan" not in str(error):
            raise
        pytest.skip(f"the compiler has no sanitizers: {error}")
    compiler = cuda_emulation.compiler()
    libraries = [
        subprocess.check_output([compiler, f"-print-file-name={name}"], text=True).strip()
        for name in ("libasan.so", "libubsan.so", "libstdc++.so")
    ]
    environment = {
        **os.environ,
        "LD_PRELOAD": " ".join(libraries),
        "ASAN_OPTIONS": "detect_leaks=0",
        "PYTHONPATH": str(TESTS),
    }

    def call(what):
        return subprocess.run(
            [sys.executable, "-c", SANITIZED, str(target), what],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    return call


@needs_compiler
def test_the_kernels_are_clean_under_the_sanitizers(run_sanitized):
    done = run_sanitized("whole")
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.strip() == "clean"
    assert "runtime error" not in done.stderr


@needs_compiler
def test_the_sanitizers_see_what_lies_beyond_a_buffer(run_sanitized):
    done = run_sanitized("short")
    assert done.returncode != 0
    assert "heap-buffer-overflow" in done.stderr

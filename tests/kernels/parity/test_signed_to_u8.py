from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.tolerances import SIMD_LEVELS

from petsgan_sdk import kernels
from petsgan_sdk.imaging import to_u8

BACKENDS = kernels.available_backends()

needs_cpu = pytest.mark.skipif("cpu" not in BACKENDS, reason="the C++ kernels are not built")


def canvas(height, width, *, seed=0):
    """Values around every level and beyond both ends."""
    rng = np.random.default_rng(seed)
    return rng.uniform(-1.2, 1.2, (3, height, width)).astype(np.float32)


@pytest.mark.parametrize("backend", BACKENDS)
@given(
    size=st.tuples(st.integers(1, 70), st.integers(1, 600)),
    cut=st.tuples(st.integers(0, 20), st.integers(0, 20)),
    threads=st.integers(1, 3),
    seed=st.integers(0, 2**32 - 1),
)
def test_the_bytes_are_those_of_imaging(backend, size, cut, threads, seed):
    image = canvas(*size, seed=seed)
    height, width = (max(0, side - less) for side, less in zip(size, cut, strict=True))
    out = kernels.signed_to_u8(image, height=height, width=width, threads=threads, backend=backend)
    np.testing.assert_array_equal(out, to_u8(image[:, :height, :width].transpose(1, 2, 0)))


@pytest.mark.parametrize("backend", BACKENDS)
def test_every_float_next_to_a_step_rounds_alike(backend):
    # Level k begins at (k - 128) / 127.5. Offsets of 1/4 to 2 units of a float32 near 128, scaled.
    steps = (np.arange(1, 256) - 128) / 127.5
    near = [(steps + offset * 2.0**-25).astype(np.float32) for offset in range(-8, 9)]
    image = np.repeat(np.stack(near)[None], 3, axis=0)
    out = kernels.signed_to_u8(image, height=17, width=255, backend=backend)
    np.testing.assert_array_equal(out, to_u8(image.transpose(1, 2, 0)))
    assert (out.max(axis=0) - out.min(axis=0) == 1).all()  # the values do straddle the steps


@needs_cpu
@pytest.mark.parametrize("size", [(70_001, 1), (1, 70_001), (515, 513)])
def test_a_large_image_for_any_thread_count(size):
    image = canvas(*size)
    twin = kernels.signed_to_u8(image, height=size[0], width=size[1], backend="numpy")
    for threads in (1, 2, 5):
        out = kernels.signed_to_u8(
            image, height=size[0], width=size[1], threads=threads, backend="cpu"
        )
        np.testing.assert_array_equal(out, twin)


WIDTHS = (1, 2, 3, 7, 8, 9, 15, 16, 17, 255, 256, 257, 301)  # around vectors and spans
DIGEST_SCRIPT = f"""
import hashlib, sys
import numpy as np
from petsgan_sdk import kernels
image = np.random.default_rng(3).uniform(-1.2, 1.2, (3, 37, 301)).astype(np.float32)
digest = hashlib.sha256()
for width in {WIDTHS}:
    out = kernels.signed_to_u8(image, height=37, width=width, backend=sys.argv[1])
    digest.update(out.tobytes())
print(kernels.build_info()["simd"], digest.hexdigest())
"""


def digest(simd, backend):
    done = subprocess.run(
        [sys.executable, "-c", DIGEST_SCRIPT, backend],
        env={**os.environ, "PETSGAN_SIMD": simd},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@needs_cpu
@pytest.mark.parametrize("simd", SIMD_LEVELS)
def test_every_instruction_set_gives_the_bytes_of_numpy(simd):
    if SIMD_LEVELS.index(simd) > SIMD_LEVELS.index(kernels.build_info()["simd"]):
        pytest.skip(f"this machine has no {simd}")
    found = digest(simd, "cpu")
    assert found[0] == simd
    assert found == digest(simd, "numpy")

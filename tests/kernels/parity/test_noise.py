from __future__ import annotations

import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest
from support.tolerances import SIMD_LEVELS

from petsgan_sdk import kernels

needs_cpu = pytest.mark.skipif(
    "cpu" not in kernels.available_backends(), reason="the C++ kernels are not built"
)

# Every row length around the vectors' (4 and 8 pixels), every number of channels left over, and
# columns and rows that wrap around 2^32.
BLOCKS = [
    ((2, channels, 3, width), top, left)
    for channels in (1, 2, 3, 4, 6)
    for width in (1, 3, 4, 5, 7, 8, 9, 16, 21)
    for top, left in ((-2, -5), (2**31 - 3, 2**31 - 21))
]
DIGEST_SCRIPT = f"""
import hashlib
from petsgan_sdk import kernels
digest = hashlib.sha256()
for shape, top, left in {BLOCKS}:
    block = kernels.normal_noise(shape, seed=11, stage=9, top=top, left=left, backend="cpu")
    digest.update(block.tobytes())
print(kernels.build_info()["simd"], digest.hexdigest())
"""


@needs_cpu
@pytest.mark.parametrize("simd", SIMD_LEVELS)
def test_every_instruction_set_gives_the_bits_of_numpy(simd):
    if SIMD_LEVELS.index(simd) > SIMD_LEVELS.index(kernels.build_info()["simd"]):
        pytest.skip(f"this machine has no {simd}")
    digest = hashlib.sha256()
    for shape, top, left in BLOCKS:
        twin = kernels.normal_noise(shape, seed=11, stage=9, top=top, left=left, backend="numpy")
        digest.update(twin.tobytes())
    done = subprocess.run(
        [sys.executable, "-c", DIGEST_SCRIPT],
        env={**os.environ, "PETSGAN_SIMD": simd},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [simd, digest.hexdigest()]


@needs_cpu
def test_a_million_values_have_the_bits_of_numpy():
    block = {"shape": (1, 4, 512, 512), "seed": 2**63 + 12345, "stage": 3}
    twin = kernels.normal_noise(**block, backend="numpy")
    values = kernels.normal_noise(**block, backend="cpu")
    np.testing.assert_array_equal(values.view(np.uint32), twin.view(np.uint32))

"""The kernels on aarch64: cross-compiled as the wheel compiles them, run under emulation.

Says that the code is right there, and nothing about its speed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from support.dense_patch_transfer import cosines, lay_patches, softmax_at
from support.paths import ROOT
from support.tolerances import TOLERANCES, assert_close

from petsgan_sdk import kernels

COMPILER = "aarch64-linux-gnu-g++"
EMULATOR = shutil.which("qemu-aarch64") or shutil.which("qemu-aarch64-static")
SIMD_LEVELS = ("portable", "neon")

MISSING = [tool for tool in (COMPILER, "cmake") if shutil.which(tool) is None]
pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}")


def checked(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    """The kernels, built by the project's own CMake with warnings as errors."""
    build = tmp_path_factory.mktemp("aarch64")
    checked(
        *("cmake", "-S", ROOT, "-B", build, "-DCMAKE_SYSTEM_NAME=Linux"),
        *("-DCMAKE_SYSTEM_PROCESSOR=aarch64", f"-DCMAKE_CXX_COMPILER={COMPILER}"),
        *("-DPETSGAN_WERROR=ON", "-DPETSGAN_PYTHON=OFF"),
    )
    checked("cmake", "--build", build, "--target", "petsgan_core", "--parallel", "2")
    library = build / "libpetsgan_core.a"
    linked = build / "run_kernel"
    source = Path(__file__).with_name("run_kernel.cpp")
    # Static: the emulator needs no libraries of that architecture then.
    checked(
        *(COMPILER, "-std=c++17", "-O1", "-Wall", "-Wextra", "-Wconversion", "-Werror", "-static"),
        *(f"-I{ROOT / 'csrc/include'}", source, library, "-pthread", "-o", linked),
    )
    return linked


def test_it_compiles(program):
    machine = int.from_bytes(program.read_bytes()[18:20], "little")
    assert machine == 183  # EM_AARCH64


@pytest.fixture(params=SIMD_LEVELS)
def run(request, program):
    """Calls `run(kernel, integers, *arrays)`, which returns what the kernel wrote, as bytes."""
    if EMULATOR is None:
        pytest.skip("qemu-aarch64 is not installed")

    def call(kernel, integers, *arrays):
        done = subprocess.run(
            [EMULATOR, program, kernel, *(str(int(value)) for value in integers)],
            input=b"".join(np.ascontiguousarray(array).tobytes() for array in arrays),
            env={**os.environ, "PETSGAN_SIMD": request.param},
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    assert call("simd", ()) == request.param.encode()
    return call


def test_noise_has_the_bits_of_numpy(run):
    shape, place = (2, 7, 61, 133), {"stage": 9, "first_image": 3, "top": -5, "left": 2**31 - 200}
    twin = kernels.normal_noise(shape, seed=2**62 + 11, **place, backend="numpy")
    found = run("normal_noise", (*shape, *place.values(), 2**62 + 11))
    assert found == twin.tobytes()


def test_bytes_are_those_of_numpy(run):
    rng = np.random.default_rng(1)
    image = rng.uniform(-1.2, 1.2, (3, 40, 301)).astype(np.float32)
    image[0, 0] = np.arange(301) / 127.5 - 1.0  # at and beside the edges of the levels
    twin = kernels.signed_to_u8(image, height=37, width=299, backend="numpy")
    assert run("signed_to_u8", (40, 301, 37, 299, 2), image) == twin.tobytes()


@pytest.mark.parametrize("wrap", [False, True])
def test_a_resized_window_has_the_bits_of_numpy(run, wrap):
    source = np.random.default_rng(4).uniform(-1, 1, (2, 3, 32, 45)).astype(np.float32)
    sizes = {"source_size": (32, 45), "target_size": (58, 41)}
    window = (-7, 12, 71, 55) if wrap else (3, 0, 55, 40)
    twin = kernels.resize_window(source, **sizes, window=window, wrap=wrap, backend="numpy")
    axes = [
        (size, target, window[axis], window[axis + 2], 0, size)
        for axis, (size, target) in enumerate(zip(*sizes.values(), strict=True))
    ]
    assert run("resize_window", (6, *axes[0], *axes[1], wrap, 2), source) == twin.tobytes()


@pytest.mark.parametrize("factor", [2, 6, 8])
def test_texture_transfer(run, factor):
    rng = np.random.default_rng(factor)
    texture = rng.uniform(-1, 1, (3, 7 * factor, 9 * factor)).astype(np.float32)
    index = rng.integers(0, 7 * 9, (2, 6, 11)).astype(np.int32)
    twin = kernels.texture_transfer(index, texture, factor=factor, backend="numpy")
    found = run("texture_transfer", (*index.shape, 7, 9, factor, 2), index, texture)
    assert_close(np.frombuffer(found, np.float32).reshape(twin.shape), twin)


# Query, reference images, their sizes, channels, window, temperature; widths meet register tiles
# of every size and vectors with a rest.
CASES = [
    ((21, 37), (1, 13, 67), 5, 7, 0.01),
    ((9, 23), (2, 8, 35), 43, 7, 1.0),
    ((6, 5), (1, 11, 12), 64, 5, 0.01),
    ((1, 1), (3, 2, 3), 3, 3, 0.0),
    *(((5, 8), (1, 4, width), 3, 7, 0.01) for width in range(1, 12)),
]


@pytest.mark.parametrize(("size", "reference", "channels", "window", "temperature"), CASES)
def test_patch_transfer(run, size, reference, channels, window, temperature):
    rng = np.random.default_rng(2)
    query = rng.standard_normal((channels, *size)).astype(np.float32)
    images, *reference_size = reference
    features = rng.standard_normal((images, channels, *reference_size)).astype(np.float32)
    values = rng.uniform(-1, 1, (images, 3, *reference_size)).astype(np.float32)
    options = (window, round(temperature * 1e6), True, 2)
    integers = (1, *size, channels, 3, *reference_size, images, *options)
    found = run("patch_transfer", integers, query, features, values)

    pixels = size[0] * size[1]
    assert len(found) == 5 * 4 * pixels
    index = np.frombuffer(found, np.int32, pixels, 4 * 3 * pixels)
    weight = np.frombuffer(found, np.float32, pixels, 4 * 4 * pixels)
    cosine = cosines(query, features, window)
    assert (index >= 0).all()
    assert (cosine[np.arange(pixels), index] > cosine.max(axis=1) - TOLERANCES["float32"]).all()
    assert_close(weight, softmax_at(cosine, index, temperature), what="weight")
    expected = lay_patches(
        values, index.reshape(size), weight.reshape(size), window=window, normalize=True
    )
    out = np.frombuffer(found, np.float32, 3 * pixels).reshape(3, *size)
    assert_close(out, expected, what="values")

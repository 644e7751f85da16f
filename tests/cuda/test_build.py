"""What CMake does about CUDA where nvcc is missing or broken."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest
from support.paths import ROOT

from petsgan_sdk import kernels

PROJECT = f"""
cmake_minimum_required(VERSION 3.25)
project(without_cuda LANGUAGES CXX)
include("{ROOT / "cmake/petsgan_cuda.cmake"}")
"""

needs_cmake = pytest.mark.skipif(
    shutil.which("cmake") is None or shutil.which("c++") is None,
    reason="cmake and a C++ compiler are needed to configure a build",
)


@pytest.fixture
def configure(tmp_path):
    (tmp_path / "CMakeLists.txt").write_text(PROJECT, encoding="utf-8")
    broken = tmp_path / "bin/nvcc"
    broken.parent.mkdir()
    broken.write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    broken.chmod(0o755)

    def run(setting):
        return subprocess.run(
            ["cmake", "-S", ".", "-B", "build", f"-DPETSGAN_ENABLE_CUDA={setting}"],
            cwd=tmp_path,
            env={**os.environ, "PATH": f"{broken.parent}:{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


@needs_cmake
def test_auto_goes_on_without_cuda_and_says_so(configure):
    done = configure("AUTO")
    assert done.returncode == 0, done.stderr
    assert "CUDA kernels: not built, no working nvcc was found" in done.stdout


@needs_cmake
def test_on_is_an_error_that_says_what_to_install(configure):
    done = configure("ON")
    assert done.returncode != 0
    message = " ".join(done.stderr.split())
    assert "PETSGAN_ENABLE_CUDA is ON, but no working nvcc was found" in message
    assert "nvidia-cuda-nvcc" in message


@needs_cmake
def test_off_looks_for_nothing(configure):
    done = configure("OFF")
    assert done.returncode == 0, done.stderr
    assert "CUDA" not in done.stdout


@needs_cmake
def test_an_unknown_setting(configure):
    done = configure("MAYBE")
    assert done.returncode != 0
    assert "PETSGAN_ENABLE_CUDA must be AUTO, ON or OFF, got 'MAYBE'" in done.stderr


@pytest.mark.skipif(
    not kernels.build_info()["cuda"]["built"], reason="the CUDA kernels are not built here"
)
def test_the_stub_describes_the_compiled_module(tmp_path):
    # Classes differ in their metaclass, pybind11's own; their members are still compared.
    classes = ("BorrowedTensor", "BorrowedTensor.__init__", "DeviceMemory", "Reference", "Shape")
    allowed = tmp_path / "allowlist"
    allowed.write_text("".join(f"petsgan_sdk._cuda.{name}\n" for name in classes), "utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "mypy.stubtest", "petsgan_sdk._cuda", "--allowlist", str(allowed)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr

"""What a wheel and an sdist hold, and that the wheel needs no compiler, no driver, no AVX2."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest
from PIL import Image
from support import benchmarks, wheel_contents
from support.paths import ROOT

PHOTO = ROOT / "examples" / "chelsea.png"
QEMU = shutil.which("qemu-x86_64") or shutil.which("qemu-x86_64-static")
BUILD = """
import sys, build_backend
print(build_backend.build_wheel(sys.argv[1], {"wheel.cmake": "false"}))
print(build_backend.build_sdist(sys.argv[1]))
"""


def ran(*command, **options):
    done = subprocess.run(
        [*map(str, command)], capture_output=True, text=True, check=False, **options
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def names_in(path):
    if path.suffix == ".whl":
        with zipfile.ZipFile(path) as archive:
            return set(archive.namelist())
    with tarfile.open(path) as archive:
        names = [Path(member.name) for member in archive if member.isfile()]
    return {Path(*name.parts[1:]).as_posix() for name in names}


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    """A wheel in which nothing is compiled, and an sdist, built from the working tree."""
    pytest.importorskip("scikit_build_core", reason="it packs what is tested")
    folder = tmp_path_factory.mktemp("packed")
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "cmake")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    ran(sys.executable, "-c", BUILD, folder, cwd=ROOT, env=environment)
    (wheel,), (sdist,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    return wheel, sdist


@pytest.fixture(scope="module")
def backend():
    """The module that installers call."""
    pytest.importorskip("scikit_build_core", reason="it is behind the build backend")
    spec = importlib.util.spec_from_file_location("build_backend", ROOT / "cmake/build_backend.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_wheel_holds_the_package_and_nothing_else(packed):
    assert wheel_contents.problems(packed[0]) == []
    package = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "petsgan_sdk").rglob("*.*")
        if path.suffix in {".py", ".pyi", ".toml", ".typed"}
    }
    assert package <= names_in(packed[0])
    assert wheel_contents.main([packed[0]]) == 1  # since nothing in it is compiled


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("tests/test_x.py", "neither the package nor its description"),
        ("petsgan_sdk.libs/libcudart-0.so", "neither the package nor its description"),
        ("petsgan_sdk/cpu/noise.cpp", "is no part of the package"),
        ("petsgan_sdk/_core.cpython-311-x86_64-linux-gnu.so", "expected all of"),
    ],
)
def test_what_does_not_belong_in_a_wheel_is_named(packed, tmp_path, name, said):
    wheel = tmp_path / packed[0].name
    shutil.copy(packed[0], wheel)
    with zipfile.ZipFile(wheel, "a") as archive:
        archive.writestr("petsgan_sdk/", "")  # as auditwheel notes folders
    assert wheel_contents.problems(wheel) == []
    with zipfile.ZipFile(wheel, "a") as archive:
        archive.writestr(name, "")
    assert any(said in problem for problem in wheel_contents.problems(wheel))


def test_an_sdist_holds_what_a_build_needs_and_no_results(packed):
    names = names_in(packed[1])
    wanted = ["csrc", "cmake", "petsgan_sdk"]
    sources = {p for folder in wanted for p in (ROOT / folder).rglob("*.*") if p.is_file()}
    left_out = {"__pycache__", ".so", ".pyc"}
    needed = {
        path.relative_to(ROOT).as_posix()
        for path in (*sources, ROOT / "CMakeLists.txt", ROOT / "pyproject.toml", ROOT / "README.md")
        if not left_out & {*path.parts, path.suffix}
    }
    assert needed <= names
    folders = {name.partition("/")[0] for name in names}
    unwanted = {".ci", ".github", ".venv", "build", "demo", "dist", "results", "shared"}
    assert not folders & unwanted
    assert packed[1].stat().st_size < 8e6


def test_packing_leaves_nothing_among_the_sources(packed):
    assert packed
    assert not (ROOT / "cmake" / "__pycache__").exists()
    assert not [*ROOT.glob("*.egg-info")]


def test_without_a_compiler_a_build_ends_with_one_line(tmp_path):
    pytest.importorskip("scikit_build_core", reason="it is behind the build backend")
    done = subprocess.run(
        [sys.executable, "-c", "import build_backend as b; b.get_requires_for_build_wheel()"],
        env={"PATH": str(tmp_path), "PYTHONPATH": str(ROOT / "cmake")},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: petsgan-sdk is compiled here and needs a C++17 compiler, but")
    assert "none is on PATH: install one (apt install g++, " in line


def test_a_build_asks_for_the_compiler_that_cmake_would_take(backend, monkeypatch, tmp_path):
    for name in ("CXX", "CMAKE_ARGS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(backend.sysconfig, "get_path", lambda _name: str(tmp_path))
    assert "none is on PATH" in backend.missing()
    assert backend.missing({"wheel.cmake": "false"}) is None
    assert backend.missing({"cmake.define.CMAKE_CXX_COMPILER": "/opt/c++"}) is None
    for name in ("clang++", "ccache"):
        (tmp_path / name).touch(mode=0o755)
    assert f"Python's headers, but {tmp_path} has none" in backend.missing()
    (tmp_path / "Python.h").touch()
    assert backend.missing() is None
    monkeypatch.setenv("CXX", "ccache clang++")
    assert backend.missing() is None
    monkeypatch.setenv("CXX", "g++-99 -m64")
    assert "CXX names g++-99, which is not there" in backend.missing()
    monkeypatch.setenv("CMAKE_ARGS", "-DCMAKE_CXX_COMPILER=/opt/c++")
    assert backend.missing() is None


def test_a_benchmark_of_the_first_images_refuses_what_is_no_file(tmp_path):
    error = benchmarks.refused("installing.bench_first_images", tmp_path / "none.whl")
    assert "expected a wheel and a photo" in error


@pytest.mark.slow
def test_a_wheel_from_the_sdist_makes_images_without_a_compiler(packed, tmp_path):
    """On a processor of 2008 the same as on this one."""
    objects, wheels, env = tmp_path / "build", tmp_path / "wheels", tmp_path / "env"
    options = (f"build-dir={objects}", "cmake.define.PETSGAN_ENABLE_CUDA=OFF")
    flags = [word for option in options for word in ("-C", option)]
    pip = (sys.executable, "-m", "pip")
    ran(*pip, "wheel", "--no-deps", "-w", wheels, *flags, packed[1])
    (wheel,) = wheels.glob("*.whl")
    assert wheel_contents.main([wheel]) == 0
    compiled = names_in(wheel) - names_in(packed[0])
    assert wheel_contents.compiled_parts([*compiled]) == ["_core", "libpetsgan_ort"]
    assert names_in(packed[0]) - names_in(wheel) == set()
    # A function that a file for AVX-512 shares with others could be the one that the linker keeps.
    for made in [*objects.rglob("*avx*.o"), *objects.rglob("*amx*.o")]:
        shared = [line for line in ran("nm", made).splitlines() if " W " in line]
        assert not shared, made

    venv.create(env, with_pip=True)
    bare = {"PATH": str(env / "bin"), "HOME": str(tmp_path)}
    kept = {k: v for k, v in os.environ.items() if k.startswith(("PIP_", "SSL_", "http"))}
    ran(env / "bin/python", "-m", "pip", "install", wheel, env={**bare, **kept}, cwd=tmp_path)
    sdk = (env / "bin/python", env / "bin/petsgan-sdk")
    ran(*sdk, "train", PHOTO, "--model", "instant", "-o", "m.petsgan", env=bare, cwd=tmp_path)

    def generated(name, *emulator, **more):
        command = (*emulator, *sdk, "generate", "m.petsgan", "-n", "2", "-o", name)
        ran(*command, env={**bare, **more}, cwd=tmp_path)
        return [path.read_bytes() for path in sorted((tmp_path / name).glob("*.png"))]

    images = generated("out")
    assert len(images) == 2
    with Image.open(next((tmp_path / "out").glob("*.png"))) as image:
        assert image.size == (256, 170)
    assert generated("portable", PETSGAN_SIMD="portable") == images
    if QEMU is not None:
        assert generated("nehalem", QEMU, "-cpu", "Nehalem") == images

    done = benchmarks.run("installing.bench_first_images", wheel, "--quick")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"measured: wheel {wheel.name}, images 2, size (256, 170)\n")

"""Our statement of ONNX Runtime's C ABI against the vendor's header, which Debian packages."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from support.paths import ROOT

LAYOUT = Path(__file__).with_name("vendor_layout.cpp")
HEADER = "onnxruntime_c_api.h"
INSTALLED = Path("/usr/include/onnxruntime")
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
SUITE = "trixie"  # the first Debian release with the package
SECONDS = 60


def run(*command, cwd=None):
    # A sanitizer that is preloaded into pytest would make apt-get hang.
    environment = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
    return subprocess.run(
        command,
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def package_mirrors():
    """Where this machine's own package lists come from."""
    done = run("apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages")
    return list(dict.fromkeys(done.stdout.split()))


def fetch_package(mirror, folder):
    """Unpack Debian's libonnxruntime-dev below `folder`; the machine's own apt is not touched."""
    (folder / "lists" / "partial").mkdir(parents=True)
    (folder / "cache").mkdir()
    (folder / "sources").write_text(f"deb [signed-by={KEYRING}] {mirror} {SUITE} main\n")
    options = {
        "Dir::State::Lists": folder / "lists",
        "Dir::Etc::sourcelist": folder / "sources",
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::Cache": folder / "cache",
        "Acquire::Retries": 0,
        "Acquire::http::Timeout": 10,
        "Acquire::Languages": "none",
    }
    apt = ["apt-get", "--quiet", *(f"-o{name}={value}" for name, value in options.items())]
    for action in (["update"], ["download", "libonnxruntime-dev"]):
        done = run(*apt, *action, cwd=folder)
        if done.returncode != 0:
            return (done.stderr.strip().splitlines() or ["apt-get failed"])[-1]
    for package in folder.glob("*.deb"):
        run("dpkg", "-x", str(package), str(folder / "root"))
    return ""


@pytest.fixture(scope="session")
def vendor_folder(tmp_path_factory):
    if (INSTALLED / HEADER).is_file():
        return INSTALLED
    missing = [tool for tool in ("apt-get", "dpkg") if shutil.which(tool) is None]
    if missing or not KEYRING.is_file():
        pytest.skip(f"ONNX Runtime's header needs Debian: no {missing or KEYRING.name}")
    reasons = ["apt names no mirror"]
    for mirror in package_mirrors():
        folder = tmp_path_factory.mktemp("vendor")
        try:
            reasons.append(fetch_package(mirror, folder))
        except subprocess.TimeoutExpired:
            reasons.append(f"apt-get took more than {SECONDS} s")
        for header in folder.rglob(HEADER):
            return header.parent
    pytest.skip(f"ONNX Runtime's header cannot be had: {reasons[-1]}")


def compile_layout(vendor_folder, source_folder):
    compiler = shutil.which("c++")
    if compiler is None:
        pytest.skip("no C++ compiler")
    flags = [
        "-std=c++17",
        "-fsyntax-only",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-Wno-ignored-attributes",
    ]
    return run(compiler, *flags, f"-I{source_folder}", "-isystem", str(vendor_folder), str(LAYOUT))


def test_our_abi_is_the_vendors(vendor_folder):
    done = compile_layout(vendor_folder, ROOT / "csrc")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("ours", "wrong", "named"),
    [
        ("KernelContext_ParallelFor, 274", "KernelContext_ParallelFor, 275", "ParallelFor"),
        ("GetEndVersion)(const OrtCustomOp*)", "GetEndVersion)(int)", "GetEndVersion"),
        ("const char*, float*))", "const char*, double*))", "GetAttribute_float"),
        ("kInt32 = 6", "kInt32 = 7", "kInt32"),
    ],
)
def test_a_planted_mistake_is_found(vendor_folder, tmp_path, ours, wrong, named):
    text = (ROOT / "csrc/ort/abi.h").read_text(encoding="utf-8")
    assert text.count(ours) == 1
    (tmp_path / "ort").mkdir()
    (tmp_path / "ort/abi.h").write_text(text.replace(ours, wrong), encoding="utf-8")
    done = compile_layout(vendor_folder, tmp_path)
    assert re.search(f"static assertion failed.*{named}", done.stderr), done.stderr


def test_every_member_is_compared():
    abi = (ROOT / "csrc/ort/abi.h").read_text(encoding="utf-8")
    struct = re.search(r"struct OrtCustomOp \{(.*?)\n\};", abi, re.DOTALL).group(1)
    members = set(re.findall(r"\(\*(\w+)\)", struct)) | {"version"}
    compared = set(re.findall(r"CHECK_MEMBER\(OrtCustomOp, (\w+)\)", LAYOUT.read_text("utf-8")))
    assert compared == members
    assert len(members) == 26

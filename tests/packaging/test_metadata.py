from __future__ import annotations

import importlib.metadata
import subprocess
import sys
import tomllib

import pytest
from support.paths import ROOT

import petsgan_sdk
from petsgan_sdk import _version, kernels
from petsgan_sdk.diagnosis import host


def test_one_version():
    with (ROOT / "pyproject.toml").open("rb") as file:
        version = tomllib.load(file)["project"]["version"]
    assert petsgan_sdk.__version__ == version
    assert kernels.build_info()["version"] == version


@pytest.mark.parametrize("found", ["none", "empty"])
def test_the_version_is_known_without_metadata(monkeypatch, found):
    core = pytest.importorskip("petsgan_sdk._core", reason="the kernels are not built")

    def version(name):
        if found == "none":
            raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(_version, "version", version)
    monkeypatch.delitem(vars(petsgan_sdk), "__version__", raising=False)
    assert petsgan_sdk.__version__ == core.build_info()["version"]
    assert host.installed_version("petsgan-sdk") == petsgan_sdk.__version__
    assert kernels.build_info()["version"] == petsgan_sdk.__version__


def test_neither_metadata_nor_kernels(monkeypatch):
    def version(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(_version, "version", version)
    monkeypatch.setitem(sys.modules, "petsgan_sdk._core", None)
    monkeypatch.delitem(vars(petsgan_sdk), "__version__", raising=False)
    assert petsgan_sdk.__version__ == "0+unknown"
    del vars(petsgan_sdk)["__version__"]  # found again by the next test


def test_the_stub_describes_the_compiled_module(tmp_path):
    # The class itself differs in its metaclass, pybind11's own; its members are still compared.
    allowed = tmp_path / "allowlist"
    allowed.write_text("petsgan_sdk._core.PatchReference\n", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "mypy.stubtest", "petsgan_sdk._core", "--allowlist", str(allowed)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr

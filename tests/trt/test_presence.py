"""What `doctor` says of TensorRT on machines that are not this one."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from petsgan_sdk.errors import BackendUnavailableError
from petsgan_sdk.runtime.device.driver import Gpu
from petsgan_sdk.runtime.tensorrt import availability
from petsgan_sdk.runtime.tensorrt.availability import find_availability
from petsgan_sdk.runtime.tensorrt.installed import INSTALL, INSTALL_RTX, InstalledTensorrt

FULL = InstalledTensorrt("tensorrt", "11.4.0", SimpleNamespace())
KNOWN = SimpleNamespace(ComputeCapability=SimpleNamespace(__members__={"SM89": 1, "CURRENT": 2}))
RTX = InstalledTensorrt("tensorrt_rtx", "1.7.1", KNOWN)


@pytest.fixture
def machine(monkeypatch):
    """A machine with a GPU and built kernels; tests take parts away."""

    def missing():
        msg = "no CUDA driver"
        raise BackendUnavailableError(msg, hint="install it")

    def make(*installed, capability="8.9", built=True):
        found = {each.name: each for each in installed}
        gpu = None if capability is None else Gpu("NVIDIA Example", capability)
        driver = SimpleNamespace(gpu=lambda: gpu)
        info = {"cuda": {"reason": None if built else "not built"}}
        monkeypatch.setattr(availability, "import_tensorrt", found.get)
        monkeypatch.setattr(availability, "open_driver", (lambda: driver) if gpu else missing)
        monkeypatch.setattr(availability.kernels, "build_info", lambda: info)
        return find_availability()

    return make


def test_nothing_is_installed(machine):
    found = machine()
    assert [(each.version, each.problem) for each in found.values()] == [
        (None, "not installed"),
        (None, "not installed"),
    ]
    assert [each.install for each in found.values()] == [INSTALL, INSTALL_RTX]


def test_everything_is_there(machine):
    found = machine(RTX)
    assert found["tensorrt_rtx"].problem is None
    assert found["tensorrt_rtx"].version == "1.7.1"
    assert found["tensorrt_rtx"].detail == "there, with NVIDIA Example; no engine was run"
    assert found["tensorrt_rtx"].install is None


def test_only_one_is_used(machine):
    found = machine(FULL, RTX, capability="9.0")
    assert found["tensorrt"].problem is None
    assert found["tensorrt_rtx"].version is None
    assert "tensorrt is installed and is used" in str(found["tensorrt_rtx"].problem)
    assert found["tensorrt_rtx"].install is None


@pytest.mark.parametrize(
    ("machine_is", "problem", "install"),
    [
        ({"capability": None}, "no CUDA driver", "install it"),
        ({"capability": "9.0"}, "does not build for NVIDIA Example", INSTALL),
        ({"built": False}, "not built", "PETSGAN_ENABLE_CUDA=ON"),
    ],
)
def test_a_part_is_missing(machine, machine_is, problem, install):
    found = machine(RTX, **machine_is)["tensorrt_rtx"]
    assert found.version == "1.7.1"
    assert problem in str(found.problem)
    assert found.detail == found.problem
    assert install in str(found.install)


def test_one_that_is_broken(machine, monkeypatch):
    machine()

    def broken(name):
        if name == "tensorrt":
            msg = "libnvinfer.so.10: cannot open"
            raise ImportError(msg)
        msg = "tensorrt_rtx must be 1 or newer"
        raise BackendUnavailableError(msg, hint="upgrade")

    monkeypatch.setattr(availability, "import_tensorrt", broken)
    full, rtx = find_availability().values()
    assert full.problem == "cannot be imported (libnvinfer.so.10: cannot open)"
    assert (rtx.problem, rtx.install) == ("tensorrt_rtx must be 1 or newer", "upgrade")

"""The arrows of the architecture, checked from outside."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from support.paths import ROOT

TORCH_FREE = ["", ".noise", ".kernels", ".imaging", ".manifest", ".container", ".runtime", ".cli"]
TORCH_FREE += [".tasks", ".metrics", ".evaluation.samples", ".synthesis", ".stations.train"]
TORCH_FREE += [".stations.export", ".fitting.run", ".fitting.bundle", ".training", ".export"]
TORCH_FREE += [
    ".settings.families",
    ".settings",
    ".checkpoint",
    ".output.batch",
    ".diagnosis.doctor",
]
HEAVY = ["torch", "onnx", "onnxscript", "onnxruntime", "tensorrt"]


def run_python(code, tmp_path):
    # From an empty folder, so that no script beside the package can be found by accident.
    return subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("module", TORCH_FREE)
def test_imports_where_nothing_optional_is_installed(module, tmp_path):
    poison = "; ".join(f"sys.modules[{name!r}] = None" for name in HEAVY)
    done = run_python(f"import sys; {poison}; import petsgan_sdk{module}", tmp_path)
    assert done.returncode == 0, done.stderr


def test_the_package_itself_imports_almost_nothing(tmp_path):
    code = (
        "import sys, petsgan_sdk; petsgan_sdk.ConfigError;"
        f"print([name for name in {[*HEAVY, 'numpy', 'PIL', 'rich']} if name in sys.modules])"
    )
    done = run_python(code, tmp_path)
    assert done.stdout.strip() == "[]", done.stderr


def test_unknown_name_of_the_package():
    import petsgan_sdk  # noqa: PLC0415

    assert "load" in dir(petsgan_sdk)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = petsgan_sdk.nothing


@pytest.mark.parametrize(
    ("folder", "forbidden"),
    [
        ("csrc/include", r'#include ["<](pybind11|Python|common|cpu|python|cuda|emu)'),
        ("csrc/common", r'#include ["<](pybind11|Python|cpu|python|cuda)'),
        ("csrc/cpu", r'#include ["<](pybind11|Python|python|cuda)'),
        ("csrc/cuda", r'#include ["<](pybind11|Python|cpu|python)'),
        ("csrc/emu", r'#include ["<](pybind11|Python|common|cpu|python)'),
        ("csrc/python", r'#include ["<](common|cpu|cuda|emu)'),
        ("csrc/ort", r'#include ["<](pybind11|Python|common|cpu|python|cuda|onnxruntime)'),
    ],
)
def test_includes_follow_the_layers(folder, forbidden):
    files = [path for path in (ROOT / folder).rglob("*") if path.suffix in {".h", ".cpp", ".cu"}]
    assert files
    wrong = [
        f"{path.relative_to(ROOT)}: {line}"
        for path in files
        for line in path.read_text(encoding="utf-8").splitlines()
        if re.match(forbidden, line)
    ]
    assert not wrong


def test_public_headers_have_no_build_flags():
    for path in (ROOT / "csrc/include").rglob("*.h"):
        assert "#if" not in path.read_text(encoding="utf-8"), path

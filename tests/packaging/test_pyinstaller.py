from __future__ import annotations

import importlib.util
import os
import runpy
import subprocess
import sys
import tomllib
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import get_args

import pytest
from support.paths import ROOT

import petsgan_sdk
from petsgan_sdk import _pyinstaller, kernels
from petsgan_sdk.manifest.steps import AnyStep
from petsgan_sdk.runtime.providers import import_onnxruntime

PROGRAM = """
import sys
import petsgan_sdk
from petsgan_sdk import kernels
from petsgan_sdk.settings.presets import load_preset
image = petsgan_sdk.load(sys.argv[1], threads=1).sample(1)[0]
version, presets = petsgan_sdk.__version__, load_preset("fast").family
print(*kernels.available_backends(), *image.shape, version, presets)
"""


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """What the hook tells PyInstaller, which need not be installed."""
    hooks = ModuleType("PyInstaller.utils.hooks")
    hooks.copy_metadata = lambda name: [(f"/site/{name}.dist-info", f"{name}.dist-info")]
    monkeypatch.setitem(sys.modules, "PyInstaller", ModuleType("PyInstaller"))
    monkeypatch.setitem(sys.modules, "PyInstaller.utils", ModuleType("PyInstaller.utils"))
    monkeypatch.setitem(sys.modules, "PyInstaller.utils.hooks", hooks)
    (folder,) = _pyinstaller.hook_dirs()
    return runpy.run_path(str(Path(folder) / "hook-petsgan_sdk.py"))


def test_the_entry_point_names_the_folder_of_the_hook() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    module, _, name = project["entry-points"]["pyinstaller40"]["hook-dirs"].partition(":")
    (folder,) = getattr(import_module(module), name)()
    assert [path.name for path in Path(folder).glob("hook-*.py")] == ["hook-petsgan_sdk.py"]


def test_the_hook_brings_the_compiled_kernels_from_where_they_are(
    hook: dict[str, object],
) -> None:
    core = pytest.importorskip("petsgan_sdk._core", reason="the compiled kernels are not built")
    assert (core.__file__, "petsgan_sdk") in hook["binaries"]
    assert (str(kernels.custom_ops_library()), "petsgan_sdk") in hook["binaries"]
    assert "petsgan_sdk._core" in hook["hiddenimports"]
    if importlib.util.find_spec("petsgan_sdk._cuda"):
        assert "petsgan_sdk._cuda" in hook["hiddenimports"]
        names = [Path(file).name.partition(".")[0] for file, _ in hook["binaries"]]
        assert {"_cuda", "libpetsgan_cuda"} <= set(names)
    assert len(hook["binaries"]) == len(set(hook["binaries"]))
    assert all(Path(file).is_file() for file, _ in hook["binaries"])


def test_the_hook_brings_onnxruntime_and_what_is_asked_for_its_version(
    hook: dict[str, object],
) -> None:
    pytest.importorskip("onnxruntime", reason="the hook leaves out what is not installed")
    for name in hook["hiddenimports"]:
        import_module(name)
    assert "onnxruntime" in hook["hiddenimports"]
    runners = {kind.runner.partition(":")[0] for kind in get_args(AnyStep)}
    assert runners <= {*hook["hiddenimports"]}
    import_onnxruntime()
    folders = {target for _, target in hook["datas"]}
    assert {"petsgan-sdk.dist-info", "numpy.dist-info", "petsgan_sdk/presets"} <= folders


def test_the_hook_brings_the_presets(hook: dict[str, object]) -> None:
    (presets,) = [folder for folder, target in hook["datas"] if target == "petsgan_sdk/presets"]
    assert (Path(presets) / "petsgan" / "fast.toml").is_file()


def test_what_is_not_installed_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_pyinstaller, "find_spec", lambda _name: None)
    assert {name.split(".")[0] for name in _pyinstaller.hidden_imports()} == {"petsgan_sdk"}
    assert not {"petsgan_sdk._core", "petsgan_sdk._cuda"} & {*_pyinstaller.hidden_imports()}
    assert _pyinstaller.compiled_files() == []


@pytest.mark.slow
def test_a_frozen_program_samples_with_the_compiled_kernels(bundle: Path, tmp_path: Path) -> None:
    pytest.importorskip("PyInstaller", reason="freezing needs PyInstaller")
    if not entry_points(group="pyinstaller40").select(value="petsgan_sdk._pyinstaller:hook_dirs"):
        pytest.skip("this installation is older than its entry point: install the package again")
    (tmp_path / "program.py").write_text(PROGRAM, encoding="utf-8")
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    command = [sys.executable, "-m", "PyInstaller", "--noconfirm", "--onedir", "program.py"]
    built = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, check=False, env=environment
    )
    assert built.returncode == 0, built.stderr[-3000:]
    program = tmp_path / "dist" / "program" / "program"
    done = subprocess.run(
        [str(program), str(bundle)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    version = petsgan_sdk.__version__
    expected = " ".join([*kernels.available_backends(), f"48 64 3 {version} petsgan\n"])
    assert (done.returncode, done.stdout, done.stderr) == (0, expected, "")

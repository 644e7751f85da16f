from __future__ import annotations

import os
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

import petsgan_sdk
from petsgan_sdk import kernels
from petsgan_sdk.errors import BackendUnavailableError
from petsgan_sdk.kernels import _backend

REASON = "libstdc++.so.6: version `GLIBCXX_3.4.99' not found"


@pytest.fixture
def _no_core(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str) -> None:
        raise ImportError(REASON, name=name)

    monkeypatch.delenv("PETSGAN_BACKEND", raising=False)
    for name, value in {"_core": None, "_problem": None, "_has_warned": False}.items():
        monkeypatch.setattr(_backend, name, value)
    monkeypatch.setattr(_backend, "import_module", broken)


@pytest.mark.usefixtures("_no_core")
def test_the_fallback_to_numpy_warns_once_where_the_kernel_is_called() -> None:
    with pytest.warns(RuntimeWarning) as found:
        kernels.normal_noise((1, 1, 2, 2), seed=0)
    (record,) = found
    message = str(record.message)
    assert REASON in message
    assert "hint: pip install --force-reinstall" in message
    assert "PETSGAN_BACKEND=numpy" in message
    assert "\n" not in message
    assert Path(record.filename).name == Path(__file__).name
    kernels.normal_noise((1, 1, 2, 2), seed=0)  # a second warning would be an error
    kernels.signed_to_u8(np.zeros((3, 4, 4), np.float32), height=4, width=4)


@pytest.mark.usefixtures("_no_core")
@pytest.mark.parametrize("how", ["variable", "argument", "info"])
def test_nothing_warns_where_numpy_is_wanted_or_no_kernel_is_called(
    how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        if how == "variable":
            monkeypatch.setenv("PETSGAN_BACKEND", "numpy")
            kernels.normal_noise((1, 1, 2, 2), seed=0)
        elif how == "argument":
            kernels.normal_noise((1, 1, 2, 2), seed=0, backend="numpy")
        else:
            assert kernels.available_backends() == ("numpy",)
            assert kernels.build_info()["problem"] == REASON
    assert not _backend._has_warned


@pytest.mark.usefixtures("_no_core")
def test_the_compiled_backend_by_name_is_refused_with_the_reason() -> None:
    with pytest.raises(BackendUnavailableError, match=r"'cpu' is not built here.*GLIBCXX"):
        kernels.normal_noise((1, 1, 2, 2), seed=0, backend="cpu")


def test_a_program_without_the_compiled_module_says_so_once(tmp_path: Path) -> None:
    script = """
import sys
sys.modules["petsgan_sdk._core"] = None
from petsgan_sdk import kernels
print("imported")
for seed in range(3):
    kernels.normal_noise((1, 1, 2, 2), seed=seed)
    kernels.normal_noise((1, 1, 3, 3), seed=seed)
"""
    path = tmp_path / "program.py"
    path.write_text(script, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(path)], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "imported\n"
    assert done.stderr.count("RuntimeWarning") == 1
    assert f"{path}:7: RuntimeWarning: the compiled kernels cannot be loaded" in done.stderr


@pytest.mark.skipif(
    "cpu" not in kernels.available_backends(), reason="the compiled kernels are not built"
)
def test_where_they_are_built_there_is_no_problem() -> None:
    assert kernels.build_info()["problem"] is None


@pytest.fixture
def two_packages(tmp_path: Path) -> tuple[Path, Path]:
    """Folders that hold the package: as sources that are not built, and as it is installed."""
    core = _backend.core()
    if core is None:
        pytest.skip("the compiled kernels are not built")
    sources, installed = tmp_path / "sources", tmp_path / "installed"
    for folder in (sources, installed):
        shutil.copytree(
            Path(petsgan_sdk.__file__).parent,
            folder / "petsgan_sdk",
            ignore=shutil.ignore_patterns("_core.*", "*.so", "__pycache__"),
        )
    shutil.copy(core.__file__, installed / "petsgan_sdk")
    return sources, installed


def draw_noise(cwd: Path, *path: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Call a compiled kernel in a program of one line, without what an editable install does."""
    program = "import petsgan_sdk.kernels as k; k.normal_noise((1, 1, 2, 2), seed=0, backend='cpu')"
    folders = os.pathsep.join(map(str, (*path, Path(np.__file__).parents[1])))
    return subprocess.run(
        [sys.executable, "-S", "-c", program],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": folders, **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("how", ["working folder", "PYTHONPATH"])
def test_sources_that_hide_the_installed_package_are_named_with_the_remedy(
    how: str, tmp_path: Path, two_packages: tuple[Path, Path]
) -> None:
    sources, installed = two_packages
    if how == "working folder":
        done = draw_noise(sources, installed)
    else:
        done = draw_noise(tmp_path, sources, installed)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith(
        f"(the sources in {sources / 'petsgan_sdk'} hide the package installed in "
        f"{installed / 'petsgan_sdk'}); hint: set PYTHONSAFEPATH=1, and keep these sources out of "
        "PYTHONPATH"
    )
    repaired = draw_noise(sources, installed, PYTHONSAFEPATH="1")
    assert (repaired.returncode, repaired.stderr) == (0, "")


def test_sources_that_hide_nothing_need_to_be_installed(
    tmp_path: Path, two_packages: tuple[Path, Path]
) -> None:
    done = draw_noise(tmp_path, two_packages[0])
    assert done.returncode == 1
    *_, message = done.stderr.splitlines()
    assert "No module named 'petsgan_sdk._core'" in message
    assert message.endswith("hint: pip install --force-reinstall --no-deps petsgan-sdk")

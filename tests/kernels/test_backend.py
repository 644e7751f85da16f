from __future__ import annotations

import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

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

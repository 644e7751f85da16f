from __future__ import annotations

import importlib.metadata
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.commands import runner

from petsgan_sdk import kernels
from petsgan_sdk.cli import app
from petsgan_sdk.diagnosis import benchmark as benchmark_module
from petsgan_sdk.diagnosis import doctor, host
from petsgan_sdk.diagnosis.benchmark import benchmark
from petsgan_sdk.errors import BackendUnavailableError, ConfigError
from petsgan_sdk.settings import ModelSettings
from petsgan_sdk.settings.families import FAMILIES, Family

pytest.importorskip("onnxruntime", reason="providers are those of onnxruntime")


def test_the_cpu_answers() -> None:
    assert doctor.probe_provider("cpu") is None


def test_wrong_numbers_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    model = doctor.probe_model()
    monkeypatch.setattr(doctor, "probe_model", lambda: model)
    monkeypatch.setattr(doctor, "_KERNEL", doctor._KERNEL + np.float32(0.1))
    assert "wrong numbers" in str(doctor.probe_provider("cpu"))


def test_diagnosis() -> None:
    found = doctor.diagnose()
    json.dumps(found, allow_nan=False)
    assert set(found["providers"]) == {"cpu", "cuda", "tensorrt", "tensorrt-rtx"}
    assert found["providers"]["cpu"] == {
        "ok": True,
        "present": True,
        "version": host.installed_version("onnxruntime"),
        "detail": "answered a 32x32 inference",
        "install": None,
    }
    assert found["versions"]["numpy"] == np.__version__
    for entry in found["missing"]:
        assert set(entry) == {"what", "detail", "install"}


def test_models_without_networks_need_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    every = {"training": True, "exporting": True, "sampling": True}
    bare = Family("bare", ("bare",), (), ModelSettings, "no:fit", "no:apart", has_networks=False)
    monkeypatch.setattr(doctor, "FAMILIES", (*FAMILIES, bare))
    monkeypatch.setattr(doctor, "probe_provider", lambda _: "it does not answer")
    monkeypatch.setattr(doctor, "installed_version", lambda name: None if name == "onnx" else "1")
    models = doctor.diagnose()["models"]
    assert {*models} == {*(model for each in FAMILIES for model in each.models), "bare"}
    assert models["bare"] == every
    assert models["petsgan"] == {"training": True, "exporting": False, "sampling": False}
    shown = runner.invoke(app, ["doctor"])
    assert shown.exit_code == 3
    assert "model bare        training ok, exporting ok, sampling ok\n" in shown.stdout
    assert "not ready to sample, but for " in shown.stdout.splitlines()[-1]
    assert shown.stdout.endswith("bare\n")


def test_the_quota_and_the_usable_cores_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "allowed_cores", lambda: 32)
    monkeypatch.setattr(doctor, "cpu_quota", lambda: 0.5)
    monkeypatch.setattr(doctor, "usable_cores", lambda: 1)
    assert doctor.diagnose()["cores"] == {"allowed": 32, "quota": 0.5, "usable": 1}
    result = runner.invoke(app, ["doctor"])
    assert "cores             1 usable: 32 allowed, a quota of 0.5\n" in result.stdout


def test_the_state_of_the_kernels_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PETSGAN_BACKEND", raising=False)
    best = kernels.available_backends()[0]
    state = doctor.diagnose()["backend"]
    assert (state["used"], state["asked"]) == (best, "auto")
    monkeypatch.setenv("PETSGAN_BACKEND", "numpy")
    state = doctor.diagnose()["backend"]
    assert (state["used"], state["asked"]) == ("numpy", "numpy")
    monkeypatch.delenv("PETSGAN_BACKEND")
    monkeypatch.setattr(kernels._backend, "_core", False)
    monkeypatch.setattr(kernels._backend, "_problem", "no such file")
    found = doctor.diagnose()
    assert (found["backend"]["used"], found["backend"]["problem"]) == ("numpy", "no such file")
    (entry,) = [entry for entry in found["missing"] if entry["what"] == "compiled kernels"]
    assert "several times slower (no such file)" in entry["detail"]
    assert entry["install"] == "pip install --force-reinstall --no-deps petsgan-sdk"


def test_a_listed_provider_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "available_providers", lambda: ("cuda", "cpu"))
    monkeypatch.setattr(doctor, "probe_provider", lambda name: "no GPU" if name == "cuda" else None)
    found = doctor.diagnose()
    cuda = found["providers"]["cuda"]
    assert (cuda["ok"], cuda["present"], cuda["detail"]) == (False, True, "no GPU")
    assert 'petsgan-sdk[gpu]"' in cuda["install"]
    assert found["providers"]["cpu"]["ok"]


@pytest.mark.parametrize("usable", [True, False])
def test_cuda_answers_and_the_driver_cannot_be_called(
    monkeypatch: pytest.MonkeyPatch, usable: bool
) -> None:
    info = {**kernels.build_info(), "cuda": {"usable": usable}}
    monkeypatch.setattr(doctor.kernels, "build_info", lambda: info)
    monkeypatch.setattr(doctor, "available_providers", lambda: ("cuda", "cpu"))
    monkeypatch.setattr(doctor, "probe_provider", lambda _: None)
    monkeypatch.setitem(sys.modules, "cuda.bindings.driver", None)
    cuda = doctor.diagnose()["providers"]["cuda"]
    assert cuda["ok"] is not usable  # kernels that cannot be used run on the CPU instead
    if usable:
        assert "cuda-bindings, which cannot be imported" in cuda["detail"]
        assert cuda["install"] == 'pip install "cuda-bindings>=13,<14"'


def test_no_onnxruntime(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent() -> tuple[str, ...]:
        msg = "generating needs onnxruntime"
        raise BackendUnavailableError(msg, hint="pip install it")

    monkeypatch.setattr(doctor, "available_providers", absent)
    found = doctor.diagnose()
    assert not found["ok"]
    assert found["missing"][0]["install"] == "pip install it"


def test_both_wheels(monkeypatch: pytest.MonkeyPatch) -> None:
    both = ("onnxruntime", "onnxruntime-gpu")
    monkeypatch.setattr(doctor, "conflicting_wheels", lambda: both)
    found = doctor.diagnose()
    assert not found["ok"]
    assert any("both installed" in entry["detail"] for entry in found["missing"])


def test_missing_extras_name_their_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "installed_version", lambda _: None)
    commands = [entry["install"] for entry in doctor.diagnose()["missing"]]
    assert 'pip install "petsgan-sdk[train]"' in commands
    assert 'pip install "petsgan-sdk[export]"' in commands


def test_benchmark_rows(bundle: Path) -> None:
    found = benchmark(bundle, sizes_px=[(40, 24), (64, 64)], iterations=3, provider="cpu")
    json.dumps(found, allow_nan=False)
    assert [row["size"] for row in found["rows"]] == [[40, 24], [64, 64]]
    for row in found["rows"]:
        warm = row["warm_ms"]
        assert set(warm) == {"min", "mean", "p50", "p90", "p95", "p99"}
        assert 0 < warm["min"] <= warm["p50"] <= warm["p90"] <= warm["p95"] <= warm["p99"]
        assert row["images_per_s"] == pytest.approx(1000 / warm["mean"])
        assert row["load_ms"] > 0
        assert row["first_ms"] > 0
        assert row["batch"] == 1
        assert set(row["stages_ms"]) >= {"noise", "depnet", "patch_transfer", "to_uint8"}


def test_benchmark_defaults_to_the_photo(bundle: Path) -> None:
    (row,) = benchmark(bundle, iterations=1, provider="cpu")["rows"]
    assert row["size"] == [64, 48]


def test_benchmark_leaves_out_what_does_not_answer(
    bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = benchmark_module.load

    def only_cpu(path: Path, *, provider: str, **rest: Any) -> Any:
        if provider == "cuda":
            msg = "no GPU"
            raise BackendUnavailableError(msg)
        return real(path, provider=provider, **rest)

    monkeypatch.setattr(benchmark_module, "load", only_cpu)
    monkeypatch.setattr(benchmark_module, "_candidates", lambda: ("cuda", "cpu"))
    found = benchmark(bundle, iterations=1)
    assert found["unavailable"] == {"cuda": "no GPU"}
    assert len(found["rows"]) == 1
    monkeypatch.setattr(benchmark_module, "_candidates", lambda: ("cuda",))
    with pytest.raises(BackendUnavailableError, match=r"no provider answers here \(no GPU\)"):
        benchmark(bundle, iterations=1)
    with pytest.raises(BackendUnavailableError, match=r"^no GPU"):
        benchmark(bundle, iterations=1, provider="cuda")


def test_benchmark_tries_tensorrt_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchmark_module, "available_providers", lambda: ("cpu",))
    installed = {"tensorrt_rtx"}
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name: object() if name in installed else None
    )
    assert benchmark_module._candidates() == ("tensorrt", "cpu")
    installed.clear()
    assert benchmark_module._candidates() == ("cpu",)


@pytest.mark.parametrize("asked", [{"iterations": 0}, {"sizes_px": [(8, 8)]}])
def test_benchmark_refuses(bundle: Path, asked: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        benchmark(bundle, **asked)


def test_host_facts() -> None:
    host.reset_peak_rss()
    assert host.peak_rss_mb() > 10
    assert host.installed_version("no-such-distribution") is None
    assert host.versions()["python"].startswith("3.")


def test_a_module_without_metadata_is_there_all_the_same(tmp_path, monkeypatch):
    (tmp_path / "vendored_part.py").write_text("__version__ = '7'\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert host.installed_version("vendored-part") == "unknown"
    assert "vendored_part" not in sys.modules
    importlib.import_module("vendored_part")
    assert host.installed_version("vendored-part") == "7"
    monkeypatch.delitem(sys.modules, "vendored_part")
    # A module of that name that another package brought.
    owned = {"vendored_part": ["somebody-elses"]}
    monkeypatch.setattr(importlib.metadata, "packages_distributions", lambda: owned)
    assert host.installed_version("vendored-part") is None

from __future__ import annotations

import importlib
import importlib.metadata
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from petsgan_sdk.diagnosis.doctor import probe_model
from petsgan_sdk.errors import BackendUnavailableError, ConfigError
from petsgan_sdk.runtime import load, providers, sampler, session
from petsgan_sdk.runtime.session import GraphSession

pytest.importorskip("onnxruntime", reason="providers are those of onnxruntime")


@pytest.fixture
def fresh_import() -> Iterator[None]:
    providers.import_onnxruntime.cache_clear()
    yield
    providers.import_onnxruntime.cache_clear()


def listing(*names: str) -> Any:
    return lambda: names


def test_importing_leaves_no_trace_at_home(tmp_path: Path) -> None:
    code = "from petsgan_sdk.diagnosis import doctor; assert doctor.probe_provider('cpu') is None"
    kept = {k: v for k, v in os.environ.items() if k not in ("ORT_DISABLE_TELEMETRY", "CI")}
    home = {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    command = [sys.executable, "-c", code]
    subprocess.run(command, env={**kept, **home}, check=True, timeout=60)
    assert list(tmp_path.rglob("*")) == []


def test_unknown_name_lists_the_names() -> None:
    with pytest.raises(ConfigError, match="one of auto, cpu, cuda, tensorrt, got 'tpu'"):
        providers.candidate_providers("tpu")


def test_a_named_provider_that_is_absent_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(providers, "available_providers", listing("cpu"))
    with pytest.raises(BackendUnavailableError, match="which offers: cpu") as caught:
        providers.candidate_providers("cuda")
    assert caught.value.exit_code == 3
    assert 'pip install "petsgan-sdk[gpu]"' in str(caught.value)


@pytest.mark.parametrize(
    ("provider", "extra"), [("cuda", "petsgan-sdk[gpu]"), ("cpu", "petsgan-sdk[cpu]")]
)
def test_two_wheels_explain_a_provider_that_is_absent(
    monkeypatch: pytest.MonkeyPatch, provider: str, extra: str
) -> None:
    monkeypatch.setattr(providers, "available_providers", listing("other"))
    monkeypatch.setattr(providers, "conflicting_wheels", listing("onnxruntime", "onnxruntime-gpu"))
    expected = "onnxruntime and onnxruntime-gpu are both installed, and what is left .* other"
    with pytest.raises(BackendUnavailableError, match=expected) as caught:
        providers.candidate_providers(provider)
    # Removing one of them breaks the other: both go.
    assert "pip uninstall -y onnxruntime onnxruntime-gpu && " in str(caught.value)
    assert extra in str(caught.value)


def test_tensorrt_is_tried_alone_and_never_unasked(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        msg = "TensorRT needs no onnxruntime"
        raise AssertionError(msg)

    monkeypatch.setattr(providers, "available_providers", refuse)
    (only,) = providers.candidate_providers("tensorrt")
    assert (only.name, only.required) == ("tensorrt", True)


def test_options_that_a_provider_did_not_take_are_reported(
    caplog: pytest.LogCaptureFixture,
) -> None:
    # ONNX Runtime's CPU provider takes no options and says nothing.
    options = {"gpu_mem_limit": "1048576"}
    with caplog.at_level(logging.WARNING, logger="petsgan_sdk"):
        GraphSession(probe_model(), "p", provider="cpu", threads=1, provider_options=options)
    assert "was given gpu_mem_limit=1048576 and uses None" in caplog.text


def test_auto_tries_the_best_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(providers, "available_providers", listing("cuda", "cpu"))
    tried = [(c.name, c.required) for c in providers.candidate_providers("auto")]
    assert tried == [("cuda", False), ("cpu", True)]
    (named,) = providers.candidate_providers("cuda")
    assert named.required


@pytest.mark.usefixtures("fresh_import")
@pytest.mark.parametrize(("given", "found"), [(None, "1"), ("0", "0")])
def test_onnxruntime_reports_to_nobody_unless_told_to(
    monkeypatch: pytest.MonkeyPatch, given: str | None, found: str
) -> None:
    monkeypatch.setenv("ORT_DISABLE_TELEMETRY", "")  # so that it is put back afterwards
    monkeypatch.delenv("ORT_DISABLE_TELEMETRY")
    if given is not None:
        monkeypatch.setenv("ORT_DISABLE_TELEMETRY", given)
    providers.import_onnxruntime()
    assert os.environ["ORT_DISABLE_TELEMETRY"] == found


class FellBack:
    """ONNX Runtime when CUDA does not start: it says so on stderr and carries on with the CPU."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def get_providers(self) -> list[str]:
        return ["CPUExecutionProvider"]


def test_a_silent_fallback_is_caught(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    ort = providers.import_onnxruntime()
    lost = "Failed to load libcublas\nmore"
    monkeypatch.setattr(ort, "preload_dlls", lambda: print(lost), raising=False)  # noqa: T201
    monkeypatch.setattr(ort, "InferenceSession", FellBack)
    message = r"asked for CUDAExecutionProvider, got CPU\S* \(Failed to load libcublas\); hint"
    with pytest.raises(BackendUnavailableError, match=message):
        GraphSession(probe_model(), "probe", provider="cuda", threads=1)
    assert capfd.readouterr() == ("", "")


def test_a_provider_that_raises_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **settings: Any) -> None:
        assert settings["enable_fallback"] == 0
        msg = "CUDA failure 35: driver is too old\nmore lines"
        raise RuntimeError(msg)

    ort = providers.import_onnxruntime()
    monkeypatch.setattr(ort, "preload_dlls", lambda: print("lost"), raising=False)  # noqa: T201
    monkeypatch.setattr(ort, "InferenceSession", refuse)
    with pytest.raises(BackendUnavailableError, match="did not start: CUDA failure 35: driver is"):
        GraphSession(probe_model(), "probe", provider="cuda", threads=1)


def test_auto_falls_back_and_says_so(
    bundle: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    real = GraphSession

    def only_cpu(*graph: Any, provider: str, **settings: Any) -> GraphSession:
        if provider == "cuda":
            msg = "no GPU here"
            raise BackendUnavailableError(msg)
        return real(*graph, provider=provider, **settings)

    monkeypatch.setattr(providers, "available_providers", listing("cuda", "cpu"))
    monkeypatch.setattr("petsgan_sdk.runtime.rendering.steps.graph.GraphSession", only_cpu)
    with caplog.at_level(logging.WARNING, logger="petsgan_sdk"):
        loaded = load(bundle, threads=1)
    assert loaded.provider == "cpu"
    assert loaded.provider_note == "fell back from cuda: no GPU here"
    assert "fell back from cuda" in caplog.text
    with pytest.raises(BackendUnavailableError, match="no GPU here"):
        load(bundle, provider="cuda")


def test_auto_on_a_cpu_says_nothing(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(providers, "available_providers", listing("cpu"))
    loaded = load(bundle, threads=1)
    assert (loaded.provider, loaded.provider_note) == ("cpu", None)


@pytest.mark.usefixtures("fresh_import")
def test_no_onnxruntime_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(BackendUnavailableError, match="generating needs onnxruntime") as caught:
        providers.available_providers()
    assert caught.value.hint == 'pip install "petsgan-sdk[cpu]"'


@pytest.mark.usefixtures("fresh_import")
def test_both_wheels_are_noticed(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(importlib.metadata, "distribution", lambda name: name)
    assert providers.conflicting_wheels() == ("onnxruntime", "onnxruntime-gpu")
    with caplog.at_level(logging.WARNING, logger="petsgan_sdk"):
        providers.import_onnxruntime()
    assert "installed together" in caplog.text
    assert "pip uninstall -y onnxruntime onnxruntime-gpu" in caplog.text


def test_nothing_imports_onnxruntime_before_it_is_used() -> None:
    for module in (providers, session, sampler):
        assert "onnxruntime" not in vars(importlib.import_module(module.__name__))

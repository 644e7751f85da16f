from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from petsgan_sdk import runtime
from petsgan_sdk.checkpoint import Checkpoint, save_checkpoint
from petsgan_sdk.cli import app
from petsgan_sdk.diagnosis import benchmark, doctor
from petsgan_sdk.errors import BackendUnavailableError, ParityError
from petsgan_sdk.runtime import ProviderOptions
from petsgan_sdk.settings import ModelSettings, families
from petsgan_sdk.settings.families import FAMILIES, Family, FamilyOption, model_names
from petsgan_sdk.settings.presets import ablation_names, load_preset
from petsgan_sdk.stations.train import Progress, TrainResult

runner = CliRunner()


@dataclass
class Recorder:
    """Stands in for training or export: remembers its call and returns what it is told."""

    result: Any = None
    error: BaseException | None = None
    calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = field(default_factory=list)
    before: Callable[..., None] = lambda **_: None

    def __call__(self, *words: Any, **settings: Any) -> Any:
        self.calls.append((words, settings))
        self.before(**settings)
        if self.error is not None:
            raise self.error
        return self.result


TRAINED = TrainResult(Path("m.pt"), steps=40, seconds=1.5, size_px=(256, 171))
DOERS = {"train": "petsgan_sdk.training.run", "export": "petsgan_sdk.export.bundle"}
"""What needs torch, by command."""


@dataclass
class ExportResult:
    bundle: Path
    size_bytes: int = 1234
    max_abs_diff: float | None = 1e-6


def stand_in(monkeypatch: pytest.MonkeyPatch, module: str, function: str, recorder: Any) -> None:
    fake = ModuleType(module)
    setattr(fake, function, recorder)
    monkeypatch.setitem(sys.modules, module, fake)


def test_train(monkeypatch: pytest.MonkeyPatch) -> None:
    def report(**settings: Any) -> None:
        settings["note"]("training at 256x171 (input 1160x784)")
        settings["progress"](Progress(1, 40, {}, "joint"))

    train = Recorder(result=TRAINED, before=report)
    stand_in(monkeypatch, "petsgan_sdk.training", "train", train)
    words = ["train", "a.jpg", "-o", "m.pt", "--preset", "paper", "--max-size", "128"]
    words += ["--steps", "40", "--features", "filters", "--seed", "7", "--force"]
    words += ["--set", "prior.flip=true", "--set", "training.layout_batch=4"]
    result = runner.invoke(app, [*words, "--json"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout) == {
        "checkpoint": "m.pt",
        "steps": 40,
        "seconds": 1.5,
        "size": [256, 171],
    }
    assert result.stderr == "training at 256x171 (input 1160x784)\n"
    ((image, output), settings) = train.calls[0]
    assert (image, output) == (Path("a.jpg"), Path("m.pt"))
    settings.pop("progress")
    settings.pop("note")
    assert settings == {
        "model": "petsgan",
        "preset": "paper",
        "max_size_px": 128,
        "steps": 40,
        "prior": None,
        "ablation": None,
        "options": {"features": "filters"},
        "device": "auto",
        "seed": 7,
        "resume": False,
        "overwrite": True,
        "overrides": {"prior.flip": True, "training.layout_batch": 4},
    }


def test_train_knows_every_model_and_every_option_of_a_family() -> None:
    shown = runner.invoke(app, ["train", "--help"]).stdout
    assert [model for model in model_names() if model not in shown] == []
    flags = {f"--{name}" for family in FAMILIES for name in family.option_names}
    assert [flag for flag in flags if f"  {flag} " not in shown] == []
    ablations = {name for model in model_names() for name in ablation_names(model)}
    assert [name for name in ablations if name not in flat(shown)] == []


def test_an_entry_of_the_registry_brings_its_models_and_options(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    options = (FamilyOption("fine-detail", "HOW", "how much of it."),)
    other = Family("other", ("other", "another"), options, ModelSettings, "no:Recipe", "no:export")
    monkeypatch.setattr(families, "FAMILIES", (*FAMILIES, other))
    shown = runner.invoke(app, ["train", "--help"]).stdout
    assert f"{', '.join(model_names()[:-1])} or another." in flat(shown)
    assert "  --fine-detail HOW " in shown
    assert "other: how much of it." in flat(shown)
    train = Recorder(result=TRAINED)
    stand_in(monkeypatch, "petsgan_sdk.training", "train", train)
    words = ["train", "a.jpg", "-o", "m.pt", "--model", "another", "--fine-detail", "much"]
    result = runner.invoke(app, words)
    assert result.exit_code == 0, result.output
    settings = train.calls[0][1]
    assert (settings["model"], settings["options"]) == ("another", {"fine-detail": "much"})
    monkeypatch.undo()
    assert "fine-detail" not in runner.invoke(app, ["train", "--help"]).stdout


def flat(text: str) -> str:
    """A help without its line breaks."""
    return " ".join(text.split()).replace("- ", "-")


def test_train_defaults_and_ctrl_c(monkeypatch: pytest.MonkeyPatch) -> None:
    train = Recorder(error=KeyboardInterrupt())
    stand_in(monkeypatch, "petsgan_sdk.training", "train", train)
    result = runner.invoke(app, ["train", "a.jpg", "-o", "m.pt", "--resume"])
    assert result.exit_code == 130
    assert result.stderr == "error: interrupted\n"
    settings = train.calls[0][1]
    assert settings["preset"] == "fast"
    assert settings["model"] == "petsgan"
    assert settings["options"] == {}
    # The preset's, unless they are given.
    assert [settings[name] for name in ("steps", "max_size_px", "seed")] == [None] * 3
    assert settings["resume"]


def test_export(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    checkpoint = tmp_path / "m.pt"
    checkpoint.write_bytes(b"x")
    export = Recorder(result=ExportResult(tmp_path / "m.petsgan"))
    stand_in(monkeypatch, "petsgan_sdk.export", "export_bundle", export)
    result = runner.invoke(app, ["export", str(checkpoint), "--json"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout) == {
        "bundle": str(tmp_path / "m.petsgan"),
        "bytes": 1234,
        "max_abs_diff": 1e-6,
    }
    words, settings = export.calls[0]
    assert words == (checkpoint, tmp_path / "m.petsgan")
    assert settings.pop("note")
    assert settings == {"verify": True, "overwrite": False}
    shown = runner.invoke(
        app, ["export", str(checkpoint), "--no-verify", "-o", str(tmp_path / "o")]
    )
    assert "largest difference 1e-06" in shown.stdout
    assert not export.calls[1][1]["verify"]


def test_export_that_differs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    checkpoint = tmp_path / "m.pt"
    checkpoint.write_bytes(b"x")
    stand_in(
        monkeypatch, "petsgan_sdk.export", "export_bundle", Recorder(error=ParityError("off by 1"))
    )
    result = runner.invoke(app, ["export", str(checkpoint)])
    assert result.exit_code == 4
    assert result.stderr == "error: off by 1\n"


def test_export_refuses_its_output_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    export = Recorder()
    stand_in(monkeypatch, "petsgan_sdk.export", "export_bundle", export)
    checkpoint, bundle = tmp_path / "m.pt", tmp_path / "m.petsgan"
    checkpoint.write_bytes(b"x")
    bundle.write_bytes(b"mine")
    for words in (
        [str(checkpoint)],
        [str(checkpoint), "-o", str(checkpoint), "--force"],
        [str(checkpoint), "-o", str(tmp_path / "none" / "m.petsgan")],
        [str(checkpoint), "-o", str(tmp_path), "--force"],
        [str(tmp_path / "m.petsgan"), "--force"],
    ):
        result = runner.invoke(app, ["export", *words])
        assert result.exit_code == 2, result.output
        assert result.stderr.count("\n") == 1
    assert bundle.read_bytes() == b"mine"
    assert export.calls == []


@pytest.mark.parametrize("command", ["train", "export"])
def test_no_torch(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: str) -> None:
    class NoTorch:
        def find_spec(self, name: str, *_: Any) -> None:
            if name in DOERS.values():
                msg = "No module named 'torch'"
                raise ModuleNotFoundError(msg, name="torch")

    for module in DOERS.values():
        monkeypatch.delitem(sys.modules, module, raising=False)
    monkeypatch.setattr(sys, "meta_path", [NoTorch(), *sys.meta_path])
    checkpoint = Checkpoint(load_preset("fast"), 0, 0.0, np.zeros((64, 64, 3), np.uint8), {}, {})
    save_checkpoint(tmp_path / "a", checkpoint, overwrite=False)
    result = runner.invoke(app, [command, str(tmp_path / "a"), "-o", str(tmp_path / "out")])
    assert result.exit_code == 3
    assert "needs the package 'torch', which is not installed" in result.stderr
    assert f'pip install "petsgan-sdk[{command}]"' in result.stderr


def test_info(bundle: Path) -> None:
    result = runner.invoke(app, ["info", str(bundle), "--json"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["kind"] == "bundle"
    shown = runner.invoke(app, ["info", str(bundle)])
    assert "kind: bundle\n" in shown.stdout
    assert "steps: noise > position > graph > graph > patch_transfer" in shown.stdout
    assert shown.stderr == ""


def test_bench(bundle: Path) -> None:
    pytest.importorskip("onnxruntime", reason="sampling needs onnxruntime")
    words = ["bench", str(bundle), "--size", "40x24", "--size", "64x64", "--iterations", "2"]
    result = runner.invoke(app, [*words, "--json"])
    assert result.exit_code == 0, result.output
    assert [row["size"] for row in json.loads(result.stdout)["rows"]] == [[40, 24], [64, 64]]
    shown = runner.invoke(app, words)
    assert shown.exit_code == 0
    assert "p99" in shown.stdout
    assert "stages, ms: noise" in shown.stdout


@pytest.mark.parametrize("provider", ["cuda", "tensorrt"])
def test_bench_of_a_provider_that_is_not_there(
    bundle: Path, provider: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(*_: object, **asked: object) -> None:
        msg = f"no {asked['provider']} here"
        raise BackendUnavailableError(msg, hint="pip install it")

    monkeypatch.setattr(benchmark, "load", absent)
    result = runner.invoke(app, ["bench", str(bundle), "--provider", provider, "--json"])
    assert result.exit_code == 3
    assert result.stderr == f"error: no {provider} here; hint: pip install it\n"
    assert result.stdout == ""


@pytest.mark.parametrize("command", ["bench", "generate"])
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--provider-option", "gpu_mem_limit=2000000"], "needs --provider cuda, got"),
        (
            ["--provider", "cpu", "--provider-option", "arena_extend_strategy=next_power_of_two"],
            "--provider-option arena_extend_strategy needs --provider cuda, got cpu",
        ),
        (
            ["--provider", "cuda", "--provider-option", "gpu_mem_limit=5"],
            "gpu_mem_limit must be at least",
        ),
        (["--provider", "cuda", "--provider-option", "gpu_mem_limit=-1"], "gpu_mem_limit=BYTES"),
        (["--provider", "cuda", "--provider-option", "speed=9"], "got 'speed=9'"),
        (
            ["--provider", "cuda", "--provider-option", "arena_extend_strategy=big"],
            "must be next_power_of_two or same_as_requested",
        ),
        (
            ["--provider", "cpu", "--precision", "fp16"],
            "--precision fp16 needs --provider tensorrt, got cpu",
        ),
    ],
)
def test_options_of_another_provider(
    bundle: Path, tmp_path: Path, command: str, words: list[str], message: str
) -> None:
    out = ["-o", str(tmp_path / "out")] if command == "generate" else []
    result = runner.invoke(app, [command, str(bundle), *words, *out])
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["bench", "generate"])
def test_options_reach_the_provider(
    bundle: Path, tmp_path: Path, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = []

    def absent(*_: object, **asked: object) -> None:
        given.append(asked["options"])
        msg = "no GPU"
        raise BackendUnavailableError(msg)

    monkeypatch.setattr(benchmark, "load", absent)
    monkeypatch.setattr(runtime, "load", absent)
    words = ["--provider", "cuda", "--provider-option", "gpu_mem_limit=2000000"]
    words += ["--provider-option", "arena_extend_strategy=next_power_of_two"]
    out = ["-o", str(tmp_path / "out")] if command == "generate" else []
    assert runner.invoke(app, [command, str(bundle), *words, *out]).exit_code == 3
    assert given == [
        ProviderOptions(gpu_mem_limit=2_000_000, arena_extend_strategy="next_power_of_two")
    ]


@pytest.mark.parametrize("words", [["--size", "8x8"], ["--size", "a"], ["--iterations", "0"]])
def test_bench_refuses(bundle: Path, words: list[str]) -> None:
    result = runner.invoke(app, ["bench", str(bundle), *words])
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""


def test_doctor(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnxruntime", reason="providers are those of onnxruntime")
    result = runner.invoke(app, ["doctor", "--json"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["providers"]["cpu"]["ok"]
    shown = runner.invoke(app, ["doctor"])
    assert "ready to sample\n" in shown.stdout
    monkeypatch.setattr(doctor, "probe_provider", lambda _: "it does not answer")
    broken = runner.invoke(app, ["doctor"])
    assert broken.exit_code == 3
    assert "it does not answer" in broken.stdout
    assert "not ready to sample" in broken.stdout

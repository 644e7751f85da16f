"""A few kills of commands that write; `make kill` does them all, `pytest --long` once each."""

from __future__ import annotations

import signal
import sys
from dataclasses import replace
from pathlib import Path

import pytest

if sys.platform != "linux":
    pytest.skip("processes are looked at through /proc", allow_module_level=True)
pytest.importorskip("onnxruntime", reason="the commands need it")
pytest.importorskip("onnx", reason="the models are made with onnx.helper")
pytest.importorskip("torch", reason="models are trained and exported")

from campaign import kill
from campaign.kill import Plan, run_rounds
from campaign.writers import WRITERS, Inputs, digest, make_inputs
from petsgan_sdk.checkpoint import load_checkpoint, save_checkpoint

QUICK = ("generate tar", "generate one png")


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    return make_inputs(tmp_path_factory.mktemp("inputs"), with_models=True)


@pytest.mark.parametrize("writer", [w for w in WRITERS if w.name in QUICK], ids=lambda w: w.name)
def test_what_is_killed_leaves_nothing_half(writer, inputs: Inputs, tmp_path: Path) -> None:
    plans = {number: Plan.of(writer, 1, number) for number in range(100)}
    amid = [number for number, plan in plans.items() if plan.in_write and not plan.pause_s]
    kills, terminations = (
        [number for number in amid if plans[number].signal == wanted]
        for wanted in (signal.SIGKILL, signal.SIGTERM)
    )
    # A writer may be quicker than the look at its file: the next two.
    for number, pair in enumerate(zip(kills[:5], terminations[:5], strict=True)):
        folder = tmp_path / str(number)
        folder.mkdir()
        tally = run_rounds(writer, inputs, rounds=pair, seed=1, folder=folder)
        assert tally.failures == []
        assert tally.rounds == {"SIGKILL": 1, "SIGTERM": 1}
        if tally.amid_write:
            break
    assert tally.amid_write, "no kill fell into writing"


@pytest.mark.slow
@pytest.mark.parametrize("writer", WRITERS, ids=lambda w: w.name)
def test_every_command_that_writes(writer, inputs: Inputs, tmp_path: Path) -> None:
    if writer.needs is not None:
        pytest.importorskip(writer.needs, reason="the command needs it")
    tally = run_rounds(writer, inputs, rounds=range(3), seed=2, folder=tmp_path)
    assert tally.failures == []


def test_half_a_file_is_seen(tmp_path: Path) -> None:
    whole = {"a.png": "1", "b.png": "2"}
    out = tmp_path / "out"
    out.mkdir()
    (out / "a.png").write_bytes(b"half")
    assert len(kill._wrong_files(out, whole, {})) == 1
    assert len(kill._wrong_files(out, {"a.png": digest(out / "a.png")}, {})) == 0
    assert len(kill._wrong_files(out, whole, {"a.png": digest(out / "a.png")})) == 0
    assert len(kill._wrong_files(out, whole, {"b.png": "2"})) == 2  # and one that is gone


def test_what_is_left_hidden_is_seen(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / ".petsgan-0123.tmp").touch()
    assert kill._hidden(tmp_path) == ["deep/.petsgan-0123.tmp"]
    assert kill._files(tmp_path) == {}


def test_a_checkpoint_is_judged_by_its_weights(inputs: Inputs, tmp_path: Path) -> None:
    found = load_checkpoint(inputs.checkpoint)
    name = sorted(found.arrays)[0]
    later = tmp_path / "later.pt"
    save_checkpoint(later, _with(found, seconds=found.seconds + 9), overwrite=False)
    assert digest(later) == digest(inputs.checkpoint)
    arrays = {**found.arrays, name: found.arrays[name] + 1}
    save_checkpoint(later, _with(found, arrays=arrays), overwrite=True)
    assert digest(later) != digest(inputs.checkpoint)


def test_every_command_that_writes_a_file_is_there() -> None:
    from petsgan_sdk.cli import app  # noqa: PLC0415

    known = {command.name for command in app.registered_commands}
    reading = {"info", "doctor", "bench"}
    assert {writer.words[0] for writer in WRITERS} == known - reading


def _with(checkpoint, **changes):
    return replace(checkpoint, **changes)

"""A short part of the campaign, every input that once broke something, and that it can fail."""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

if sys.platform != "linux":
    pytest.skip("trials are measured through /proc", allow_module_level=True)
pytest.importorskip("onnxruntime", reason="trials sample bundles")
pytest.importorskip("onnx", reason="the bundles are made with onnx.helper")

from campaign.bases import with_table
from campaign.cases import Case, from_seed, read_seed, to_seed
from campaign.fuzz import SEEDS, Campaign, attack, main
from campaign.mutate_onnx import CANARY, mutate_onnx
from campaign.pool import Limits, Outcome, run_trials
from campaign.targets import TARGETS
from petsgan_sdk.container import MANIFEST

SEED = 20
COUNTS = {
    "bundle-bytes": 800,
    "bundle-members": 100,
    "bundle-manifest": 100,
    "onnx": 100,
    "checkpoint-bytes": 100,
    "checkpoint-members": 40,
    "checkpoint-manifest": 40,
    "checkpoint-arrays": 40,
    "image-bytes": 500,
    "image-parts": 200,
    "resume-bytes": 40,
}
OTHERS = 80
"""Trials of a target that is not named."""
LIMITS = Limits()


@pytest.fixture(scope="module")
def campaign(tmp_path_factory: pytest.TempPathFactory) -> Campaign:
    folder = tmp_path_factory.mktemp("fuzz")
    return Campaign(folder, None, LIMITS, lambda text: sys.stderr.write(text + "\n"))


def target_named(campaign: Campaign, name: str):
    if "checkpoint" in name and not campaign.bases.checkpoints:
        pytest.skip("checkpoints are made with torch, which is not installed")
    return TARGETS[name]


@pytest.mark.parametrize("name", TARGETS)
def test_nothing_but_typed_errors(campaign: Campaign, name: str) -> None:
    target = target_named(campaign, name)
    count = COUNTS.get(name, OTHERS)
    attack(campaign, [target], seed=SEED, count=count)
    tally = campaign.tallies[name]
    failures = [f"{found.detail}: make fuzz ARGS={again!r}" for found, again in tally.failures]
    assert failures == []
    assert tally.trials >= count
    assert tally.ok or target.must_refuse, "no input was taken: nothing behind the first check ran"


@pytest.mark.parametrize("path", sorted(SEEDS.glob("*.json")), ids=lambda path: path.stem)
def test_what_broke_it_once(campaign: Campaign, path: Path) -> None:
    target_named(campaign, read_seed(path)["target"])
    ((_, outcome),) = campaign.replay([path])
    assert not outcome.is_failure, outcome.detail
    assert "sha256" not in outcome.detail, "its base has changed: find the input again"


def test_the_same_seed_makes_the_same_input(campaign: Campaign) -> None:
    for target in TARGETS.values():
        if "checkpoint" in target.name and not campaign.bases.checkpoints:
            continue
        one, two, other = (target.case(campaign.bases, 3, number) for number in (7, 7, 8))
        assert one == two
        assert one.contents(campaign.bases) != other.contents(campaign.bases)


def test_a_seed_is_the_input_again(campaign: Campaign) -> None:
    for name in ("onnx", "image-bytes"):
        case = TARGETS[name].case(campaign.bases, 1, 4)
        assert from_seed(to_seed(case, target=name, seed=1, number=4)) == case
    large = Case("x.bin", random.Random(0).randbytes(200_000))
    assert from_seed(to_seed(large, target="image-bytes")) is None


def fine() -> tuple[str, str]:
    return "ok", ""


def busy() -> tuple[str, str]:
    while True:
        pass


def asleep() -> tuple[str, str]:
    time.sleep(100)
    return fine()


def greedy() -> tuple[str, str]:
    np.ones(1 << 28, np.uint8).sum()
    return fine()


def crashing() -> tuple[str, str]:
    os.kill(os.getpid(), signal.SIGSEGV)
    return fine()


def leaving() -> tuple[str, str]:
    os._exit(3)


LARGE = Limits(cpu_s=600, wall_s=600, memory_mb=100_000)


@pytest.mark.parametrize(
    ("run", "limits", "verdict", "detail"),
    [
        (busy, replace(LARGE, cpu_s=0.3), "slow", "processor time"),
        (asleep, replace(LARGE, wall_s=0.5), "slow", "hangs"),
        (greedy, replace(LARGE, memory_mb=100), "memory", " MB"),
        (crashing, LARGE, "signal", "SIGSEGV"),
        (leaving, LARGE, "signal", "left with 3"),
    ],
)
def test_what_breaks_is_seen_and_the_next_trial_goes_on(run, limits, verdict, detail) -> None:
    runs = (run, fine)
    one, two = run_trials(lambda number: runs[number], range(2), limits)
    assert (one.number, one.verdict) == (0, verdict)
    assert detail in one.detail
    assert (two.number, two.verdict) == (1, "ok")


def test_a_fault_of_the_campaign_itself_is_no_verdict() -> None:
    def broken(number: int):
        raise ValueError(number)

    with pytest.raises(RuntimeError, match="the campaign itself failed"):
        list(run_trials(broken, range(2), LIMITS))


def judged(campaign: Campaign, monkeypatch: pytest.MonkeyPatch, check) -> Outcome:
    """One trial of a target whose check is replaced."""
    target = TARGETS["image-bytes"]
    changed = type(target)(target.name, target.kind, target.make, check)
    monkeypatch.setitem(TARGETS, target.name, changed)
    alone = Campaign.__new__(Campaign)
    alone.__dict__.update(campaign.__dict__, tallies={})
    attack(alone, [changed], seed=1, count=1)
    (failure,) = alone.tallies[target.name].failures
    return failure[0]


def test_an_error_that_is_not_ours_is_a_failure(campaign: Campaign, monkeypatch) -> None:
    def check(path, _):
        raise KeyError(path.name)

    assert judged(campaign, monkeypatch, check).verdict == "untyped"


def test_opening_another_file_is_a_failure(campaign: Campaign, monkeypatch) -> None:
    def check(path, _):
        (path.parent / CANARY).read_bytes()

    assert judged(campaign, monkeypatch, check).verdict == "outside"


def test_a_changed_container_that_is_taken_is_a_failure(campaign: Campaign, monkeypatch) -> None:
    monkeypatch.setattr("petsgan_sdk.runtime.bundle.read_container", lambda *_, **__: None)
    target = TARGETS["bundle-bytes"]
    lax = type(target)(target.name, "bytes", target.make, lambda *_: None, must_refuse=True)
    alone = Campaign.__new__(Campaign)
    alone.__dict__.update(campaign.__dict__, tallies={})
    attack(alone, [lax], seed=1, count=2)
    assert [outcome.verdict for outcome, _ in alone.tallies[target.name].failures] == [
        "accepted"
    ] * 2


def test_structured_changes_keep_valid_digests(campaign: Campaign) -> None:
    parts = campaign.bases.bundles["pyramid"]
    same = Case("x", base="pyramid", parts={MANIFEST: b"{}"})
    assert same.contents(campaign.bases).startswith(b"PK")
    assert with_table(parts.manifest, parts.members) == parts.manifest


def test_onnx_is_read_and_written_unchanged(campaign: Campaign) -> None:
    from campaign.mutate_onnx import _read, _write, onnx  # noqa: PLC0415

    for parts in campaign.bases.bundles.values():
        for name, raw in parts.members.items():
            if name.endswith(".onnx"):
                assert _write(_read(raw, onnx.ModelProto.DESCRIPTOR)) == raw
                assert mutate_onnx(random.Random(1), raw) != raw


def test_the_command_prints_a_table(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    words = ["--target", "preset-bytes", "--count", "5", "--out", str(tmp_path)]
    assert main(words) == 0
    assert "preset-bytes" in capfd.readouterr().out

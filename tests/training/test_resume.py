"""An interrupted run goes on to the same weights; a killed one leaves a whole file."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from tiny_training import differing_arrays, picture, tiny_train, write_picture

from petsgan_sdk.checkpoint import load_checkpoint
from petsgan_sdk.errors import CheckpointError
from petsgan_sdk.training import loop
from petsgan_sdk.training.petsgan.training import PetsganTraining


def press_ctrl_c(at):
    def progress(done):
        if done.step == at:
            os.kill(os.getpid(), signal.SIGINT)

    return progress


# Steps of 10: of `fast` 4 is the first with IR, 6 lies between two saves; of `paper` 1 is the first
# with D, and 8 the first with frozen norms.
@pytest.mark.parametrize(
    ("preset", "stops"), [("fast", [2, 4, 7]), ("fast", [6]), ("paper", [1, 8]), ("paper", [5])]
)
def test_interrupted_is_uninterrupted(preset, stops, small_photo, tmp_path):
    settings = {"preset": preset, "steps": 10, "seed": 3}
    tiny_train(small_photo, tmp_path / "whole.pt", **settings)
    out, notes = tmp_path / "parts.pt", []
    for number, stop in enumerate(stops):
        with pytest.raises(KeyboardInterrupt):
            tiny_train(
                small_photo,
                out,
                resume=number > 0,
                progress=press_ctrl_c(stop),
                note=notes.append,
                **settings,
            )
        checkpoint = load_checkpoint(out)
        assert (checkpoint.steps_done, checkpoint.is_finished) == (stop, False)
        assert f"at step {stop} of 10; --resume continues" in notes[-1]
    torch.rand(1)  # nor does the caller's generator matter
    result = tiny_train(small_photo, out, resume=True, note=notes.append, **settings)
    assert any(f"continues at step {stops[-1]} of 10" in note for note in notes)
    assert differing_arrays(tmp_path / "whole.pt", out) == []
    assert result.seconds >= checkpoint.seconds
    assert sorted(path.name for path in tmp_path.iterdir()) == ["parts.pt", "whole.pt"]


@pytest.mark.parametrize(
    "overrides",
    [
        {"depnet.norm": True},
        {"prior.flip": True, "losses.layout_gan": 1.0},
        {"training.patch_critic": "multi_dilation", "training.crop_px": 0},
    ],
    ids=lambda overrides: next(iter(overrides)),
)
def test_variants_resume_too(overrides, small_photo, tmp_path):
    settings = {"steps": 6, "overrides": overrides}
    tiny_train(small_photo, tmp_path / "whole.pt", **settings)
    with pytest.raises(KeyboardInterrupt):
        tiny_train(small_photo, tmp_path / "parts.pt", progress=press_ctrl_c(4), **settings)
    tiny_train(small_photo, tmp_path / "parts.pt", resume=True, **settings)
    assert differing_arrays(tmp_path / "whole.pt", tmp_path / "parts.pt") == []


@pytest.fixture(scope="module")
def started(tmp_path_factory):
    """A photo and the checkpoint of a run that was stopped after step 1 of 4."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("started")
    photo = write_picture(folder / "photo.png", 40, 32)
    with pytest.raises(KeyboardInterrupt):
        tiny_train(photo, folder / "m.pt", steps=4, progress=press_ctrl_c(1))
    return photo, folder / "m.pt"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seed": 1}, r"got training\.seed 0 where now 1 is asked for"),
        ({"steps": 9}, r"got training\.steps 4 where now 9"),
        ({"preset": "paper"}, r"got preset 'fast' where now 'paper'"),
        ({"max_size_px": 64}, r"got image\.max_size_px 256 where now 64"),
        ({"overrides": {"losses.texture": 0.123}}, r"got losses\.texture [0-9.]+ where now 0\.123"),
        ({"vgg": True}, r"got transfer\.features 'filters' where now 'vgg19' is asked for"),
        ({"photo": 1}, "must be of the same image to resume, got another one"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_another_run_is_not_resumed(changes, message, started, tmp_path, monkeypatch):
    photo, checkpoint = started
    before = checkpoint.read_bytes()
    settings = {"steps": 4, **changes}
    if settings.pop("photo", None):
        photo = write_picture(tmp_path / "photo.png", 40, 32, seed=1)
    if settings.pop("vgg", None):
        safetensors = pytest.importorskip("safetensors.torch")
        state = {"features.0.weight": torch.zeros(64, 3, 3, 3), "features.0.bias": torch.zeros(64)}
        state |= {
            "features.2.weight": torch.zeros(64, 64, 3, 3),
            "features.2.bias": torch.zeros(64),
        }
        safetensors.save_file(state, tmp_path / "vgg.safetensors")
        settings["options"] = {"features": f"vgg19:{tmp_path / 'vgg.safetensors'}"}
    monkeypatch.setattr(PetsganTraining, "step", lambda *_: pytest.fail("training began"))
    with pytest.raises(CheckpointError, match=message) as caught:
        tiny_train(photo, checkpoint, resume=True, **settings)
    assert "\n" not in str(caught.value)
    assert checkpoint.read_bytes() == before


def test_damaged_checkpoints_are_not_resumed(started, tmp_path):
    photo, checkpoint = started
    damaged = tmp_path / "m.pt"
    damaged.write_bytes(checkpoint.read_bytes()[:-100])
    before = damaged.read_bytes()
    with pytest.raises(CheckpointError, match="must be a petsgan checkpoint"):
        tiny_train(photo, damaged, steps=4, resume=True)
    assert damaged.read_bytes() == before


def test_a_finished_run_says_so_and_keeps_its_file(small_photo, tmp_path):
    out, notes = tmp_path / "m.pt", []
    first = tiny_train(small_photo, out, steps=2)
    before, stamp = out.read_bytes(), out.stat().st_mtime_ns
    again = tiny_train(small_photo, out, steps=2, resume=True, note=notes.append)
    assert any("is already finished at step 2 of 2" in note for note in notes)
    assert (again.steps, again.size_px) == (first.steps, first.size_px)
    assert (out.read_bytes(), out.stat().st_mtime_ns) == (before, stamp)


def test_resume_without_a_file_starts(small_photo, tmp_path):
    notes = []
    tiny_train(small_photo, tmp_path / "m.pt", steps=1, resume=True, note=notes.append)
    assert any("nothing to resume at" in note for note in notes)
    assert load_checkpoint(tmp_path / "m.pt").is_finished


def test_ctrl_c_before_the_first_step_leaves_nothing(small_photo, tmp_path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(PetsganTraining, "step", interrupt)
    notes = []
    with pytest.raises(KeyboardInterrupt):
        tiny_train(small_photo, tmp_path / "m.pt", steps=5, note=notes.append)
    assert list(tmp_path.iterdir()) == []
    assert not any("--resume" in note for note in notes)


def test_a_write_that_fails_keeps_the_last_checkpoint(small_photo, tmp_path, monkeypatch):
    out = tmp_path / "m.pt"
    monkeypatch.setattr(loop, "_SAVE_INTERVAL_S", -1.0)
    replace, calls = Path.replace, []

    def fail_third(self, target):
        calls.append(target)
        if len(calls) == 3:
            raise OSError(28, "No space left on device")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", fail_third)
    with pytest.raises(OSError, match="no space left on device"):
        tiny_train(small_photo, out, steps=5)
    assert load_checkpoint(out).steps_done == 2
    assert [path.name for path in tmp_path.iterdir()] == ["m.pt"]


CHILD = """
import sys
from pathlib import Path
import torch
from tiny_training import tiny_train
from petsgan_sdk.training import loop

torch.set_num_threads(1)
loop._SAVE_INTERVAL_S = -1.0
tell = lambda done: print(done.step, flush=True)
tiny_train(Path(sys.argv[1]), Path(sys.argv[2]), steps=100_000, progress=tell)
"""


def test_killed_at_any_moment_leaves_a_whole_file(small_photo, tmp_path):
    out = tmp_path / "m.pt"
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(__file__).parents[1]),
        "OMP_NUM_THREADS": "1",
    }
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(small_photo), str(out)],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
        cwd=tmp_path,
    )
    with child:
        lines = [child.stdout.readline() for _ in range(5)]
        child.kill()
    assert lines == [f"{i}\n" for i in range(1, 6)]
    checkpoint = load_checkpoint(out)
    assert checkpoint.steps_done >= 4
    assert checkpoint.photo.tobytes() == picture(40, 32).tobytes()

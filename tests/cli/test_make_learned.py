"""`make` with models that are trained: each step is interrupted, and the same command goes on."""

from __future__ import annotations

import json
import os
import signal
from functools import partial

import pytest
from support.commands import refused, runner
from support.pictures import write_picture
from support.training_runs import EXSINGAN_NARROW, NARROW, differing_arrays, preset_text

from petsgan_sdk.checkpoint import load_checkpoint
from petsgan_sdk.cli import app
from petsgan_sdk.imaging import load_image
from petsgan_sdk.output import make as output_make
from petsgan_sdk.output.make import make

for package in ("torch", "onnx", "onnxscript", "onnxruntime"):
    pytest.importorskip(package, reason="models are trained, exported and sampled")

STEPS = 4
SMALL = {
    "petsgan": {**NARROW["fast"], "transfer.features": "filters", "training.steps": STEPS},
    "exsingan": {
        **EXSINGAN_NARROW,
        "stages.semantic": 1,
        "stages.texture": 1,
        "training.steps": STEPS,
    },
}
ONE_STAGE = {"stages.structural": 0, "stages.semantic": 0}


def write_preset(path, model, **changes):
    path.write_text(preset_text(model, SMALL[model] | changes))
    return str(path)


@pytest.fixture(autouse=True, scope="module")
def _unverified():
    """What is exported is compared with torch by the tests of the export."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            output_make, "export_bundle", partial(output_make.export_bundle, verify=False)
        )
        yield


@pytest.fixture(scope="module")
def photo(tmp_path_factory):
    return write_picture(tmp_path_factory.mktemp("photo") / "cat.png", 40, 32)


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    """What every call of the small PetsGAN is told."""
    preset = write_preset(tmp_path_factory.mktemp("preset") / "small.toml", "petsgan")
    return {"model": "petsgan", "preset": preset, "count": 2}


@pytest.fixture(scope="module")
def whole(photo, asked, tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    make(photo, folder, **asked)
    return folder


def files(folder):
    return {p.name: p.read_bytes() for p in sorted(folder.iterdir()) if p.suffix != ".pt"}


def run(*words):
    return runner.invoke(app, ["make", *map(str, words)])


def test_each_step_goes_on(photo, asked, whole, tmp_path):
    seen = []

    def call(at):
        notes = []

        def press(state):
            seen.append((state.task, state.done))
            if seen[-1] == at:
                os.kill(os.getpid(), signal.SIGINT)

        with pytest.raises(KeyboardInterrupt):
            make(photo, tmp_path, **asked, progress=press, note=notes.append)
        return notes

    notes = call(("training", 2))
    assert (
        notes[-1]
        == f"saved {str(tmp_path / 'model.pt')!r} at step 2 of 4; the same command goes on"
    )
    assert load_checkpoint(tmp_path / "model.pt").steps_done == 2
    notes = call(("exporting", 0))
    assert any(note.endswith("continues at step 2 of 4") for note in notes)
    assert [path.name for path in tmp_path.iterdir()] == ["model.pt"]
    call(("drawing", 1))
    assert sorted(files(tmp_path))[0] == "0000.png"
    assert "wide.png" not in files(tmp_path)
    made = make(photo, tmp_path, **asked)
    assert made.written < 4
    assert files(tmp_path) == files(whole)
    assert differing_arrays(tmp_path / "model.pt", whole / "model.pt") == []
    assert [step for task, step in seen if task == "training"] == [1, 2, 3, 4]


def test_what_is_finished_is_kept(photo, asked, whole, tmp_path):
    times = {path.name: path.stat().st_mtime_ns for path in whole.iterdir()}
    words = (photo, "-n", 2, "--model", "petsgan", "--preset", asked["preset"], "--json")
    result = run(*words, "-o", whole)
    assert result.exit_code == 0, result.stderr
    printed = json.loads(result.stdout)
    assert (printed["written"], printed["checkpoint"]) == (0, str(whole / "model.pt"))
    assert times == {path.name: path.stat().st_mtime_ns for path in whole.iterdir()}
    other = write_picture(tmp_path / "dog.png", 40, 32, seed=3)
    for changed, message in (
        ((other, *words[1:]), "must be of the same image to resume, got another one; choose"),
        ((*words, "--max-size", 64), "got image.max_size_px 256 where now 64 is asked for; choose"),
        (
            (*words, "--model", "instant", "--preset", "fast"),
            "got family 'petsgan' where now 'instant' is asked for",
        ),
    ):
        result = run(*changed, "-o", whole)
        assert (result.exit_code, result.stdout) == (2, "")
        assert message in result.stderr.splitlines()[-1]
        assert "--force" in result.stderr.splitlines()[-1]
    assert times == {path.name: path.stat().st_mtime_ns for path in whole.iterdir()}
    (tmp_path / "model.petsgan").write_bytes((whole / "model.petsgan").read_bytes())
    assert "got one without its checkpoint model.pt" in refused(run(*words, "-o", tmp_path))


def test_a_model_that_draws_no_places(photo, tmp_path):
    preset = write_preset(tmp_path / "small.toml", "exsingan", **ONE_STAGE)
    out = tmp_path / "out"
    result = run(photo, "-n", 1, "-o", out, "--model", "exsingan", "--preset", preset)
    assert result.exit_code == 0, result.stderr
    assert sorted(files(out)) == ["0000.png", "model.petsgan", "sheet.png", "wide.png"]
    left_out = f"{out / 'extended.png'} is left out: this model draws no places of its photo"
    assert left_out in result.stderr.splitlines()
    assert "extended" not in result.stdout
    assert load_image(out / "wide.png").rgb.shape == (32, 120, 3)
    shown = load_image(out / "sheet.png").rgb[4:36, 4:44]
    assert (shown == load_image(photo).rgb).all()


def test_what_is_missing_is_said_before_the_training(photo, tmp_path, monkeypatch):
    monkeypatch.setattr("petsgan_sdk.output.make._PACKAGES", ("torch", "no_such_package"))
    said = refused(run(photo, "-o", tmp_path / "out", "--model", "petsgan"), code=3)
    assert said == (
        "error: model 'petsgan' trains networks and needs packages that are not installed: "
        'no_such_package; hint: pip install "petsgan-sdk[cpu,train,export]", or --model instant\n'
    )
    assert list(tmp_path.iterdir()) == []


def test_a_pyramid_goes_on_from_places(photo, tmp_path):
    preset = write_preset(tmp_path / "small.toml", "exsingan")
    out = tmp_path / "out"
    result = run(photo, "-n", 1, "-o", out, "--model", "exsingan", "--preset", preset)
    assert result.exit_code == 0, result.stderr
    height, width = load_image(out / "extended.png").rgb.shape[:2]
    assert (width, height) in ((80, 64), (80, 48))
    assert f"extended.png of {width}x{height}" in result.stdout

"""A model without networks from the photo to its images, by the command line."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from support import toy_fit
from support.commands import refused, runner

import petsgan_sdk
from petsgan_sdk import runtime
from petsgan_sdk.checkpoint import load_checkpoint, save_checkpoint
from petsgan_sdk.cli import app
from petsgan_sdk.runtime.bundle import open_bundle
from petsgan_sdk.stations.export import export_bundle
from petsgan_sdk.stations.train import train


def run(*words):
    return runner.invoke(app, [str(word) for word in words])


def fitted(photo, path, *words):
    result = run("train", photo, "--model", "fit", "-o", path, *words)
    assert result.exit_code == 0, result.stderr
    return result


@pytest.fixture
def bundle(photo, tmp_path):
    fitted(photo, tmp_path / "toy.petsgan")
    return tmp_path / "toy.petsgan"


def test_a_checkpoint_and_its_bundle(photo, tmp_path):
    printed = json.loads(fitted(photo, tmp_path / "toy.pt", "--json").stdout)
    assert printed | {"seconds": 0} == {
        "checkpoint": str(tmp_path / "toy.pt"),
        "steps": 1,
        "seconds": 0,
        "size": [24, 18],
    }
    saved = load_checkpoint(tmp_path / "toy.pt")
    assert saved.is_finished
    assert {*saved.provenance} == {"image", "digest", "petsgan_sdk", "python", "device", "numpy"}
    result = run("export", tmp_path / "toy.pt", "--json")
    assert result.exit_code == 0, result.stderr
    assert result.stderr == "verified at 701x387: every window equals the whole, byte for byte\n"
    assert json.loads(result.stdout) == {
        "bundle": str(tmp_path / "toy.petsgan"),
        "bytes": (tmp_path / "toy.petsgan").stat().st_size,
        "max_abs_diff": 0.0,
    }
    opened = open_bundle(tmp_path / "toy.petsgan")
    assert not opened.graphs
    assert {*opened.manifest.provenance["exported_by"]} == {"petsgan_sdk", "numpy"}
    made = run("generate", tmp_path / "toy.petsgan", "-n", 2, "-o", tmp_path / "out")
    assert made.exit_code == 0, made.stderr
    assert "seed 0, cpu" in made.stdout
    assert len([*(tmp_path / "out").iterdir()]) == 2


def test_what_is_printed(photo, tmp_path):
    result = fitted(photo, tmp_path / "toy.pt")
    assert result.stdout.startswith(f"{tmp_path / 'toy.pt'} (fitted at 24x18 in ")
    assert result.stdout.count("\n") == 1
    exported = run("export", tmp_path / "toy.pt", "--no-verify")
    assert exported.stdout.endswith("MB, not verified)\n")
    assert exported.stderr == ""


def test_a_bundle_at_once_is_the_one_that_export_makes(photo, tmp_path):
    printed = json.loads(fitted(photo, tmp_path / "once.petsgan", "--json").stdout)
    assert list(printed) == ["bundle", "steps", "seconds", "size"]
    fitted(photo, tmp_path / "two.pt")
    assert run("export", tmp_path / "two.pt").exit_code == 0
    assert (tmp_path / "once.petsgan").read_bytes() == (tmp_path / "two.petsgan").read_bytes()


def test_the_preview_is_the_first_image_of_seed_0(bundle, tmp_path):
    from zipfile import ZipFile  # noqa: PLC0415

    with ZipFile(bundle) as archive, archive.open("preview.png") as file:
        shown = np.asarray(Image.open(file))
    assert np.array_equal(shown, runtime.load(bundle).sample()[0])
    del tmp_path


def test_other_languages_than_the_shell(photo, tmp_path):
    seen = []
    result = train(
        photo,
        tmp_path / "toy.pt",
        model="fit",
        max_size_px=16,
        overrides={"contrast": 0.5},
        progress=seen.append,
    )
    assert (result.checkpoint, result.size_px, result.is_bundle) == (
        tmp_path / "toy.pt",
        (21, 16),
        False,
    )
    assert [(each.step, each.steps, each.losses) for each in seen] == [
        (number, 3, {}) for number in (1, 2, 3)
    ]
    made = export_bundle(tmp_path / "toy.pt", tmp_path / "toy.petsgan")
    assert made.max_abs_diff == 0
    sampler = petsgan_sdk.load(made.bundle)
    image = sampler.sample(height=50, width=70, seed=3)[0]
    assert np.array_equal(sampler.region(50, 70, 7, 9, 20, 30, seed=3), image[7:27, 9:39])
    assert np.array_equal(np.concatenate([*sampler.stream(50, 70, seed=3, rows=8)]), image)
    assert sampler.info()["provider"] == "cpu"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--steps", 9], "steps must be left out with model 'fit', which is fitted at once"),
        (["--seed", 9], "seed must be left out"),
        (["--prior", "internal"], "prior must be left out with model 'fit'"),
        (["--ablation", "none"], "ablation must be left out with model 'fit'"),
        (["--resume"], "resume must be left out with model 'fit'"),
        (["--device", "cuda"], "device: must be auto or cpu with model 'fit'"),
        (["--features", "filters"], "options: 'features' is of model petsgan, got model 'fit'"),
        (["--preset", "paper"], "preset must be one of fast or a .toml file, got 'paper'"),
        (["--set", "training.steps=3"], "training is unknown; valid names: family, preset"),
        (["--set", "prior.flip=true"], "prior is unknown"),
        (["--max-size", 3], "image.max_size_px must be from 4 to 8192, got 3"),
    ],
)
def test_what_means_nothing_is_refused(photo, tmp_path, words, message):
    out = tmp_path / "toy.pt"
    assert message in refused(run("train", photo, "--model", "fit", "-o", out, *words))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("ending", ["pt", "petsgan"])
def test_outputs_that_are_refused(photo, tmp_path, ending):
    out = tmp_path / f"toy.{ending}"
    out.write_bytes(b"precious")
    assert "--force" in refused(run("train", photo, "--model", "fit", "-o", out))
    assert out.read_bytes() == b"precious"
    fitted(photo, out, "--force")
    absent = tmp_path / "no" / f"toy.{ending}"
    assert "mkdir -p" in refused(run("train", photo, "--model", "fit", "-o", absent))
    named = tmp_path / f"photo.{ending}"
    named.write_bytes(photo.read_bytes())
    message = refused(run("train", named, "--model", "fit", "-o", named, "--force"))
    assert "must not be the input" in message


def test_endings(photo, tmp_path):
    out = tmp_path / "toy.petsgan"
    message = refused(run("train", photo, "-o", out))
    assert message.endswith("hint: petsgan-sdk export makes it of MODEL.pt\n")
    message = refused(run("train", photo, "--model", "fit", "-o", tmp_path / "toy.onnx"))
    assert "must name a checkpoint, MODEL.pt, or a bundle, MODEL.petsgan, got" in message
    assert list(tmp_path.iterdir()) == []


def test_an_interruption_leaves_nothing(photo, tmp_path, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(toy_fit, "fit", interrupted)
    result = run("train", photo, "--model", "fit", "-o", tmp_path / "toy.pt")
    assert result.exit_code == 130
    assert result.stderr.splitlines()[-1] == "error: interrupted"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("form", ["onnx", "onnx-custom", "tensorrt"])
def test_there_is_nothing_for_other_runtimes(photo, tmp_path, form):
    fitted(photo, tmp_path / "toy.pt")
    message = refused(run("export", tmp_path / "toy.pt", "--format", form))
    assert "must become a bundle, since nothing in it is a network; hint: " in message
    assert [path.name for path in tmp_path.iterdir()] == ["toy.pt"]


def test_other_exports_refuse_it_from_python_too(photo, tmp_path):
    pytest.importorskip("onnx")
    from petsgan_sdk.export.onnx_file import export_onnx  # noqa: PLC0415
    from petsgan_sdk.export.tensorrt_folder import export_tensorrt  # noqa: PLC0415

    fitted(photo, tmp_path / "toy.pt")
    for export in (export_onnx, export_tensorrt):
        with pytest.raises(petsgan_sdk.ConfigError, match="nothing in it is a network"):
            export(tmp_path / "toy.pt", tmp_path / "out")


def test_the_table_trains_networks(tmp_path):
    pytest.importorskip("torch", reason="the table trains")
    result = run("evaluate", "--table", tmp_path, "--model", "fit")
    assert "model 'fit' has none; evaluate its bundle" in refused(result)


@pytest.mark.parametrize("command", ["generate", "bench"])
@pytest.mark.parametrize("provider", ["cuda", "tensorrt"])
def test_no_provider_of_graphs_is_used(bundle, tmp_path, command, provider):
    out = ["-o", tmp_path / "out"] if command == "generate" else []
    message = refused(run(command, bundle, "--provider", provider, *out), code=3)
    assert message == (
        f"error: provider {provider!r} runs graphs, and this bundle has none: it runs on the CPU; "
        "hint: --provider cpu\n"
    )


def test_bench_and_info(bundle):
    report = json.loads(run("bench", bundle, "--iterations", 1, "--json").stdout)
    assert [row["provider"] for row in report["rows"]] == ["cpu"]
    assert report["unavailable"] == {}
    shown = run("info", bundle)
    assert "steps: noise > patch_transfer\n" in shown.stdout


def test_no_stage_starts_from_an_image(bundle, photo):
    mask = photo
    for words in (["harmonize", bundle, photo, "--mask", mask], ["stylize", bundle, photo]):
        message = refused(run(*words, "-o", bundle.parent / "out.png"))
        assert "a model of family 'fit' has no network that could go on from an image" in message


def test_engines_of_nothing(bundle):
    message = refused(run("build", bundle))
    assert "must have graphs to build engines of, got none; it runs on the CPU" in message


def test_a_fit_that_is_broken(photo, tmp_path):
    fitted(photo, tmp_path / "toy.pt")
    saved = load_checkpoint(tmp_path / "toy.pt")
    for arrays in ({}, {"shades": saved.arrays["shades"][:, 1:]}):
        save_checkpoint(tmp_path / "bad.pt", replace(saved, arrays=arrays), overwrite=True)
        refused(run("export", tmp_path / "bad.pt"))
        assert not (tmp_path / "bad.petsgan").exists()


def test_windows_that_differ_are_not_written(photo, tmp_path, monkeypatch):
    from petsgan_sdk.manifest.steps.patch_transfer import PatchTransferStep  # noqa: PLC0415

    plain = toy_fit.take_apart

    def blurred(checkpoint):
        made = plain(checkpoint)
        step = replace(made.steps[1], window=5, temperature=1.0)
        return replace(made, steps=(made.steps[0], step))

    monkeypatch.setattr(toy_fit, "take_apart", blurred)
    monkeypatch.setattr(PatchTransferStep, "halo", 1)
    monkeypatch.setattr("petsgan_sdk.fitting.windows._BLOCK_PX", 8)
    result = run("train", photo, "--model", "fit", "-o", tmp_path / "toy.petsgan")
    assert result.exit_code == 4
    assert "must equal the whole, got other pixels; nothing was written" in result.stderr
    assert list(tmp_path.iterdir()) == []

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from support.commands import refused, runner
from support.metric_cases import keras_inception, save_safetensors
from support.pictures import noise_picture
from support.synthesis_bundle import photo as synthesis_photo
from typer.testing import Result

from petsgan_sdk.cli import app
from petsgan_sdk.evaluation import cell
from petsgan_sdk.imaging import save_image
from petsgan_sdk.metrics import Judge
from petsgan_sdk.runtime import Sampler, load

pytest.importorskip("onnxruntime", reason="sampling needs onnxruntime")

PIXELS = "ssim,diversity,sharpness,copy"
HEIGHT, WIDTH = 48, 64  # of the bundle


@pytest.fixture(autouse=True)
def _no_weights(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("PETSGAN_INCEPTION", "PETSGAN_LPIPS", "PETSGAN_LPIPS_BACKBONE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PETSGAN_CACHE", str(tmp_path / "no-cache"))
    monkeypatch.setattr("petsgan_sdk.metrics.inception.from_torch_hub", lambda *_, **__: None)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    save_image(path, noise_picture(HEIGHT, WIDTH, seed=0))
    return path


def evaluate(*words: object) -> Result:
    return runner.invoke(app, ["evaluate", *map(str, words)])


def test_json_of_a_bundle(bundle: Path, photo: Path) -> None:
    result = evaluate(bundle, photo, "-n", 3, "--seed", 7, "--metrics", PIXELS, "--json")
    assert result.exit_code == 0, result.output
    printed = json.loads(result.stdout)
    found = Judge(PIXELS.split(","))(
        load(bundle).sample(3, seed=7), noise_picture(HEIGHT, WIDTH, seed=0)
    )
    assert printed == {
        "samples": str(bundle),
        "image": str(photo),
        "count": 3,
        "names": ["0", "1", "2"],
        "size": [WIDTH, HEIGHT],
        "photo_size": [WIDTH, HEIGHT],
        "skipped": {},
        "left_out": {},
        "metrics": {name: one.to_json() for name, one in found.items()},
    }


def test_text_has_a_line_for_each_sample_and_each_metric(bundle: Path, photo: Path) -> None:
    result = evaluate(bundle, photo, "-n", 2, "--metrics", "sharpness,diversity")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0] == f"2 samples of {bundle} at 64x48"
    assert lines[1].split() == ["sample", "sharpness"]
    assert [line.split()[0] for line in lines[2:4]] == ["0", "1"]
    assert lines[5].split() == [
        *("metric", "median", "quartiles", "mean", "range", "of", "judged", "by")
    ]
    diversity, sharpness = (line.split() for line in lines[6:])
    assert (diversity[0], diversity[-1]) == ("diversity", "pixels")
    values = [float(line.split()[1]) for line in lines[2:4]]
    assert sharpness[0] == "sharpness"
    assert float(sharpness[1]) == pytest.approx(np.median(values), rel=1e-3)
    assert "is not the photo that the bundle learned" in result.stderr


def test_a_folder_of_samples(tmp_path: Path, photo: Path) -> None:
    folder = tmp_path / "samples"
    folder.mkdir()
    save_image(folder / "a.png", noise_picture(HEIGHT, WIDTH, seed=0))
    save_image(folder / "b.png", noise_picture(HEIGHT, WIDTH, seed=4))
    (folder / "c.png").write_bytes(b"no image")
    result = evaluate(folder, photo, "--metrics", "copy", "--json")
    assert result.exit_code == 0, result.output
    printed = json.loads(result.stdout)
    assert printed["names"] == ["a.png", "b.png"]
    assert list(printed["skipped"]) == ["c.png"]
    same, other = printed["metrics"]["copy"]["values"]
    assert same == 1
    assert other < 0.2
    assert "skipped c.png: image: " in result.stderr
    text = evaluate(folder, photo, "--metrics", "copy")
    assert text.stdout.startswith(f"2 samples of {folder} at 64x48, 1 file skipped\n")


def test_two_sizes(tmp_path: Path, photo: Path) -> None:
    folder = tmp_path / "samples"
    folder.mkdir()
    save_image(folder / "a.png", noise_picture(HEIGHT, WIDTH + 2, seed=0))
    said = refused(evaluate(folder, photo, "--metrics", "ssim,copy"))
    assert "ssim: samples must have the photo's size, 64x48, got 66x48" in said


def test_another_size_than_the_photo(bundle: Path, photo: Path) -> None:
    words = ("-n", 2, "--size", "150x90", "--metrics", "repeats,sharpness,copy", "--json")
    result = evaluate(bundle, photo, *words)
    assert result.exit_code == 0, result.output
    printed = json.loads(result.stdout)
    assert (printed["size"], printed["photo_size"]) == ([150, 90], [WIDTH, HEIGHT])
    drawn = load(bundle).sample(2, height=90, width=150)
    found = Judge(["repeats", "sharpness"])(drawn, noise_picture(HEIGHT, WIDTH, seed=0))
    assert printed["metrics"] == {name: one.to_json() for name, one in found.items()}
    assert "copy is left out: samples must have the photo's size" in result.stderr
    text = evaluate(bundle, photo, "-n", 1, "--size", "96x48", "--seamless", "--metrics", "repeats")
    assert text.stdout.startswith(f"1 sample of {bundle} at 96x48\n")
    assert "the photo" in next(x for x in text.stdout.splitlines() if "repeats_photo" in x)


def test_a_drawing(synthesis_bundle: Path, synthesis: Sampler, tmp_path: Path) -> None:
    learned = tmp_path / "learned.png"
    save_image(learned, synthesis_photo())
    words = ("-n", 2, "--metrics", "ssim,copy", "--json")
    told = ("--variation", 0.25, "--fill", 2, "--layout", "synthesis")
    result = evaluate(synthesis_bundle, learned, *words, *told)
    assert result.exit_code == 0, result.output
    printed = json.loads(result.stdout)
    assert printed["drawing"] == {"layout": "synthesis", "variation": 0.25, "fill": 2.0}
    drawn = synthesis.sample(2, variation=0.25, fill=2)
    found = Judge(["ssim", "copy"])(drawn, synthesis_photo())
    assert printed["metrics"] == {name: one.to_json() for name, one in found.items()}
    same = json.loads(evaluate(synthesis_bundle, learned, *words, "--variation", 0).stdout)
    assert same["metrics"]["ssim"]["mean"] == pytest.approx(1)
    assert "drawing" not in json.loads(evaluate(synthesis_bundle, learned, *words).stdout)
    said = refused(evaluate(synthesis_bundle, learned, *words, "--variation", "nan"))
    assert "variation must be a number from 0 to 4, got nan" in said


def test_a_folder_has_no_other_size(tmp_path: Path, photo: Path) -> None:
    for words in (("--size", "64x64"), ("--seamless",), ("--fill", "0"), ("--layout", "network")):
        said = refused(evaluate(tmp_path, photo, *words))
        assert (
            "--size, --seamless, --layout, --variation and --fill must come with a bundle" in said
        )


@pytest.mark.parametrize("words", [[], ["one"], ["one", "two", "--table", "three"]])
def test_what_to_give(words: list[str]) -> None:
    assert "give MODEL.petsgan or DIR and IMAGE, or --table DIR" in refused(evaluate(*words))


def test_unknown_metric(bundle: Path, photo: Path) -> None:
    said = refused(evaluate(bundle, photo, "--metrics", "ssim, fid"))
    assert "must be some of sifid, sifid192, coverage, repeats, lpips, ssim, diversity" in said
    assert "got 'fid'" in said


def test_no_weights(bundle: Path, photo: Path, tmp_path: Path) -> None:
    said = refused(evaluate(bundle, photo, "--metrics", "sifid"), code=3)
    assert "get https://download.pytorch.org/models/inception_v3_google-0cc3c7bd.pth" in said
    for words, metric, others in (
        ((), "lpips", ["ssim", "diversity", "sharpness", "copy"]),
        (("--size", "96x48"), "coverage", ["repeats", "sharpness"]),
    ):
        result = evaluate(bundle, photo, "-n", 2, *words, "--json")
        assert result.exit_code == 0, result.output
        printed = json.loads(result.stdout)
        assert list(printed["left_out"]) == ["sifid", metric]
        assert {name.partition("_")[0] for name in printed["metrics"]} == {*others}
        lines = [line for line in result.stderr.splitlines() if line.startswith("left out: ")]
        assert lines[0] == (
            "left out: sifid: needs weights of Inception v3, and none are here; hint: --metrics "
            "sifid downloads them (about 100 MB); or name a file, --inception FILE"
        )
        assert lines[1].startswith(f"left out: {metric}: needs weights")
        assert len(lines) == 2
    file = save_safetensors(tmp_path / "stem.safetensors", keras_inception())
    printed = json.loads(evaluate(bundle, photo, "-n", 2, "--inception", file, "--json").stdout)
    assert "sifid" in printed["metrics"]
    assert list(printed["left_out"]) == ["lpips"]
    said = refused(evaluate(bundle, photo, "--inception", tmp_path / "no.pth"))
    assert "sifid: weights" in said


def test_one_sample(bundle: Path, photo: Path) -> None:
    result = evaluate(bundle, photo, "-n", 1)
    assert result.exit_code == 0, result.output
    for name in ("lpips", "diversity"):
        assert f"left out: {name}: at least 2 samples are needed, got 1\n" in result.stderr
    said = evaluate(bundle, photo, "-n", 1, "--metrics", "diversity").stderr
    assert said.endswith("error: diversity: at least 2 samples are needed, got 1\n")


def test_a_folder_of_another_size_is_judged_as_it_is(tmp_path: Path, photo: Path) -> None:
    folder = tmp_path / "samples"
    folder.mkdir()
    save_image(folder / "a.png", noise_picture(48, 90, seed=0))
    save_image(folder / "b.png", noise_picture(96, 90, seed=0))
    result = evaluate(folder, photo, "--json")
    assert result.exit_code == 0, result.output
    printed = json.loads(result.stdout)
    assert list(printed["metrics"]) == ["repeats", "repeats_photo", "sharpness"]
    assert list(printed["skipped"]) == ["b.png"]
    assert "skipped b.png: must have the first one's size 90x48, got 90x96" in result.stderr


def test_weights_given(bundle: Path, photo: Path, tmp_path: Path) -> None:
    file = save_safetensors(tmp_path / "stem.safetensors", keras_inception())
    words = (bundle, photo, "-n", 2, "--metrics", "sifid", "--inception", file)
    result = evaluate(*words, "--json")
    assert result.exit_code == 0, result.output
    sifid = json.loads(result.stdout)["metrics"]["sifid"]
    assert len(sifid["values"]) == 2
    assert min(sifid["values"]) > 0
    assert sifid["backbone"].startswith("inception-v3-keras/pool1 ")
    assert sifid["backbone"] in evaluate(*words).stdout


def test_weights_of_another_architecture(bundle: Path, photo: Path, tmp_path: Path) -> None:
    file = save_safetensors(tmp_path / "x.safetensors", {"a": np.zeros(3, np.float32)})
    words = ("--metrics", "sifid", "--inception", file)
    said = refused(evaluate(bundle, photo, *words))
    assert "'Conv2d_1a_3x3.conv.weight' of shape (32, 3, 3, 3), got no such tensor" in said


def test_too_small_for_a_metric(bundle: Path, photo: Path, tmp_path: Path) -> None:
    file = save_safetensors(tmp_path / "stem.safetensors", keras_inception())
    words = ("-n", 2, "--metrics", "sifid192", "--inception", file)
    result = evaluate(bundle, photo, *words)
    assert result.exit_code == 2, result.output
    last = result.stderr.splitlines()[-1]
    assert last == "error: sifid192: an image must be at least 72x72 px, got 64x48"


TINY = [
    *("--set", "training.steps=2", "--set", "image.max_size_px=48", "--set", "depnet.width=8"),
    *("--set", "restoration.width=8", "--set", "training.pool_size=4"),
    *("--set", "training.layout_batch=2", "--device", "cpu", "-n", "2", "--metrics", "sharpness"),
]


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    save_image(folder / "a.png", noise_picture(40, 48, seed=1))
    (folder / "b.txt").write_text("no image", encoding="utf-8")
    return folder


@pytest.fixture(params=["ready", pytest.param("exported", marks=pytest.mark.slow)])
def _bundles(request: pytest.FixtureRequest, bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A table's bundles: one that lies ready for every model, or those that are exported."""
    if request.param == "ready":
        monkeypatch.setattr(
            cell, "export_bundle", lambda _model, target, **_options: shutil.copy(bundle, target)
        )


@pytest.mark.usefixtures("_bundles")
def test_table(photos: Path, tmp_path: Path) -> None:
    words = ("--table", photos, "-o", tmp_path / "out", "--variants", "full", *TINY)
    result = evaluate(*words)
    assert result.exit_code == 0, result.output
    head, row, end = result.stdout.splitlines()
    assert head.split() == ["variant", "photos", "sharpness", "training", "s"]
    assert row.split()[:2] == ["full", "1"]
    assert end == "1 file skipped, 0 trainings failed"
    assert "skipped b.txt: " in result.stderr
    again = evaluate(*words, "--json")
    assert again.exit_code == 0, again.output
    assert "a.png, full: measured before" in again.stderr
    printed = json.loads(again.stdout)
    assert set(printed) == {"rows", "cells", "failed", "skipped"}
    assert list(printed["skipped"]) == ["b.txt"]
    assert printed["cells"][0]["photo"] == "a.png"
    mean = printed["rows"][0]["metrics"]["sharpness"]["mean"]
    assert row.split()[2] == f"{mean:.4g}"


def test_a_table_in_which_a_training_failed(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from petsgan_sdk.errors import TrainingError  # noqa: PLC0415
    from petsgan_sdk.evaluation import cell  # noqa: PLC0415 - imports torch

    def train(*_words: object, **_options: object) -> None:
        message = "loss is NaN"
        raise TrainingError(message)

    monkeypatch.setattr(cell, "train", train)
    result = evaluate("--table", photos, "-o", tmp_path, "--variants", "full", *TINY)
    assert result.exit_code == 4, result.output
    assert result.stdout.splitlines()[-1] == "1 file skipped, 1 training failed"
    assert result.stdout.splitlines()[1].split() == ["full", "0", "-"]
    assert "a.png, full: loss is NaN" in result.stderr


def test_a_table_of_nothing(tmp_path: Path) -> None:
    said = refused(evaluate("--table", tmp_path, *TINY))
    assert "must hold at least one image, got no file" in said


def test_an_unknown_variant(photos: Path, tmp_path: Path) -> None:
    words = ("--table", photos, "-o", tmp_path, "--variants", "full,half")
    assert "variants: must be some of full" in refused(evaluate(*words, *TINY))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--model", "petgan"], "model: must be one of petsgan"),
        (["--preset", "slow"], "preset must be one of fast, paper or a .toml file, got 'slow'"),
        (["--variants", "half"], "variants: must be some of full"),
    ],
)
def test_names_are_checked_before_weights_are_looked_for(
    words: list[str], message: str, photos: Path, tmp_path: Path
) -> None:
    # The default metrics need weights that are not here, which exit code 3 would say.
    assert message in refused(evaluate("--table", photos, "-o", tmp_path, *words))

"""The table on photos small enough to learn in a moment, judged by pixels alone.

Exporting takes far longer than such a training; the models are replaced by a bundle that is there
already, of their size. `tests/cli/test_evaluate.py` fills a table with real ones.
"""

from __future__ import annotations

import json

import pytest
import torch
from bundle_factory import IMAGE_SIZE_PX, write_bundle
from PIL import Image
from tiny_training import NARROW, write_picture

from petsgan_sdk.errors import CheckpointError, ConfigError, InputError, OutputError, TrainingError
from petsgan_sdk.evaluation import cell
from petsgan_sdk.evaluation.table import TableOptions, fill_table
from petsgan_sdk.evaluation.variants import choose_variants
from petsgan_sdk.metrics import Judge
from petsgan_sdk.settings.presets import load_preset, preset_ablations

pytest.importorskip("onnxruntime", reason="sampling needs onnxruntime")

HEIGHT, WIDTH = IMAGE_SIZE_PX
TWO = ("full", "no-patch-gan")
SMALL = {**NARROW["fast"], "training.steps": 2, "image.max_size_px": 64}


@pytest.fixture(autouse=True)
def _alone(monkeypatch, tmp_path_factory):
    monkeypatch.setattr(
        cell, "export_bundle", lambda _model, bundle, **_options: write_bundle(bundle)
    )
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    monkeypatch.setenv("PETSGAN_CACHE", str(tmp_path_factory.getbasetemp() / "no-cache"))
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    write_picture(folder / "b.png", WIDTH, HEIGHT, seed=1)
    write_picture(folder / "a.png", WIDTH, HEIGHT, seed=2)
    (folder / "c.png").write_bytes((folder / "a.png").read_bytes()[:200])
    return folder


def fill(photos, output, *, judge=None, variants=TWO, count=2, seed=0, overrides=SMALL, **more):
    return fill_table(
        photos,
        output,
        variants=variants,
        judge=judge or Judge(["diversity", "sharpness"]),
        options=TableOptions(overrides=overrides, device="cpu", seed=seed, count=count),
        **more,
    )


@pytest.fixture
def finished(photos, tmp_path):
    """A filled table: its folder, the table, what was noted, and the steps that were seen."""
    output = tmp_path / "table"
    notes, steps = [], []
    table = fill(photos, output, note=notes.append, progress=lambda *at: steps.append(at))
    return output, table, notes, steps


def test_every_photo_is_learned_by_every_variant(finished):
    output, table, notes, steps = finished
    assert [(one.photo, one.variant) for one in table.cells] == [
        ("a.png", "full"),
        ("a.png", "no-patch-gan"),
        ("b.png", "full"),
        ("b.png", "no-patch-gan"),
    ]
    assert all(one.seconds > 0 for one in table.cells)
    assert not table.failed
    assert ("b.png, no-patch-gan", 2, 2) in steps
    assert [file.path.name for file in table.skipped] == ["c.png"]
    assert any(line.startswith("skipped c.png: ") for line in notes)
    names = {path.name for path in (output / "a.png").iterdir()}
    kinds = ("json", "petsgan", "pt")
    assert names == {f"{name}.{kind}" for name in TWO for kind in kinds}


def test_rows_are_medians_and_means_over_photos(finished):
    _, table, _, _ = finished
    full, other = table.rows()
    assert (full["variant"], full["photos"]) == ("full", 2)
    assert other["variant"] == "no-patch-gan"
    cells = [one for one in table.cells if one.variant == "full"]
    means = [one.metrics["sharpness"]["mean"] for one in cells]
    medians = [one.metrics["sharpness"]["median"] for one in cells]
    assert full["metrics"]["sharpness"]["mean"] == pytest.approx(sum(means) / 2)
    assert full["metrics"]["sharpness"]["median"] == pytest.approx(sum(medians) / 2)
    assert full["seconds"] == pytest.approx(sum(one.seconds for one in cells) / 2)
    assert full["metrics"]["sharpness"]["backbone"] is None


def refuse(*_words, **_options):
    pytest.fail("trained again")


def test_what_is_finished_is_not_made_again(finished, photos, monkeypatch):
    output, table, _, _ = finished
    monkeypatch.setattr(cell, "train", refuse)
    notes = []
    assert fill(photos, output, note=notes.append).cells == table.cells
    assert "a.png, full: measured before" in notes


def test_other_questions_measure_again_without_training(finished, photos):
    output, table, _, _ = finished
    notes = []
    again = fill(photos, output, judge=Judge(["copy"]), count=3, note=notes.append)
    assert len(again.cells[0].metrics["copy"]["values"]) == 3
    assert again.cells[0].seconds == table.cells[0].seconds
    assert any("is already finished at step 2 of 2" in line for line in notes)


def test_a_damaged_record_is_made_again(finished, photos):
    output, table, _, _ = finished
    record = output / "a.png" / "full.json"
    record.write_bytes(record.read_bytes()[:50])
    assert fill(photos, output).cells == table.cells
    assert json.loads(record.read_bytes())["cell"]["variant"] == "full"


def test_a_model_of_another_run_is_not_taken_for_this_one(finished, photos):
    output, _, _, _ = finished
    with pytest.raises(CheckpointError, match=r"same run to resume, got training.seed 0 where now"):
        fill(photos, output, seed=1)


def test_overwrite_makes_everything_again(photos, tmp_path, monkeypatch):
    first = fill(photos, tmp_path, variants=["full"])
    seen = []
    monkeypatch.setattr(cell, "train", lambda *_, **options: seen.append(options) or refuse())
    with pytest.raises(pytest.fail.Exception):
        fill(photos, tmp_path, variants=["full"], overwrite=True)
    assert len(first.cells) == 2
    assert (seen[0]["overwrite"], seen[0]["resume"]) == (True, False)


def test_one_training_that_diverges_does_not_lose_the_others(photos, tmp_path, monkeypatch):
    real = cell.train

    def train(photo, *words, **options):
        if photo.name == "a.png":
            message = "loss is NaN"
            raise TrainingError(message)
        return real(photo, *words, **options)

    monkeypatch.setattr(cell, "train", train)
    table = fill(photos, tmp_path, variants=["full"])
    assert dict(table.failed) == {"a.png, full": "loss is NaN"}
    assert [one.photo for one in table.cells] == ["b.png"]
    assert table.rows()[0]["photos"] == 1


def test_a_row_without_photos(photos, tmp_path, monkeypatch):
    def train(*_words, **_options):
        message = "loss is NaN"
        raise TrainingError(message)

    monkeypatch.setattr(cell, "train", train)
    assert fill(photos, tmp_path).rows() == [
        {"variant": "full", "photos": 0},
        {"variant": "no-patch-gan", "photos": 0},
    ]


def test_bad_settings_are_found_before_anything_is_trained(photos, tmp_path, monkeypatch):
    monkeypatch.setattr(cell, "train", refuse)
    with pytest.raises(ConfigError, match=r"training.stepz"):
        fill(photos, tmp_path, overrides={**SMALL, "training.stepz": 1})


def test_too_few_samples_are_found_before_anything_is_trained(photos, tmp_path, monkeypatch):
    monkeypatch.setattr(cell, "train", refuse)
    with pytest.raises(ConfigError, match="need 2 samples or more of a model, got 1"):
        fill(photos, tmp_path, count=1)


def test_photos_that_are_too_small_for_a_metric_are_skipped(photos, tmp_path, monkeypatch):
    monkeypatch.setattr(cell, "train", refuse)
    judge = Judge(["copy"])
    monkeypatch.setattr(Judge, "least_side_px", 64)
    notes = []
    with pytest.raises(InputError, match=r"be learned at 64 px, got none among 3 files"):
        fill(photos, tmp_path, judge=judge, note=notes.append)
    assert any("skipped a.png: its shorter side" in line and "got 48" in line for line in notes)


def test_photos_that_no_size_or_metric_fits_are_skipped(photos, tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "a.png").write_bytes((photos / "a.png").read_bytes())
    Image.new("RGB", (16, 600)).save(folder / "thread.png")
    Image.new("RGB", (WIDTH, HEIGHT), (9, 9, 9)).save(folder / "wall.png")
    notes = []
    table = fill(folder, tmp_path / "out", variants=("full",), note=notes.append)
    assert [cell.photo for cell in table.cells] == ["a.png"]
    assert [file.path.name for file in table.skipped] == ["thread.png", "wall.png"]
    assert any("skipped thread.png: image: one side must be at most 32" in n for n in notes)
    assert any("skipped wall.png: diversity: the photo must not be of one" in n for n in notes)


def test_an_output_that_is_a_file(photos, tmp_path):
    (tmp_path / "file").write_text("x", encoding="utf-8")
    with pytest.raises(OutputError, match="must be writable"):
        fill(photos, tmp_path / "file")


def test_the_variant_decides_what_is_trained(photos, tmp_path, monkeypatch):
    asked = []

    def train(*_words, **options):
        asked.append((options["ablation"], options["prior"]))
        message = "enough"
        raise TrainingError(message)

    monkeypatch.setattr(cell, "train", train)
    fill(photos, tmp_path, variants=["full", "no-internal-prior"])
    assert asked == [(None, None), ("no-internal-prior", None)] * 2


def test_a_prior_is_for_all_variants():
    options = TableOptions(prior=("internal", "folder:layouts"))
    assert options.settings("full").prior.name == "internal+folder"
    assert options.settings("full").depnet.modes > 0  # it has more than one layout


@pytest.mark.parametrize("preset", ["fast", "paper"])
def test_variants(preset):
    ablations = preset_ablations(preset)
    chosen = choose_variants(preset)
    assert chosen[0] == "full"
    # The others are the papers', but for the one that the preset is already.
    assert set(ablations) - set(chosen) == {{"fast": "cascaded", "paper": "end-to-end"}[preset]}
    filters = {"transfer.features": "filters"}
    plain = load_preset(preset, overrides=filters)
    for name in chosen:
        config = TableOptions(preset=preset, overrides=filters).settings(name)
        assert (config == plain) == (name == "full")
    assert choose_variants(preset, ["cascaded", " full", "full"]) == ("cascaded", "full")
    with pytest.raises(ConfigError, match=r"variants: must be some of full, .*, got 'half'"):
        choose_variants(preset, ["full", "half"])

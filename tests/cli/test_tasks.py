from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from support.commands import refused, runner
from typer.testing import Result

from petsgan_sdk import tasks
from petsgan_sdk.cli import app
from petsgan_sdk.imaging import load_image, resize, save_image
from petsgan_sdk.runtime import load

pytest.importorskip("onnxruntime", reason="tasks run a model with onnxruntime")

EVERY = pytest.mark.parametrize("task", ["paint", "edit", "harmonize", "stylize"])
INSERTIONS = pytest.mark.parametrize("task", ["edit", "harmonize"])


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory, copier: Path) -> dict[str, Path]:
    """A composite, its mask, the pasted part alone, and the photo."""
    folder = tmp_path_factory.mktemp("images")
    photo = load(copier, provider="cpu").photo
    assert photo is not None
    mask = np.zeros(photo.shape[:2], np.uint8)
    mask[40:80, 60:110] = 255
    composite = np.where(mask[:, :, None] > 0, np.roll(photo, 50, axis=1) // 2 + 90, photo)
    layer = np.dstack([np.where(mask[:, :, None] > 0, composite, 0), mask])
    arrays = {"composite": composite, "mask": mask, "layer": layer, "photo": photo}
    for name, array in arrays.items():
        Image.fromarray(array).save(folder / f"{name}.png")
    return {name: folder / f"{name}.png" for name in arrays}


def run(*words: object) -> Result:
    return runner.invoke(app, [str(word) for word in words])


@EVERY
def test_a_command_writes_what_its_function_returns(
    task: str, copier: Path, files: dict[str, Path], tmp_path: Path
) -> None:
    out, sheet = tmp_path / "out.png", tmp_path / "sheet.png"
    words: list[object] = ["--strength", "0.7", "--seed", "4", "-o", out, "--compare", sheet]
    arguments: dict[str, Any] = {"strength": 0.7, "seed": 4}
    if task in ("edit", "harmonize"):
        words += ["--mask", files["mask"]]
        arguments["mask"] = load_image(files["mask"]).rgb
    result = run(task, copier, files["composite"], *words, "--json")
    assert result.exit_code == 0, result.output
    image = load_image(files["composite"]).rgb
    expected = getattr(tasks, task)(load(copier), image, **arguments)
    np.testing.assert_array_equal(load_image(out).rgb, expected.image)
    printed = json.loads(result.stdout)
    changed = 1.0 if expected.mask is None else float((expected.mask > 0).mean())
    assert printed == {
        "task": task,
        "files": [str(out), str(sheet)],
        "size": [192, 128],
        "strength": 0.7,
        "seed": 4,
        "changed": changed,
        "notes": printed["notes"],
        "provider": printed["provider"],
        "seconds": printed["seconds"],
    }
    assert set(expected.notes) <= set(printed["notes"])
    panels = 2 if expected.mask is None else 3
    with Image.open(sheet) as opened:
        assert opened.width == panels * 192 + (panels + 1) * 8


@INSERTIONS
def test_the_default_mask_and_name(
    task: str, copier: Path, files: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run(task, copier, files["composite"])
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith(f"{task}: 192x128 in {task}.png (")
    assert "note: the mask was found as what differs from the photo" in result.stderr
    assert (tmp_path / f"{task}.png").is_file()


@INSERTIONS
def test_a_layer_alone_is_laid_over_the_photo(
    task: str, copier: Path, files: dict[str, Path], tmp_path: Path
) -> None:
    outputs = [tmp_path / "a.png", tmp_path / "b.png", tmp_path / "c.png"]
    source = ["--source", files["photo"]]
    calls = [
        run(task, copier, files["layer"], "-o", outputs[0]),
        run(task, copier, files["layer"], "-o", outputs[1], *source),
        run(task, copier, files["composite"], "--mask", files["layer"], "-o", outputs[2]),
    ]
    for result in calls:
        assert result.exit_code == 0, result.output
    assert "note: the mask is the alpha channel" in calls[0].stderr
    assert "became white" not in calls[0].stderr
    images = [load_image(path).rgb for path in outputs]
    np.testing.assert_array_equal(images[0], images[1])
    np.testing.assert_array_equal(images[0], images[2])


@pytest.mark.parametrize("mode", ["L", "P", "LA", "CMYK", "I;16"])
@EVERY
def test_any_mode_and_size(
    task: str, mode: str, copier: Path, files: dict[str, Path], tmp_path: Path
) -> None:
    image = Image.fromarray(resize(load_image(files["composite"]).rgb, (300, 200)))
    given = tmp_path / f"given.{'tif' if mode == 'CMYK' else 'png'}"
    if mode == "I;16":
        Image.fromarray(np.asarray(image.convert("L"), np.uint16) * 257).save(given)
    else:
        image.convert(mode).save(given)
    mask = ["--mask", files["mask"]] if task in ("edit", "harmonize") else []
    out = tmp_path / "out.jpg"
    result = run(task, copier, given, *mask, "-o", out)
    assert result.exit_code == 0, result.output
    assert load_image(out).rgb.shape == (200, 300, 3)
    assert "note: " in result.stderr
    if mask:
        assert "note: the mask of 192x128 was resized to 300x200" in result.stderr


def test_refusals(copier: Path, files: dict[str, Path], tmp_path: Path) -> None:
    out, full, other = (tmp_path / name for name in ("out.png", "full.png", "other.png"))
    save_image(full, np.full((128, 192, 3), 255, np.uint8))
    save_image(other, np.full((128, 128, 3), 255, np.uint8))
    empty = tmp_path / "empty.png"
    save_image(empty, np.zeros((128, 192, 3), np.uint8))
    start = ("edit", copier, files["composite"], "-o", out)
    cases = {
        ("--mask", full): "to make all: paint",
        ("--mask", empty): "white there",
        ("--mask", other): "got 192x128 and 128x128",
        ("--mask", tmp_path / "none.png"): "must be an image file, got no file",
        ("--strength", 1.5): "strength must be a number from 0 to 1, got 1.5",
        ("--seed", -1): "seed must be",
        ("--compare", files["mask"]): "must not exist yet",
        ("--compare", tmp_path / "a.gif"): "must end in one of .png, .jpg, .jpeg, .webp, got",
    }
    for words, text in cases.items():
        assert text in refused(run(*start, *words)), words
        assert not out.exists(), words
    assert "must not be the input" in refused(run(*start, "-o", files["composite"], "--force"))
    same = refused(run(*start, "--compare", out))
    assert "--compare must name another file than the result" in same


@EVERY
def test_too_many_pixels_are_refused_by_the_header(
    task: str,
    copier: Path,
    files: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of every file that a task reads: were one decoded, its cut would be what is complained of."""
    large = tmp_path / "large.png"
    save_image(large, np.zeros((129, 192, 3), np.uint8))
    large.write_bytes(large.read_bytes()[:60])
    monkeypatch.setattr("petsgan_sdk.tasks.checks.MAX_PIXELS", 128 * 192)
    text = "must be an image of at most 0.024576 megapixels, got 192x129"
    assert text in refused(run(task, copier, large, "-o", tmp_path / "out.png"))
    others = {"edit": ["--mask", "--source"], "harmonize": ["--mask", "--source"]}
    for option in others.get(task, ["--source"] if task == "stylize" else []):
        words = (task, copier, files["composite"], option, large, "-o", tmp_path / "out.png")
        assert text in refused(run(*words))


def test_force(copier: Path, files: dict[str, Path], tmp_path: Path) -> None:
    out = tmp_path / "out.png"
    words = ("paint", copier, files["composite"], "-o", out)
    assert run(*words).exit_code == 0
    assert "must not exist yet" in refused(run(*words))
    assert run(*words, "--force").exit_code == 0


@EVERY
def test_a_bundle_without_entries(task: str, files: dict[str, Path], tmp_path: Path) -> None:
    from support.bundles import write_bundle  # noqa: PLC0415 - skips where onnx is absent

    old = write_bundle(tmp_path / "old.petsgan", changes={"entries": []})
    mask = ["--mask", files["mask"]] if task in ("edit", "harmonize") else []
    line = refused(run(task, old, files["composite"], *mask, "-o", tmp_path / "out.png"))
    assert "petsgan-sdk export MODEL.pt" in line

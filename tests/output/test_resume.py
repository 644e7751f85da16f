from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from petsgan_sdk.errors import BundleError, ConfigError, OutputError
from petsgan_sdk.imaging import encode_image
from petsgan_sdk.output.batch import BatchResult, generate_images
from petsgan_sdk.output.batch_plan import BatchPlan, plan_batch
from petsgan_sdk.output.provenance import comment_of, provenance
from petsgan_sdk.output.resume import FileState, judge_image
from petsgan_sdk.runtime import Pin, Sampler, load
from petsgan_sdk.runtime.drawing import Drawing

pytest.importorskip("onnxruntime", reason="sampling needs onnxruntime")

COUNT = 6
OTHERS = (
    Drawing(variation=0.5),
    Drawing(fill=0),
    Drawing(pins=(Pin(4, 6, 0, 0, 20, 16),)),
    Drawing(pins=(Pin(5, 6, 0, 0, 20, 16),)),
    Drawing(seamless=True),
    Drawing(),
)


def plan(bundle: Path, output: Path, **changes: Any) -> BatchPlan:
    return plan_batch(bundle, output, **{"count": COUNT, "size_px": (40, 24), "seed": 3, **changes})


def resumed(bundle: Path, sampler: Sampler, output: Path, **changes: Any) -> BatchResult:
    return generate_images(sampler, plan(bundle, output, resume=True, **changes), at_once=2)


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.mark.parametrize("extension", ["png", "jpg", "webp"])
def test_whole_files_are_kept_and_others_made(
    bundle: Path, sampler: Sampler, tmp_path: Path, extension: str
) -> None:
    made = plan(bundle, tmp_path / "a", extension=extension)
    generate_images(sampler, made)
    expected = files(tmp_path / "a")
    times = {path: path.stat().st_mtime_ns for path in made.paths}
    made.paths[1].unlink()
    made.paths[2].write_bytes(made.paths[2].read_bytes()[:-20])
    made.paths[3].write_bytes(b"")
    made.paths[4].write_bytes(b"junk")
    result = resumed(bundle, sampler, tmp_path / "a", extension=extension)
    assert (result.written, result.skipped) == (4, 2)
    assert files(tmp_path / "a") == expected
    for k in (0, 5):
        assert made.paths[k].stat().st_mtime_ns == times[made.paths[k]]
    again = resumed(bundle, sampler, tmp_path / "a", extension=extension)
    assert (again.written, again.skipped, again.images_per_s) == (0, COUNT, 0)


def test_more_images_than_before(bundle: Path, sampler: Sampler, tmp_path: Path) -> None:
    generate_images(sampler, plan(bundle, tmp_path / "a", count=2))
    result = resumed(bundle, sampler, tmp_path / "a")
    assert (result.written, result.skipped) == (4, 2)
    generate_images(sampler, plan(bundle, tmp_path / "b"))
    assert files(tmp_path / "a") == files(tmp_path / "b")


@pytest.mark.parametrize("place", [0.02, 0.3, 0.7, 0.999])
def test_any_changed_byte_of_a_png_is_found(place: float) -> None:
    image = np.random.default_rng(0).integers(0, 255, (24, 40, 3), dtype=np.uint8)
    comment = comment_of(provenance("m", {"index": 2}, seed=1, size_px=(40, 24)))
    data = bytearray(encode_image(image, comment=comment))
    assert judge_image(bytes(data), comment=comment, size_px=(40, 24)) is FileState.whole
    data[int(place * len(data))] ^= 1
    assert judge_image(bytes(data), comment=comment, size_px=(40, 24)) is not FileState.whole


@pytest.mark.parametrize("extension", ["png", "jpg", "webp"])
def test_every_truncation_is_found(extension: str) -> None:
    image = np.random.default_rng(0).integers(0, 255, (24, 40, 3), dtype=np.uint8)
    comment = comment_of(provenance("m", {"index": 2}, seed=1, size_px=(40, 24)))
    data = encode_image(image, format=extension, comment=comment)
    assert judge_image(data, comment=comment, size_px=(40, 24)) is FileState.whole
    for kept in {*range(0, len(data), 37), len(data) - 1}:
        state = judge_image(data[:kept], comment=comment, size_px=(40, 24))
        assert state is not FileState.whole, kept


@pytest.mark.parametrize("extension", ["png", "jpg", "webp"])
def test_other_images_are_never_overwritten(
    bundle: Path, sampler: Sampler, tmp_path: Path, extension: str
) -> None:
    settings = {"template": "{index}", "extension": extension}
    generate_images(sampler, plan(bundle, tmp_path, **settings))
    before = files(tmp_path)
    for changes in ({"seed": 4}, {"size_px": (24, 40)}):
        with pytest.raises(OutputError, match="must be of this bundle, seed, size and options"):
            resumed(bundle, sampler, tmp_path, **settings, **changes)
    photo = tmp_path / f"2.{extension}"
    Image.new("RGB", (40, 24)).save(photo)
    mine = photo.read_bytes()
    with pytest.raises(OutputError, match=r"got other images; .* --force"):
        resumed(bundle, sampler, tmp_path, **settings)
    assert files(tmp_path) == {**before, photo.name: mine}


def test_another_bundle_of_the_same_name(bundle: Path, sampler: Sampler, tmp_path: Path) -> None:
    from support.bundles import write_bundle  # noqa: PLC0415 - skips where onnx is absent

    generate_images(sampler, plan(bundle, tmp_path / "out"))
    other = write_bundle(tmp_path / "tiny.petsgan", seed=1)
    with pytest.raises(OutputError, match="must be of this bundle"):
        resumed(other, load(other, provider="cpu", threads=1), tmp_path / "out")


def test_the_sheet_shows_what_was_there(bundle: Path, sampler: Sampler, tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.png"
    made = plan(bundle, tmp_path / "a", sheet=sheet)
    generate_images(sampler, made)
    expected = sheet.read_bytes()
    for lost in ([], [made.paths[0], made.paths[3]], [sheet]):
        for path in lost:
            path.unlink()
        resumed(bundle, sampler, tmp_path / "a", sheet=sheet)
        assert sheet.read_bytes() == expected
    Image.new("RGB", (4, 4)).save(sheet)
    with pytest.raises(OutputError, match=r"sheet.png.*other images"):
        resumed(bundle, sampler, tmp_path / "a", sheet=sheet)


@pytest.mark.parametrize("sidecars", [False, True])
def test_shards_that_are_whole_are_kept(
    bundle: Path, sampler: Sampler, tmp_path: Path, sidecars: bool
) -> None:
    settings = {"shard_size": 2, "sidecars": sidecars}
    made = plan(bundle, tmp_path / "a.tar", **settings)
    generate_images(sampler, made)
    expected = files(tmp_path)
    times = made.paths[0].stat().st_mtime_ns
    made.paths[1].write_bytes(expected[made.paths[1].name][:-10240])
    damaged = bytearray(expected[made.paths[2].name])
    damaged[1500] ^= 1
    made.paths[2].write_bytes(damaged)
    result = resumed(bundle, sampler, tmp_path / "a.tar", **settings)
    assert (result.written, result.skipped) == (4, 2)
    assert files(tmp_path) == expected
    assert made.paths[0].stat().st_mtime_ns == times


def test_a_tar_of_other_samples(bundle: Path, sampler: Sampler, tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    generate_images(sampler, plan(bundle, path))
    before = path.read_bytes()
    for changes in ({"seed": 4}, {"count": 5}, {"template": "x{index}"}, {"sidecars": True}):
        with pytest.raises(OutputError, match="got other images"):
            resumed(bundle, sampler, path, **changes)
    assert path.read_bytes() == before
    result = resumed(bundle, sampler, path, count=COUNT + 1)
    assert (result.written, result.skipped) == (COUNT + 1, 0)


def test_leftovers_of_a_killed_run_go(bundle: Path, sampler: Sampler, tmp_path: Path) -> None:
    left = tmp_path / ".petsgan-0123456789ab.tmp"
    left.write_bytes(b"half")
    (tmp_path / ".petsgan-mine").write_bytes(b"kept")
    resumed(bundle, sampler, tmp_path)
    assert not left.exists()
    assert len(files(tmp_path)) == COUNT + 1


def test_resume_still_refuses_what_is_no_file(
    bundle: Path, sampler: Sampler, tmp_path: Path
) -> None:
    planned = plan(bundle, tmp_path)
    planned.paths[0].mkdir()
    with pytest.raises(OutputError, match="got the folder"):
        plan(bundle, tmp_path, resume=True)
    shutil.rmtree(planned.paths[0])
    planned.paths[0].symlink_to(tmp_path / "nowhere")
    resumed(bundle, sampler, tmp_path)
    assert planned.paths[0].is_file()
    assert not planned.paths[0].is_symlink()


@pytest.mark.parametrize("name", ["out", "out.tar"])
@pytest.mark.parametrize("drawing", OTHERS)
def test_images_of_another_drawing_are_not_kept_as_whole(
    synthesis_bundle: Path, synthesis: Sampler, tmp_path: Path, name: str, drawing: Drawing
) -> None:
    output, sheet = tmp_path / name, tmp_path / "sheet.png"
    settings = {"count": 2, "sidecars": name.endswith(".tar"), "sheet": sheet}
    first = plan(synthesis_bundle, output, drawing=drawing, **settings)
    generate_images(synthesis, first)
    before = [path.read_bytes() for path in first.outputs]
    for other in OTHERS:
        if other != drawing:
            with pytest.raises(OutputError, match=r"this bundle, seed, size and options to go on"):
                resumed(synthesis_bundle, synthesis, output, drawing=other, **settings)
    assert [path.read_bytes() for path in first.outputs] == before
    result = resumed(synthesis_bundle, synthesis, output, drawing=drawing, **settings)
    assert (result.written, result.skipped) == (0, 2)
    first.paths[-1].unlink()
    resumed(synthesis_bundle, synthesis, output, drawing=drawing, **settings)
    assert [path.read_bytes() for path in first.outputs] == before


def test_a_drawing_that_cannot_be_leaves_nothing(
    synthesis_bundle: Path, synthesis: Sampler, tmp_path: Path
) -> None:
    for drawing in (Drawing(variation=5), Drawing(pins=(Pin(0, 0),)), Drawing(layout="network")):
        with pytest.raises((ConfigError, BundleError)):
            generate_images(
                synthesis, plan(synthesis_bundle, tmp_path / "new" / "out", drawing=drawing)
            )
    assert list(tmp_path.iterdir()) == []

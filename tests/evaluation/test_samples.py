from __future__ import annotations

import hashlib

import numpy as np
import pytest
from PIL import Image
from support.bundles import IMAGE_SIZE_PX, write_bundle
from support.pictures import noise_picture

from petsgan_sdk.errors import BundleError, ConfigError, InputError
from petsgan_sdk.evaluation.samples import each_image, read_samples, sample_bundle
from petsgan_sdk.imaging import resize, save_image
from petsgan_sdk.runtime import Pin, load
from petsgan_sdk.runtime.drawing import Drawing

pytest.importorskip("onnxruntime", reason="sampling needs onnxruntime")

HEIGHT, WIDTH = IMAGE_SIZE_PX


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "photo.png"
    save_image(path, noise_picture(HEIGHT * 3 - 2, WIDTH * 3, seed=0))
    return path


def test_samples_of_a_bundle_are_those_of_the_runtime(tmp_path, photo):
    bundle = write_bundle(tmp_path / "model.petsgan")
    notes, steps = [], []
    found = sample_bundle(
        bundle, photo, count=3, seed=5, note=notes.append, progress=lambda *at: steps.append(at)
    )
    np.testing.assert_array_equal(found.samples, load(bundle).sample(3, seed=5))
    np.testing.assert_array_equal(
        found.photo, resize(noise_picture(HEIGHT * 3 - 2, WIDTH * 3, seed=0), (WIDTH, HEIGHT))
    )
    assert found.names == ("0", "1", "2")
    assert steps == [(1, 3), (2, 3), (3, 3)]
    assert len(notes) == 1
    assert "is not the photo that the bundle learned" in notes[0]


def test_nothing_is_said_of_the_photo_that_was_learned(tmp_path, photo):
    fitted = resize(noise_picture(HEIGHT * 3 - 2, WIDTH * 3, seed=0), (WIDTH, HEIGHT))
    digest = hashlib.sha256(fitted.tobytes()).hexdigest()
    bundle = write_bundle(tmp_path / "m.petsgan", changes={"provenance": {"digest": digest}})
    notes = []
    sample_bundle(bundle, photo, count=1, note=notes.append)
    assert not notes


def test_the_photo_that_was_learned_may_have_been_stretched(tmp_path):
    wide = noise_picture(30, 300, seed=0)
    save_image(tmp_path / "wide.png", wide)
    digest = hashlib.sha256(resize(wide, (WIDTH, HEIGHT)).tobytes()).hexdigest()
    bundle = write_bundle(tmp_path / "m.petsgan", changes={"provenance": {"digest": digest}})
    notes = []
    found = sample_bundle(bundle, tmp_path / "wide.png", count=1, note=notes.append)
    assert found.photo.shape == (HEIGHT, WIDTH, 3)
    assert not notes


def test_a_photo_of_another_shape(tmp_path):
    bundle = write_bundle(tmp_path / "model.petsgan")
    save_image(tmp_path / "tall.png", noise_picture(90, 60, seed=0))
    with pytest.raises(InputError, match=r"must have the shape of the bundle's, 64x48, got 60x90"):
        sample_bundle(bundle, tmp_path / "tall.png", count=1)


def test_samples_are_drawn_as_is_said(synthesis_bundle, synthesis, photo):
    drawing = Drawing(seamless=True, variation=0.5, fill=0, pins=(Pin(-4, 2, 8, 8, 24, 20),))
    found = sample_bundle(synthesis_bundle, photo, count=2, seed=5, drawing=drawing)
    np.testing.assert_array_equal(found.samples, synthesis.sample(2, seed=5, **drawing.keywords()))
    plain = sample_bundle(synthesis_bundle, photo, count=2, seed=5)
    np.testing.assert_array_equal(plain.samples, synthesis.sample(2, seed=5))


def test_no_bundle(photo):
    with pytest.raises(BundleError):
        sample_bundle(photo, photo, count=1)


@pytest.fixture
def folder(tmp_path):
    """Three images, one of them cut short, a text, a hidden file and a folder."""
    path = tmp_path / "samples"
    path.mkdir()
    for name, seed in (("b.png", 1), ("a.jpg", 2)):
        save_image(path / name, noise_picture(32, 40, seed=seed))
    save_image(path / "cut.png", noise_picture(32, 40, seed=3))
    (path / "cut.png").write_bytes((path / "cut.png").read_bytes()[:300])
    (path / "notes.txt").write_text("not an image", encoding="utf-8")
    (path / ".DS_Store").write_bytes(b"x")
    (path / "more").mkdir()
    return path


def test_samples_of_a_folder(folder, tmp_path):
    save_image(tmp_path / "p.png", noise_picture(32, 40, seed=9))
    found = read_samples(folder, tmp_path / "p.png")
    assert found.names == ("a.jpg", "b.png")
    np.testing.assert_array_equal(found.samples[1], noise_picture(32, 40, seed=1))
    assert [file.path.name for file in found.skipped] == ["cut.png", "notes.txt"]
    assert "damaged or truncated" in found.skipped[0].reason
    assert read_samples(folder, tmp_path / "p.png", count=1).names == ("a.jpg",)
    with pytest.raises(InputError, match="must hold at least 3 images, got 2"):
        read_samples(folder, tmp_path / "p.png", count=3)
    with pytest.raises(ConfigError, match="number must be positive, got 0"):
        read_samples(folder, tmp_path / "p.png", count=0)


def test_a_sample_of_another_size(folder, tmp_path):
    save_image(tmp_path / "p.png", noise_picture(32, 44, seed=9))
    assert read_samples(folder, tmp_path / "p.png").samples.shape == (2, 32, 40, 3)
    save_image(folder / "c.png", noise_picture(32, 44, seed=9))
    found = read_samples(folder, tmp_path / "p.png")
    assert found.names == ("a.jpg", "b.png")
    reasons = {file.path.name: file.reason for file in found.skipped}
    assert reasons["c.png"] == "must have the first one's size 40x32, got 44x32"
    with pytest.raises(InputError, match="must hold at least 3 images, got 2"):
        read_samples(folder, tmp_path / "p.png", count=3)


@pytest.mark.parametrize(
    ("size", "is_reduced"),
    [((80, 64), True), ((86, 64), True), ((100, 64), False), ((40, 64), False), ((39, 31), False)],
)
def test_a_photo_of_the_samples_shape_is_reduced(folder, tmp_path, size, is_reduced):
    photo = noise_picture(size[1], size[0], seed=9)
    save_image(tmp_path / "p.png", photo)
    notes = []
    found = read_samples(folder, tmp_path / "p.png", note=notes.append)
    assert found.has_photo_size == is_reduced
    expected = resize(photo, (40, 32)) if is_reduced else photo
    np.testing.assert_array_equal(found.photo, expected)
    said = f"note: {str(tmp_path / 'p.png')!r} is reduced to the samples' size, 40x32"
    assert notes == ([said] if is_reduced else [])


def test_folders_without_images(tmp_path):
    with pytest.raises(InputError, match="must be a folder of images, got nothing"):
        list(each_image(tmp_path / "no"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="must hold at least one image, got no file"):
        list(each_image(tmp_path / "empty"))
    (tmp_path / "empty" / "x.txt").write_text("x", encoding="utf-8")
    with pytest.raises(InputError, match="must hold at least one image, got none among 1 files"):
        list(each_image(tmp_path / "empty"))
    Image.new("RGB", (20, 20)).save(tmp_path / "file.png")
    with pytest.raises(InputError, match="must be a folder of images, got a file"):
        list(each_image(tmp_path / "file.png"))

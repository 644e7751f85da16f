from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tiny_training import picture, write_picture

from petsgan_sdk.errors import ConfigError, InputError, ShapeError
from petsgan_sdk.models.arrays import image_tensor
from petsgan_sdk.priors import LayoutSet, PriorInput, create_prior, parse_priors
from petsgan_sdk.priors.folder import fit_layout
from petsgan_sdk.settings import PriorSettings

WIDTH, HEIGHT = 12, 8


def create(folder, notes=None, *, flip=False):
    low_res = image_tensor(picture(WIDTH, HEIGHT))
    notes = [] if notes is None else notes
    config = PriorSettings(displacement=0.5, flip=flip)
    given = PriorInput(low_res, low_res, config, note=notes.append)
    return create_prior(parse_priors(f"folder:{folder}"), given)


def draw(prior, count=200, seed=0):
    return prior.sample(count, torch.Generator().manual_seed(seed))


def as_u8(layouts):
    return ((layouts + 1) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()


def kinds(layouts):
    return {layout.tobytes() for layout in as_u8(layouts)}


def test_every_image_is_a_layout(tmp_path):
    notes = []
    for number in range(4):
        write_picture(tmp_path / f"{number}.png", 96, 64, seed=number)
    layouts = draw(create(tmp_path, notes))
    assert layouts.shape == (200, 3, HEIGHT, WIDTH)
    assert layouts.abs().max() <= 1
    expected = {
        fit_layout(picture(96, 64, seed=number), (WIDTH, HEIGHT)).tobytes() for number in range(4)
    }
    assert kinds(layouts) == expected
    assert notes == [f"prior folder: 4 layouts in {str(tmp_path)!r}, 0 skipped"]
    assert create(tmp_path).displaced(torch.zeros(1, 2, HEIGHT, WIDTH)) is None


def test_the_generator_decides(tmp_path):
    for number in range(4):
        write_picture(tmp_path / f"{number}.png", 96, 64, seed=number)
    assert torch.equal(draw(create(tmp_path)), draw(create(tmp_path)))
    assert not torch.equal(draw(create(tmp_path)), draw(create(tmp_path), seed=1))


def test_modes_are_spread_over_the_set(tmp_path):
    for number in range(4):
        write_picture(tmp_path / f"{number}.png", 96, 64, seed=number)
    kept = [fit_layout(picture(96, 64, seed=n), (WIDTH, HEIGHT)) for n in range(4)]
    prior = create(tmp_path)
    np.testing.assert_array_equal(as_u8(prior.modes(2)), [kept[0], kept[2]])
    np.testing.assert_array_equal(as_u8(prior.modes(8)), np.repeat(kept, 2, axis=0))
    mirrored = create(tmp_path, flip=True).modes(8)
    np.testing.assert_array_equal(as_u8(mirrored)[1::2], [layout[:, ::-1] for layout in kept])


def test_flips(tmp_path):
    write_picture(tmp_path / "a.png", 96, 64)
    layouts = draw(create(tmp_path, flip=True))
    plain = fit_layout(picture(96, 64), (WIDTH, HEIGHT))
    assert kinds(layouts) == {plain.tobytes(), plain[:, ::-1].tobytes()}
    mirrored = sum((layout == plain[:, ::-1]).all() for layout in as_u8(layouts))
    assert 70 <= mirrored <= 130


def test_the_photo_itself_becomes_the_photo_at_layout_size():
    photo = picture(8 * WIDTH, 8 * HEIGHT)
    means = photo.reshape(HEIGHT, 8, WIDTH, 8, 3).astype(np.float64).mean((1, 3))
    assert np.abs(fit_layout(photo, (WIDTH, HEIGHT)) - means).max() <= 0.51


def test_reduction_does_not_alias():
    # Columns of black and white, one pixel wide: anything but grey would be an alias.
    stripes = np.zeros((80, 121, 3), np.uint8)
    stripes[:, ::2] = 255
    layout = fit_layout(stripes, (WIDTH, HEIGHT))
    assert np.abs(layout.astype(int) - 128).max() <= 14


@pytest.mark.parametrize("size", [(64, 64), (30, 100), (200, 20), (16, 16), (13, 300)])
def test_the_whole_image_is_kept(size):
    # Each corner has its colour, so that a crop would lose one.
    width, height = size
    image = np.zeros((height, width, 3), np.uint8)
    image[: height // 2, : width // 2, 0] = 255
    image[: height // 2, width // 2 :, 1] = 255
    image[height // 2 :, : width // 2, 2] = 255
    layout = fit_layout(image, (WIDTH, HEIGHT))
    assert layout.shape == (HEIGHT, WIDTH, 3)
    corners = [layout[0, 0], layout[0, -1], layout[-1, 0], layout[-1, -1]]
    expected = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (0, 0, 0)]
    np.testing.assert_allclose(corners, expected, atol=12)


def test_another_aspect_is_stretched_and_said(tmp_path):
    notes = []
    write_picture(tmp_path / "like.png", 60, 40)
    write_picture(tmp_path / "square.png", 64, 64)
    create(tmp_path, notes)
    (note,) = [note for note in notes if "stretched" in note]
    assert "1 images of another aspect" in note
    assert "crop them to 12:8" in note


def test_images_of_other_modes_are_converted_and_counted(tmp_path):
    notes = []
    for number in range(3):
        Image.fromarray(picture(60, 40, seed=number)[:, :, 0]).save(tmp_path / f"grey{number}.png")
    Image.fromarray(picture(60, 40)).quantize(9).save(tmp_path / "palette.gif")
    Image.fromarray(picture(60, 40)[:, :, 0].astype(np.uint16) * 257).save(tmp_path / "deep.tif")
    write_picture(tmp_path / "photo.JPG", 60, 40)
    prior = create(tmp_path, notes)
    assert prior.record["layouts"] == 6
    assert "prior folder: in 3 images greyscale was converted to RGB" in notes
    assert any("palette" in note for note in notes)


def test_a_broken_image_is_named_skipped_and_counted(tmp_path):
    for number in range(3):
        write_picture(tmp_path / f"{number}.png", 60, 40, seed=number)
    whole = (tmp_path / "1.png").read_bytes()
    (tmp_path / "1.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "empty.jpg").write_bytes(b"")
    write_picture(tmp_path / "small.png", 9, 9)
    notes = []
    prior = create(tmp_path, notes)
    assert prior.record["layouts"] == 2
    assert prior.record["skipped"] == ["1.png", "empty.jpg", "small.png"]
    skipped = [note for note in notes if note.startswith("prior folder: skipped ")]
    assert [note.split("'")[1] for note in skipped] == ["1.png", "empty.jpg", "small.png"]
    assert notes[-1].endswith("2 layouts in " + repr(str(tmp_path)) + ", 3 skipped")


def test_what_is_no_image_is_passed_over(tmp_path):
    write_picture(tmp_path / "a.png", 60, 40)
    (tmp_path / "notes.txt").write_text("which seeds these were")
    (tmp_path / ".hidden.png").write_bytes(b"broken")
    (tmp_path / "folder.png").mkdir()
    prior = create(tmp_path)
    assert (prior.record["layouts"], prior.record["skipped"]) == (1, [])


def test_the_record_names_no_path_and_follows_the_content(tmp_path):
    write_picture(tmp_path / "a.png", 60, 40, seed=1)
    first = create(tmp_path).record
    assert first["name"] == "folder"
    assert first["folder"] == tmp_path.name
    assert str(tmp_path) not in repr(first)
    assert create(tmp_path).record == first
    write_picture(tmp_path / "b.png", 60, 40, seed=2)
    second = create(tmp_path).record["digest"]
    write_picture(tmp_path / "b.png", 60, 40, seed=3)
    third = create(tmp_path).record["digest"]
    assert len({first["digest"], second, third}) == 3


def test_folders_that_cannot_be_used(tmp_path):
    with pytest.raises(InputError, match="must exist, got nothing"):
        create(tmp_path / "absent")
    (tmp_path / "file").write_text("text")
    with pytest.raises(InputError, match="must exist, got a file"):
        create(tmp_path / "file")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"must hold images .* got none among 0 entries"):
        create(tmp_path / "empty")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "a.png").write_bytes(b"no image")
    with pytest.raises(InputError, match="got none in 1 files that could not be read"):
        create(tmp_path / "broken")
    with pytest.raises(InputError, match="must exist, got nothing"):
        create("a\0b")
    with pytest.raises(ConfigError, match="must be given as folder:DIR, got no DIR"):
        create("")


def test_a_folder_that_may_not_be_listed(tmp_path, monkeypatch):
    def refuse(_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(InputError, match="must be readable, got 'Permission denied'"):
        create(tmp_path)


def test_sets_of_another_shape_are_refused():
    for layouts in (np.zeros((0, 4, 4, 3), np.uint8), np.zeros((2, 3, 4, 4), np.uint8)):
        with pytest.raises(ShapeError, match=r"must be \[K, h, w, 3\] uint8"):
            LayoutSet(layouts, flip=False, device=torch.device("cpu"), record={"name": "x"})

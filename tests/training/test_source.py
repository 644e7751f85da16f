from __future__ import annotations

import json

import numpy as np
import pytest
from support.pictures import picture, write_picture
from support.training_runs import tiny_train

from petsgan_sdk._text import valid_text, valid_texts
from petsgan_sdk.checkpoint import load_checkpoint
from petsgan_sdk.errors import InputError
from petsgan_sdk.imaging import load_image, save_image
from petsgan_sdk.runtime.describe import describe_file
from petsgan_sdk.settings import ImageSettings
from petsgan_sdk.stations.photo import load_photo


def source_of(tmp_path, width, height, **settings):
    notes = []
    path = write_picture(tmp_path / "photo.png", width, height)
    return load_photo(path, ImageSettings(**settings), notes.append), notes


@pytest.mark.parametrize(
    ("given", "learned"),
    [((640, 48), (424, 32)), ((48, 640), (32, 424)), ((20, 60), (32, 96)), ((16, 16), (32, 32))],
)
def test_an_extreme_aspect_is_kept(given, learned, tmp_path):
    source, notes = source_of(tmp_path, *given)
    assert source.rgb.shape == (learned[1], learned[0], 3)
    assert notes[0] == f"training at {learned[0]}x{learned[1]} (input {given[0]}x{given[1]})"
    assert not any("aspect" in note for note in notes)
    assert any("longer than 256 px" in note for note in notes) == (max(learned) > 256)


def test_a_changed_aspect_is_said(tmp_path):
    source, notes = source_of(tmp_path, 256, 35)
    assert source.rgb.shape == (32, 256, 3)
    assert notes[1] == "its aspect becomes 9.4% wider: both sides are multiples of 8"
    _, notes = source_of(tmp_path, 35, 256)
    assert notes[1] == "its aspect becomes 9.4% narrower: both sides are multiples of 8"


def test_a_usual_photo_is_learned_without_a_word(tmp_path):
    source, notes = source_of(tmp_path, 96, 64)
    np.testing.assert_array_equal(source.rgb, picture(96, 64))
    assert len(notes) == 1


def test_a_thread_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"at most 32 times the other, got 16x520; hint: crop it"):
        source_of(tmp_path, 16, 520)


LATIN = b"Stra\xdfe.png".decode("utf-8", "surrogateescape")


def test_a_name_that_is_no_text_is_recorded_as_one(tmp_path):
    photo = tmp_path / LATIN
    try:
        photo.write_bytes(write_picture(tmp_path / "photo.png", 32, 32).read_bytes())
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    model = tmp_path / LATIN.replace("png", "pt")
    tiny_train(photo, model, steps=1)
    assert load_checkpoint(model).provenance["image"] == "Stra\ufffde.png"
    assert load_checkpoint(model).steps_done == 1
    tiny_train(photo, model, steps=1, resume=True)
    text = json.dumps(valid_texts(describe_file(model)), ensure_ascii=False)
    assert "Stra\ufffde.pt" in text.encode().decode()
    save_image(tmp_path / f"copy {LATIN}", load_image(photo).rgb)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("plain ß 😀", "plain ß 😀"),
        (LATIN, "Stra\ufffde.png"),
        ("\udcc3\udc9f", "ß"),  # UTF-8 that a program in the locale C was given
        ("a\ud800b", "a?b"),
    ],
)
def test_valid_text(given, expected):
    assert valid_text(given) == expected
    assert valid_texts({given: [given, 1, None]}) == {expected: [expected, 1, None]}

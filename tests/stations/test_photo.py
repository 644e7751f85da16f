from __future__ import annotations

import numpy as np
import pytest
from support.pictures import picture, write_picture

from petsgan_sdk.errors import InputError
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


def test_a_fit_is_called_one(tmp_path):
    path = write_picture(tmp_path / "photo.png", 40, 30)
    notes = []
    load_photo(path, ImageSettings(factor=1), notes.append, task="fitting")
    assert notes == ["fitting at 40x30 (input 40x30)"]

from __future__ import annotations

import json

import pytest
from support.pictures import write_picture
from support.training_runs import tiny_train

from petsgan_sdk._text import valid_text, valid_texts
from petsgan_sdk.checkpoint import load_checkpoint
from petsgan_sdk.imaging import load_image, save_image
from petsgan_sdk.runtime.describe import describe_file

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

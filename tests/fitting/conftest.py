from __future__ import annotations

import pytest
from support.pictures import write_picture
from support.toy_fit import FIT, PRESET

from petsgan_sdk.settings import families, presets
from petsgan_sdk.settings.families import FAMILIES


@pytest.fixture(autouse=True)
def _toy(monkeypatch):
    monkeypatch.setattr(families, "FAMILIES", (*FAMILIES, FIT))
    own = presets._preset_texts
    monkeypatch.setattr(
        presets, "_preset_texts", lambda m: {"fast": PRESET} if m == FIT.name else own(m)
    )


@pytest.fixture(scope="session")
def photo(tmp_path_factory):
    return write_picture(tmp_path_factory.mktemp("photo") / "photo.png", 40, 30)

from __future__ import annotations

import pytest
from support.pictures import write_picture


@pytest.fixture(scope="session")
def photo(tmp_path_factory):
    return write_picture(tmp_path_factory.mktemp("photo") / "photo.png")


@pytest.fixture(scope="session")
def small_photo(tmp_path_factory):
    """Small enough for the critic of the paper, which works at full size."""
    return write_picture(tmp_path_factory.mktemp("photo") / "small.png", 40, 32)

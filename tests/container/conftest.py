from __future__ import annotations

import pytest
from support.containers import write_file


@pytest.fixture
def bundle(tmp_path):
    write_file(tmp_path / "a.petsgan")
    return tmp_path / "a.petsgan"

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from support.bundles import write_bundle  # noqa: PLC0415 - skips where onnx is absent

    return write_bundle(tmp_path_factory.mktemp("bundle") / "tiny.petsgan")

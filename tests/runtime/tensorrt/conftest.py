from __future__ import annotations

import pytest

from petsgan_sdk.runtime.bundle import open_bundle
from petsgan_sdk.runtime.tensorrt.build import Target
from petsgan_sdk.runtime.tensorrt.cache import EngineCache
from petsgan_sdk.runtime.tensorrt.key import EngineKey


@pytest.fixture(scope="session")
def bundle(bundle):
    return open_bundle(bundle)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """The user's cache, in a folder of this test."""
    monkeypatch.setenv("PETSGAN_CACHE", str(tmp_path / "cache"))
    return EngineCache()


@pytest.fixture
def target():
    return Target("tensorrt", "11.4.0.106", "NVIDIA Example", "9.0")


@pytest.fixture
def key(bundle):
    return EngineKey(
        bundle=bundle.digest,
        graph="graphs/features.onnx",
        flavour="tensorrt",
        version="11.4.0.106",
        gpu="NVIDIA Example",
        compute_capability="9.0",
        precision="fp32",
        profile={"image": ((1, 3, 4, 4), (1, 3, 8, 8), (1, 3, 16, 16))},
    )

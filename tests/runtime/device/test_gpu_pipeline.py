"""Device pipelines against the CPU. Not run on a GPU yet."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest
from support.bundles import write_bundle
from support.pyramid_bundles import write_pyramid

from petsgan_sdk.runtime import load
from petsgan_sdk.runtime.options import ProviderOptions

pytestmark = pytest.mark.gpu


@pytest.fixture(scope="module", params=[write_bundle, write_pyramid], ids=["one grid", "pyramid"])
def path(request, tmp_path_factory):
    return request.param(tmp_path_factory.mktemp("bundle") / "tiny.petsgan")


@pytest.mark.parametrize("provider", ["cuda", "tensorrt"])
def test_the_same_images_as_on_the_cpu(path, provider, tmp_path, monkeypatch):
    if provider == "tensorrt":
        found = [importlib.util.find_spec(name) for name in ("tensorrt", "tensorrt_rtx")]
        if not any(found):
            pytest.skip("neither TensorRT nor TensorRT for RTX is installed")
    monkeypatch.setenv("PETSGAN_CACHE", str(tmp_path))
    plain = load(path, provider="cpu")
    sampler = load(path, provider=provider, options=ProviderOptions(build=True))
    assert sampler.provider == provider
    for size in ((48, 64), (80, 40), (48, 64)):
        images = sampler.sample(4, height=size[0], width=size[1], seed=3)  # the third is recorded
        expected = plain.sample(4, height=size[0], width=size[1], seed=3)
        apart = np.abs(images.astype(int) - expected.astype(int))
        # A rounding may decide otherwise between two references; it moves a patch.
        assert (apart > 2).mean() < 0.02

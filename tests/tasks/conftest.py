from __future__ import annotations

import pytest
from support import benchmarks


@pytest.fixture(scope="session")
def sampler(copier):
    from petsgan_sdk.runtime import load  # noqa: PLC0415 - needs onnxruntime

    return load(copier, provider="cpu", threads=1)


@pytest.fixture(scope="session")
def pyramid(tmp_path_factory):
    """A model of three stages with random weights."""
    pytest.importorskip("onnxruntime", reason="the model is run with onnxruntime")
    from support.pyramid_bundles import write_pyramid  # noqa: PLC0415 - skips where onnx is absent

    from petsgan_sdk.runtime import load  # noqa: PLC0415 - needs onnxruntime

    bundle = write_pyramid(tmp_path_factory.mktemp("bundle") / "pyramid.petsgan")
    return load(bundle, provider="cpu", threads=1)


@pytest.fixture(scope="session")
def cases():
    return benchmarks.load("tasks._composites")


@pytest.fixture(scope="session")
def measures():
    return benchmarks.load("tasks._measures")

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="session")
def copier(tmp_path_factory):
    """A bundle whose model copies blocks of the cat."""
    pytest.importorskip("onnxruntime", reason="the model is run with onnxruntime")
    from task_bundle import cat, write_copier  # noqa: PLC0415 - skips where onnx is absent

    return write_copier(tmp_path_factory.mktemp("bundle") / "copier.petsgan", cat())


@pytest.fixture(scope="session")
def sampler(copier):
    from petsgan_sdk.runtime import load  # noqa: PLC0415 - needs onnxruntime

    return load(copier, provider="cpu", threads=1)


@pytest.fixture(scope="session")
def pyramid(tmp_path_factory):
    """A model of three stages with random weights."""
    pytest.importorskip("onnxruntime", reason="the model is run with onnxruntime")
    from pyramid_factory import write_pyramid  # noqa: PLC0415 - skips where onnx is absent

    from petsgan_sdk.runtime import load  # noqa: PLC0415 - needs onnxruntime

    bundle = write_pyramid(tmp_path_factory.mktemp("bundle") / "pyramid.petsgan")
    return load(bundle, provider="cpu", threads=1)


def _from_benchmarks(name):
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        return importlib.import_module(name)


@pytest.fixture(scope="session")
def cases():
    return _from_benchmarks("tasks._composites")


@pytest.fixture(scope="session")
def measures():
    return _from_benchmarks("tasks._measures")

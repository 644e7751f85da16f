from __future__ import annotations

import dataclasses
import re

import pytest

from petsgan_sdk.errors import BackendUnavailableError, ConfigError, MissingEngineError
from petsgan_sdk.runtime.options import ProviderOptions
from petsgan_sdk.runtime.tensorrt import source
from petsgan_sdk.runtime.tensorrt.build import engine_key
from petsgan_sdk.runtime.tensorrt.lookup import find_engine
from petsgan_sdk.runtime.tensorrt.source import engine_source, graph_maker

SHAPES = {"image": (1, 3, 8, 8)}
REPORT = {"outputs": {"features": [[1, 6, 8, 8]] * 3}, "layers": 1, "seconds": 0.0}


def profile(least, most):
    return {"image": ((1, 3, least, least), (1, 3, most, most), (1, 3, most, most))}


def test_the_narrowest_profile_is_taken(cache, key):
    for least, most in ((4, 16), (8, 8), (6, 9), (9, 9)):
        cache.put(dataclasses.replace(key, profile=profile(least, most)), b"plan", REPORT)
    assert find_engine(cache, key, SHAPES).key.profile == profile(8, 8)
    assert find_engine(cache, key, {"image": (1, 3, 7, 9)}).key.profile == profile(6, 9)
    assert find_engine(cache, key, {"image": (1, 3, 5, 5)}).key.profile == profile(4, 16)


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"gpu": "NVIDIA T4"}, "GPU NVIDIA T4 instead of NVIDIA Example"),
        (
            {"gpu": "NVIDIA T4", "compute_capability": "7.5"},
            "GPU NVIDIA T4 instead of NVIDIA Example, compute capability 7.5 instead of 9.0",
        ),
        ({"version": "10.13.0"}, "TensorRT version 10.13.0 instead of 11.4.0.106"),
        ({"flavour": "tensorrt_rtx"}, "TensorRT flavour tensorrt_rtx instead of tensorrt"),
        ({"bundle": "0123"}, "bundle digest 0123 instead of"),
        ({"precision": "fp16"}, "precision fp16 instead of fp32"),
        (
            {"profile": profile(9, 12)},
            "profile image 1x3x9x9 to 1x3x12x12 instead of image 1x3x8x8",
        ),
    ],
)
def test_what_does_not_match_is_named(cache, key, changed, problem):
    cache.put(dataclasses.replace(key, version="8", gpu="other", bundle="other"), b"plan", REPORT)
    cache.put(dataclasses.replace(key, **changed), b"plan", REPORT)
    expected = re.escape(f"the nearest in the cache has {problem}")
    with pytest.raises(MissingEngineError, match=expected):
        find_engine(cache, key, SHAPES)


def test_nothing_is_there(cache, key):
    cache.put(dataclasses.replace(key, graph="graphs/other.onnx"), b"plan", REPORT)
    expected = r"no engine is built for graphs/features\.onnx with image 1x3x8x8$"
    with pytest.raises(MissingEngineError, match=expected):
        find_engine(cache, key, SHAPES)


def test_engines_for_a_set_of_capabilities(cache, key):
    entry = cache.put(
        dataclasses.replace(key, gpu="any", compute_capability="8.9+9.0"), b"plan", REPORT
    )
    assert find_engine(cache, key, SHAPES) == entry
    with pytest.raises(MissingEngineError, match=r"compute capability 8\.9\+9\.0 instead of 12\.0"):
        find_engine(cache, dataclasses.replace(key, compute_capability="12.0"), SHAPES)


def features_step(bundle):
    return next(s for s in bundle.manifest.steps if getattr(s, "member", "").endswith("ures.onnx"))


def test_nothing_is_built_unasked(bundle, cache, target, monkeypatch):
    asked = []

    def build_engine(graph, key, _, cache):
        asked.append((graph, key.profile))
        return cache.put(key, b"plan", REPORT)

    monkeypatch.setattr(source, "build_engine", build_engine)
    step = features_step(bundle)
    with pytest.raises(MissingEngineError):
        engine_source(bundle, ProviderOptions(), target, cache)(step, SHAPES)
    assert asked == []
    building = engine_source(bundle, ProviderOptions(build=True), target, cache)
    first = building(step, SHAPES)
    assert asked == [(bundle.graphs[step.member], {"image": ((1, 3, 8, 8),) * 3})]
    assert building(step, SHAPES).plan == first.plan
    assert len(asked) == 1


def test_halves_are_looked_up_behind_patch_transfer(bundle, cache, target):
    half = engine_source(bundle, ProviderOptions(precision="fp16"), target, cache)
    step = features_step(bundle)
    key = engine_key(bundle.digest, step, target, precision="fp32", profile=profile(8, 8))
    entry = cache.put(key, b"plan", REPORT)
    assert half(step, SHAPES) == entry
    restoration = bundle.manifest.steps[-1]
    shapes = {"low": (1, 3, 8, 8), "texture": (1, 3, 64, 64)}
    points = {name: (shape,) * 3 for name, shape in shapes.items()}
    single = engine_key(bundle.digest, restoration, target, precision="fp32", profile=points)
    cache.put(single, b"plan", REPORT)
    with pytest.raises(MissingEngineError, match="precision fp32 instead of fp16"):
        half(restoration, shapes)


def test_halves_are_not_built_in_a_call(bundle, cache, target):
    with pytest.raises(ConfigError, match="build=True must go with precision fp32"):
        engine_source(bundle, ProviderOptions(precision="fp16", build=True), target, cache)


def test_running_needs_a_gpu(bundle, monkeypatch):
    def none():
        msg = "no CUDA driver on this machine"
        raise BackendUnavailableError(msg)

    monkeypatch.setattr(source, "open_driver", none)
    monkeypatch.setattr(source, "find_tensorrt", lambda: None)
    expected = "provider 'tensorrt' needs a GPU to run: no CUDA driver on this machine"
    with pytest.raises(BackendUnavailableError, match=expected):
        graph_maker(bundle, ProviderOptions())

"""What happens around the builder, without one."""

from __future__ import annotations

import dataclasses
import json
from types import SimpleNamespace

import pytest

from petsgan_sdk.errors import BackendUnavailableError, BundleError, ConfigError, EngineError
from petsgan_sdk.runtime.bundle import open_bundle
from petsgan_sdk.runtime.device.driver import Gpu
from petsgan_sdk.runtime.tensorrt import build
from petsgan_sdk.runtime.tensorrt import installed as installed_module
from petsgan_sdk.runtime.tensorrt.build import build_engines, find_target, half_members
from petsgan_sdk.runtime.tensorrt.sizes import SizeRange, plan_ranges


def worker_that(tmp_path, monkeypatch, script):
    """Put a shell script in the place of Python."""
    path = tmp_path / "python"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    monkeypatch.setattr(build.sys, "executable", str(path))


def test_a_builder_that_aborts_its_process(bundle, cache, target, tmp_path, monkeypatch):
    worker_that(tmp_path, monkeypatch, "echo 'terminate called' >&2; kill -ABRT $$")
    expected = r"depnet\.onnx: TensorRT ended its process \(signal 6\).*terminate called"
    with pytest.raises(EngineError, match=expected):
        build_engines(bundle, plan_ranges(bundle.manifest), cache=cache, target=target)
    assert cache.entries() == []


def test_the_worker_says_what_is_missing(bundle, cache, target, tmp_path, monkeypatch):
    answer = json.dumps({"ok": False, "error": "TensorRT is not there"})
    worker_that(tmp_path, monkeypatch, f"echo 'petsgan-engine:{answer}'")
    with pytest.raises(EngineError, match=r"depnet\.onnx: TensorRT is not there"):
        build_engines(bundle, plan_ranges(bundle.manifest), cache=cache, target=target)


def fake_builder(monkeypatch, outputs):
    asked = []

    def in_process(graph, key, *_):
        asked.append((key, graph))
        return b"plan of " + key.graph.encode(), {
            "outputs": outputs[key.graph](key.profile),
            "layers": 1,
            "seconds": 0.0,
        }

    monkeypatch.setattr(build, "_in_process", in_process)
    return asked


def same_grid(name, channels, scale=1):
    def outputs(profile):
        first = next(iter(profile.values()))
        return {name: [(1, channels, s[2] * scale, s[3] * scale) for s in first]}

    return outputs


OUTPUTS = {
    "graphs/depnet.onnx": lambda p: {"layout": [(1, 3, s[2] - 4, s[3] - 4) for s in p["noise"]]},
    "graphs/features.onnx": same_grid("features", 6),
    "graphs/restoration.onnx": same_grid("image", 3, 8),
}


def test_profiles_follow_the_steps(bundle, cache, target, monkeypatch):
    fake_builder(monkeypatch, OUTPUTS)
    ranges = [SizeRange((4, 5), (6, 7), (8, 9))]
    results = build_engines(bundle, ranges, cache=cache, target=target)
    profiles = {r.entry.key.graph: r.entry.key.profile for r in results}
    assert profiles == {
        "graphs/depnet.onnx": {
            "noise": ((1, 1, 8, 9), (1, 1, 10, 11), (1, 1, 12, 13)),
            "position": ((1, 4, 8, 9), (1, 4, 10, 11), (1, 4, 12, 13)),
        },
        "graphs/features.onnx": {"image": ((1, 3, 4, 5), (1, 3, 6, 7), (1, 3, 8, 9))},
        "graphs/restoration.onnx": {
            "low": ((1, 3, 4, 5), (1, 3, 6, 7), (1, 3, 8, 9)),
            "texture": ((1, 3, 32, 40), (1, 3, 48, 56), (1, 3, 64, 72)),
        },
    }


def test_profiles_of_a_bundle_that_starts_from_an_image(tmp_path, cache, target, monkeypatch):
    import bundle_factory  # noqa: PLC0415 - skips where onnx is absent

    changes = {"steps": bundle_factory.header()["steps"][3:]}
    bundle = open_bundle(bundle_factory.write_bundle(tmp_path / "b.petsgan", changes=changes))
    fake_builder(monkeypatch, OUTPUTS)
    ranges = [SizeRange((4, 5), (6, 7), (8, 9))]
    results = build_engines(bundle, ranges, cache=cache, target=target)
    profiles = {r.entry.key.graph: r.entry.key.profile for r in results}
    assert list(profiles) == ["graphs/features.onnx", "graphs/restoration.onnx"]
    assert profiles["graphs/features.onnx"] == {"image": ((1, 3, 4, 5), (1, 3, 6, 7), (1, 3, 8, 9))}


def test_halves_replace_graphs_and_change_keys(bundle, cache, target, monkeypatch):
    asked = fake_builder(monkeypatch, OUTPUTS)
    halves = {"graphs/restoration.onnx": b"half"}
    ranges = plan_ranges(bundle.manifest)
    build_engines(bundle, ranges, cache=cache, target=target)
    results = build_engines(bundle, ranges, halves=halves, cache=cache, target=target)
    assert [(r.entry.key.precision, r.was_cached) for r in results] == [
        ("fp32", True),
        ("fp32", True),
        ("fp16", False),
    ]
    assert asked[-1][1] == b"half"
    assert half_members(bundle.manifest) == set(halves)


def test_an_output_that_is_not_there(bundle, cache, target, monkeypatch):
    fake_builder(monkeypatch, {**OUTPUTS, "graphs/depnet.onnx": same_grid("other", 3)})
    with pytest.raises(BundleError, match=r"must have the outputs \['layout'\], got \['other'\]"):
        build_engines(bundle, plan_ranges(bundle.manifest), cache=cache, target=target)


def test_sizes_and_ranges(bundle):
    manifest = bundle.manifest
    assert plan_ranges(manifest) == (SizeRange((6, 8), (6, 8), (6, 8)),)
    both = plan_ranges(manifest, sizes_px=((64, 64), (60, 61), (100, 40)))
    assert both == (SizeRange((8, 8), (8, 8), (8, 8)), SizeRange((13, 5), (13, 5), (13, 5)))
    with pytest.raises(ConfigError, match="got both"):
        plan_ranges(manifest, sizes_px=((64, 64),), range_px=((64, 64),) * 3)
    with pytest.raises(ConfigError, match="must ascend, got widths 16, 8, 32"):
        plan_ranges(manifest, range_px=((64, 128), (64, 64), (64, 256)))
    with pytest.raises(ConfigError, match="height must be an integer from 16"):
        plan_ranges(manifest, sizes_px=((8, 64),))


@pytest.fixture
def installed(monkeypatch):
    """Decide which modules can be imported."""
    modules = {}

    def import_module(name):
        if name in modules:
            return modules[name]
        msg = f"No module named {name!r}"
        raise ModuleNotFoundError(msg, name=name)

    monkeypatch.setattr(installed_module.importlib, "import_module", import_module)
    installed_module.find_tensorrt.cache_clear()
    yield modules
    installed_module.find_tensorrt.cache_clear()


def test_tensorrt_is_missing(installed):
    installed["tensorrt"] = SimpleNamespace(__file__=None)  # a folder of that name
    with pytest.raises(BackendUnavailableError, match="neither tensorrt nor tensorrt_rtx") as info:
        find_target()
    assert info.value.hint == 'pip install "petsgan-sdk[tensorrt]"'


@pytest.mark.parametrize(
    ("version", "problem"),
    [("8.6.1", "too old: tensorrt must be 10 or newer, got 8.6.1"), ("10.13", "has no Builder")],
)
def test_tensorrt_is_too_old_or_broken(installed, version, problem):
    installed["tensorrt"] = SimpleNamespace(__version__=version, __file__="x")
    with pytest.raises(BackendUnavailableError, match=problem):
        find_target()


def test_tensorrt_comes_before_rtx_and_needs_a_gpu(installed, monkeypatch):
    kind = SimpleNamespace(__version__="11.4.0", __file__="x", Builder=None)
    installed |= {"tensorrt_rtx": kind, "tensorrt": kind}
    gpu = Gpu("NVIDIA H200", "9.0")
    assert find_target(gpu=gpu) == build.Target("tensorrt", "11.4.0", "NVIDIA H200", "9.0")
    monkeypatch.setattr(build, "find_gpu", lambda: None)
    with pytest.raises(BackendUnavailableError, match="builds engines on the GPU that runs them"):
        find_target()


def test_network_flags():
    numbers = SimpleNamespace(STRONGLY_TYPED=2)
    module = SimpleNamespace(NetworkDefinitionCreationFlag=numbers)
    assert (
        installed_module.network_flags(
            installed_module.InstalledTensorrt("tensorrt", "10.1", module)
        )
        == 4
    )
    assert (
        installed_module.network_flags(
            installed_module.InstalledTensorrt("tensorrt_rtx", "1.7", module)
        )
        == 0
    )


def test_a_graph_that_also_decides_matches_is_not_halved(bundle):
    features = next(
        s for s in bundle.manifest.steps if getattr(s, "member", "").endswith("res.onnx")
    )
    again = dataclasses.replace(features, outputs={"features": "more"})
    manifest = dataclasses.replace(bundle.manifest, steps=(*bundle.manifest.steps, again))
    assert half_members(manifest) == {"graphs/restoration.onnx"}


def test_sizes_that_a_graph_has_no_room_for_are_not_given_to_the_builder(
    bundle, cache, target, monkeypatch
):
    asked = fake_builder(monkeypatch, OUTPUTS)
    step = next(
        s for s in bundle.manifest.steps if getattr(s, "member", "").endswith("depnet.onnx")
    )
    profile = {"noise": ((1, 1, 2, 9),) * 3, "position": ((1, 4, 2, 9),) * 3}
    key = build.engine_key(bundle.digest, step, target, precision="fp32", profile=profile)
    with pytest.raises(BundleError, match=r"Conv, which makes 'hidden', must have a window within"):
        build.build_engine(bundle.graphs[step.member], key, target, cache)
    assert not asked

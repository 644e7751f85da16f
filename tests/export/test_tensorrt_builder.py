"""Every graph of real bundles, given to TensorRT's builder; on a machine without a GPU as well."""

from __future__ import annotations

import dataclasses

import onnx
import pytest
from onnx import TensorProto, helper
from support.bundles import write_bundle

from petsgan_sdk.errors import EngineError
from petsgan_sdk.export.half_precision import half_networks
from petsgan_sdk.runtime.bundle import open_bundle
from petsgan_sdk.runtime.tensorrt.build import build_engines, find_target
from petsgan_sdk.runtime.tensorrt.cache import EngineCache
from petsgan_sdk.runtime.tensorrt.sizes import plan_ranges
from petsgan_sdk.settings.presets import load_preset, to_dict

pytestmark = pytest.mark.trt

SETTLED = {"transfer.features": "filters"}


@pytest.fixture
def cache(tmp_path):
    return EngineCache(tmp_path / "engines")


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A bundle whose engines take a moment."""
    return open_bundle(write_bundle(tmp_path_factory.mktemp("bundle") / "tiny.petsgan"))


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_every_graph_of_a_preset_builds(preset_bundle, precision, cache):
    asked = to_dict(load_preset(preset_bundle.manifest.preset, overrides=SETTLED))
    for part in ("depnet", "transfer", "restoration"):
        assert preset_bundle.manifest.config[part] == asked[part]
    check_builds(preset_bundle, precision, cache)


@pytest.mark.parametrize(("preset", "precision"), [("fast", "fp32"), ("paper", "fp16")])
def test_every_graph_of_a_narrow_preset_builds(narrow_bundle, preset, precision, cache):
    check_builds(narrow_bundle(preset), precision, cache)


def check_builds(bundle, precision, cache):
    halves = half_networks(bundle, bundle.graphs) if precision == "fp16" else {}
    sizes = ((64, 64), (96, 160), (512, 384))
    ranges = (
        *plan_ranges(bundle.manifest, range_px=sizes),
        *plan_ranges(bundle.manifest, sizes_px=sizes[1:2]),
    )
    results = build_engines(bundle, ranges, halves=halves, cache=cache)
    factor = bundle.manifest.factor
    assert {r.entry.key.graph for r in results} == set(bundle.graphs)
    assert {r.entry.key.precision for r in results} == {precision}
    for result in results:
        assert not result.was_cached
        assert len(result.entry.read()) == result.entry.size_bytes > 10_000
    restored = [r for r in results if r.entry.key.graph == "graphs/restoration.onnx"]
    # TensorRT's own idea of the shapes is that of the manifest.
    images = [
        [(s[2] // factor, s[3] // factor) for s in r.entry.report["outputs"]["image"]]
        for r in restored
    ]
    assert images == [[tuple(p) for p in sizes_of.points] for sizes_of in ranges]


def test_a_second_build_finds_everything(small, cache):
    ranges = plan_ranges(small.manifest)
    first = build_engines(small, ranges, cache=cache)
    second = build_engines(small, ranges, cache=cache)
    assert [r.entry.plan for r in second] == [r.entry.plan for r in first]
    assert all(r.was_cached for r in second)
    again = build_engines(small, ranges, cache=cache, rebuild=True)
    assert not any(r.was_cached for r in again)


def test_a_refused_operator_is_named(small, cache):
    value = helper.make_tensor_value_info
    nodes = [
        helper.make_node("Constant", [], ["size"], value_ints=[8, 8]),
        helper.make_node("Constant", [], ["block"], value_ints=[1, 1]),
        helper.make_node("Reshape", ["image", "shape"], ["columns"]),
        helper.make_node("Col2Im", ["columns", "size", "block"], ["features"], name="fold"),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [value("image", TensorProto.FLOAT, ["n", 3, "h", "w"])],
        [value("features", TensorProto.FLOAT, ["n", 3, 8, 8])],
        [helper.make_tensor("shape", TensorProto.INT64, [3], [1, 3, -1])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    onnx.checker.check_model(model)
    name = "graphs/features.onnx"
    changed = dataclasses.replace(small, graphs={**small.graphs, name: model.SerializeToString()})
    with pytest.raises(EngineError, match=r"graphs/features\.onnx: .*parser refuses.*Col2Im"):
        build_engines(changed, plan_ranges(small.manifest), cache=cache)
    assert [entry.key.graph for entry in cache.entries()] == ["graphs/depnet.onnx"]


def test_a_target_it_does_not_know_is_refused(small, cache):
    here = find_target()
    if here.distribution != "tensorrt_rtx":
        pytest.skip("TensorRT itself builds for the GPU that is there only")
    other = dataclasses.replace(here, gpu="any", compute_capability="1.3")
    with pytest.raises(EngineError, match=r"target must be a compute capability.*got 1\.3"):
        build_engines(small, plan_ranges(small.manifest), cache=cache, target=other)

"""A model with several grids, given to TensorRT's builder; on a machine without a GPU as well."""

from __future__ import annotations

import json

import pytest

from petsgan_sdk.export import tensorrt_folder
from petsgan_sdk.export.half_precision import half_networks
from petsgan_sdk.export.parity.limits import HALF_PSNR_DB
from petsgan_sdk.export.tensorrt_folder import export_tensorrt
from petsgan_sdk.manifest import level_size
from petsgan_sdk.runtime.tensorrt.build import build_engines, half_members
from petsgan_sdk.runtime.tensorrt.cache import EngineCache
from petsgan_sdk.runtime.tensorrt.sizes import plan_ranges

SIZES = ((24, 31), (48, 60), (70, 128))


@pytest.mark.trt
@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_every_stage_builds_for_a_size_and_a_range(pyramid_bundle, precision, tmp_path):
    manifest = pyramid_bundle.manifest
    halves = half_networks(pyramid_bundle) if precision == "fp16" else {}
    assert half_members(manifest) == set(pyramid_bundle.graphs)  # nothing is decided by matches
    ranges = (
        *plan_ranges(manifest, range_px=SIZES),
        *plan_ranges(manifest, sizes_px=SIZES[1:2]),
    )
    results = build_engines(
        pyramid_bundle, ranges, halves=halves, cache=EngineCache(tmp_path / "engines")
    )
    assert [r.entry.key.graph for r in results] == 2 * list(pyramid_bundle.graphs)
    assert {r.entry.key.precision for r in results} == {precision}
    for number, result in enumerate(results):
        points, stage = ranges[number // 3].points, number % 3
        level = stage if stage < 2 else None
        grids = [level_size(manifest, level, *point) for point in points]
        made = [tuple(shape) for shape in result.entry.report["outputs"]["image"]]
        assert made == [(1, 3, *grid) for grid in grids]
        for key, shapes in result.entry.key.profile.items():
            margin = 10 if stage == 0 else 0
            assert [s[2:] for s in shapes] == [(h + margin, w + margin) for h, w in grids], key


@pytest.mark.trt
def test_the_folder_of_a_pyramid(pyramid, tmp_path, monkeypatch):
    """Levels and resizes are in the list of steps; the builder took every stage."""
    monkeypatch.setattr(tensorrt_folder, "draft_bundle", lambda *_: pyramid.draft())
    (tmp_path / "model.pt").write_bytes(b"checkpoint")
    result = export_tensorrt(tmp_path / "model.pt", tmp_path / "out", half=True)
    assert set(result.graphs) == set(pyramid.graphs)
    assert result.parser is not None
    assert HALF_PSNR_DB <= result.psnr_db < 120
    described = json.loads((result.folder / "manifest.json").read_text(encoding="utf-8"))
    assert described["levels"] == [list(level) for level in pyramid.manifest.levels]
    resizes = [step for step in described["steps"] if step["kind"] == "resize"]
    assert [step["level"] for step in resizes] == [1, None]
    assert set(described["precision"].values()) == {"fp16"}

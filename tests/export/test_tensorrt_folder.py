from __future__ import annotations

import json

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from petsgan_sdk.errors import BackendUnavailableError, EngineError, OutputError, ParityError
from petsgan_sdk.export import tensorrt_folder
from petsgan_sdk.export.tensorrt_folder import export_tensorrt
from petsgan_sdk.runtime.bundle import open_bundle


@pytest.fixture
def without_tensorrt(monkeypatch):
    def missing():
        msg = "TensorRT is not there"
        raise BackendUnavailableError(msg)

    monkeypatch.setattr(tensorrt_folder, "find_target", missing)


@pytest.mark.usefixtures("without_tensorrt")
def test_the_folder_holds_graphs_constants_and_steps(checkpoint, tmp_path):
    notes = []
    result = export_tensorrt(checkpoint, tmp_path / "out", half=True, note=notes.append)
    bundle = open_bundle(result.folder / "model.petsgan")
    described = json.loads((result.folder / "manifest.json").read_text(encoding="utf-8"))
    assert described["bundle_digest"] == bundle.digest
    assert [step["kind"] for step in described["steps"]] == [s.kind for s in bundle.manifest.steps]
    behind = {"graphs/restoration.onnx"}
    assert {name for name, kind in described["precision"].items() if kind == "fp16"} == behind
    assert set(result.graphs) == set(bundle.graphs)
    for name in result.graphs:
        graph = onnx.load(result.folder / name).graph
        kinds = {tensor.data_type for tensor in graph.initializer}
        assert (TensorProto.FLOAT16 in kinds) == (name in behind)
        ends = {v.type.tensor_type.elem_type for v in (*graph.input, *graph.output)}
        assert ends == {TensorProto.FLOAT}
    for name, array in bundle.arrays.items():
        np.testing.assert_array_equal(np.load(result.folder / name), array)
    assert result.psnr_db is not None
    assert result.psnr_db < 120  # it was rounded
    assert result.parser is None
    assert any("not given to TensorRT: TensorRT is not there" in note for note in notes)


@pytest.mark.trt
def test_every_graph_is_given_to_the_builder(fast_checkpoint, tmp_path):
    result = export_tensorrt(fast_checkpoint, tmp_path / "out")
    assert result.parser is not None
    assert result.parser.startswith("tensorrt")


def test_a_graph_that_tensorrt_refuses_leaves_nothing(fast_checkpoint, tmp_path, monkeypatch):
    def refuse(*_, **__):
        msg = "refused"
        raise EngineError(msg)

    monkeypatch.setattr(tensorrt_folder, "find_target", lambda: None)
    monkeypatch.setattr(tensorrt_folder, "build_engines", refuse)
    with pytest.raises(EngineError, match="refused"):
        export_tensorrt(fast_checkpoint, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_halves_that_are_too_far_away(fast_checkpoint, tmp_path, monkeypatch):
    monkeypatch.setattr(tensorrt_folder, "psnr_db", lambda *_: float("nan"))
    with pytest.raises(ParityError, match=r"half precision at \d+x\d+ must be at least .* got nan"):
        export_tensorrt(fast_checkpoint, tmp_path / "out", half=True)
    assert list(tmp_path.iterdir()) == []


def test_only_an_earlier_export_is_replaced(fast_checkpoint, tmp_path):
    settings = {"verify": False}
    out = tmp_path / "out"
    export_tensorrt(fast_checkpoint, out, **settings)
    with pytest.raises(OutputError, match="exists; hint: --force replaces it"):
        export_tensorrt(fast_checkpoint, out, **settings)
    (out / "arrays" / "old").touch()
    export_tensorrt(fast_checkpoint, out, overwrite=True, **settings)
    assert not (out / "arrays" / "old").exists()
    (tmp_path / "mine").mkdir()
    with pytest.raises(OutputError, match="no earlier export; hint: choose another name"):
        export_tensorrt(fast_checkpoint, tmp_path / "mine", overwrite=True, **settings)

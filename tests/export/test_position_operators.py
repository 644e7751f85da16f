from __future__ import annotations

import numpy as np
import pytest
from support.composed_graphs import run_builder
from support.tolerances import assert_close

from petsgan_sdk import noise
from petsgan_sdk.export.onnx_file.builder import GraphBuilder
from petsgan_sdk.export.steps.position import encode_position
from petsgan_sdk.manifest import PositionStep


@pytest.mark.parametrize("margin", [0, 5])
@pytest.mark.parametrize("extent", [None, (21, 32)])
@pytest.mark.parametrize("size", [(1, 1), (7, 19), (64, 5)], ids=str)
def test_against_float64(size, extent, margin):
    step = PositionStep("position", (0.1, 0.7, 1.0), extent=extent, margin=margin)
    graph = GraphBuilder()
    encode_position(graph, step, graph.size("canvas", 0), graph.size("canvas", 1))
    feeds = {"canvas": np.zeros(size, dtype=np.float32)}
    (found,) = run_builder(graph, feeds, {"position": "float32"})
    expected = noise.positional_encoding(
        *size, frequencies=step.frequencies, extent=extent, margin=margin
    )
    assert_close(found, expected)

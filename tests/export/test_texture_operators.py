from __future__ import annotations

import numpy as np
import pytest
from support.composed_graphs import run_builder
from support.tolerances import assert_close

from petsgan_sdk import kernels
from petsgan_sdk.export.onnx_file.builder import GraphBuilder
from petsgan_sdk.export.steps.texture_transfer import carry_texture


def carry(index, texture, factor):
    graph = GraphBuilder()
    carry_texture(graph, "index", texture, factor=factor, result="carried")
    return run_builder(graph, {"index": index.astype(np.int64)}, {"carried": "float32"})[0]


@pytest.mark.parametrize("factor", [2, 4, 8])
@pytest.mark.parametrize(
    "shapes",
    [((1, 5, 7), (6, 4)), ((3, 4, 4), (2, 5)), ((1, 1, 1), (1, 1)), ((2, 1, 6), (3, 1))],
    ids=str,
)
def test_against_the_kernel(shapes, factor):
    shape, (rows, columns) = shapes
    rng = np.random.default_rng(0)
    texture = rng.uniform(-1, 1, (3, rows * factor, columns * factor)).astype(np.float32)
    index = rng.integers(0, rows * columns, shape).astype(np.int32)
    expected = kernels.texture_transfer(index, texture, factor=factor, backend="numpy")
    assert_close(carry(index, texture, factor), expected)


def test_matches_in_order_give_the_texture_back():
    texture = np.random.default_rng(1).uniform(-1, 1, (3, 24, 32)).astype(np.float32)
    index = np.arange(12).reshape(1, 3, 4)
    assert_close(carry(index, texture, 8)[0], texture)

"""Patch transfer in standard operators against the unfolded oracle and the kernel."""

from __future__ import annotations

import numpy as np
import pytest
from support import dense_patch_transfer as dense
from support.composed_graphs import run_builder
from support.tolerances import assert_close

from petsgan_sdk import kernels
from petsgan_sdk.export.onnx_file.builder import GraphBuilder
from petsgan_sdk.export.onnx_file.patch_average import average
from petsgan_sdk.export.onnx_file.patch_search import Match, search
from petsgan_sdk.export.parity import matches
from petsgan_sdk.export.parity.limits import TIE
from petsgan_sdk.manifest import PatchTransferStep

# N, C, query (h, w), reference (h, w), V, window
SHAPES = [
    (1, 27, (12, 16), (9, 12), 3, 7),
    (2, 3, (21, 17), (13, 8), 3, 7),
    (2, 5, (8, 10), (7, 9), 2, 5),
    (1, 4, (6, 33), (2, 13), 1, 1),
    (3, 2, (5, 4), (3, 9), 4, 7),  # smaller than the window
    (1, 1, (1, 1), (1, 1), 1, 7),
    (2, 3, (1, 6), (7, 1), 3, 3),
    (1, 2, (5, 6), (6, 5), 3, 15),
]


def make_arrays(shape, *, seed=0):
    batch, channels, query_size, ref_size, value_channels, _ = shape
    rng = np.random.default_rng(seed)
    query = rng.standard_normal((batch, channels, *query_size)).astype(np.float32)
    features = rng.standard_normal((channels, *ref_size)).astype(np.float32)
    values = rng.uniform(-1, 1, (value_channels, *ref_size)).astype(np.float32)
    return query, features, values


def transfer(query, features, values, *, window, temperature=0.01, normalize=True):
    graph = GraphBuilder()
    match = search(graph, "query", features, window=window, temperature=temperature)
    average(graph, match, values, window=window, normalize=normalize, result="laid")
    outputs = {"laid": "float32", match.index: "int64", match.weight: "float32"}
    return run_builder(graph, {"query": query}, outputs)


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("temperature", [0.0, 0.01, 1.0])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_against_unfolded_patches(shape, temperature, normalize):
    query, features, values = make_arrays(shape)
    window = shape[-1]
    laid, index, weight = transfer(
        query, features, values, window=window, temperature=temperature, normalize=normalize
    )
    for n in range(len(query)):
        cosine = dense.cosines(query[n], features, window)
        chosen = cosine[np.arange(len(cosine)), index[n].ravel()]
        assert (cosine.max(axis=1) - chosen).max() < TIE
        expected = dense.softmax_at(cosine, index[n].ravel(), temperature)
        assert_close(weight[n].ravel(), expected, tolerance="runtimes")
        expected = dense.lay_patches(
            values, index[n], weight[n], window=window, normalize=normalize
        )
        assert_close(laid[n], expected)


@pytest.mark.parametrize("normalize", [True, False])
def test_against_the_kernel_at_the_size_of_a_model(normalize):
    query, features, values = make_arrays((2, 27, (33, 40), (21, 32), 3, 7))
    laid, index, weight = transfer(query, features, values, window=7, normalize=normalize)
    reference = kernels.PatchReference(features, values, window=7)
    own = kernels.patch_transfer(query, reference, temperature=0.01, normalize=normalize)
    np.testing.assert_array_equal(index, own.index)
    assert_close(weight, own.weight, tolerance="runtimes")
    assert_close(laid, own.values)


def test_patches_of_zeros_match_the_first_and_make_no_nan():
    query, features, values = make_arrays((1, 3, (9, 8), (7, 6), 3, 3))
    query[:, :, 2:8, 1:7] = 0
    laid, index, weight = transfer(query, features, values, window=3)
    inner = (0, slice(3, 7), slice(2, 6))
    assert (index[inner] == 0).all()
    assert_close(weight[inner], np.full((4, 4), 1 / 42))
    features[:] = 0
    flat, index, weight = transfer(query, features, values, window=3)
    assert np.isfinite([*laid.ravel(), *flat.ravel()]).all()
    assert (index == 0).all()
    assert_close(weight, np.full_like(weight, 1 / 42))


def test_a_planted_mistake_is_found():
    query, features, values = make_arrays(SHAPES[0])
    _, index, weight = transfer(query, features, values, window=7)
    step = PatchTransferStep("query", "reference", "values", 7, 0.01, "output")
    arrays = {"reference": features, "values": values}
    own = matches.search(step, query, arrays, backend="auto")

    def gap(index, weight):
        found = matches.Matches(index, weight)
        return matches.cosine_gap(step, query, features, found, own), found.flipped(own)

    right, flipped = gap(index, weight)
    assert right < TIE
    assert flipped == 0
    wrong = index.copy()
    wrong[0, 3, 4] = (wrong[0, 3, 4] + 1) % features[0].size
    assert gap(wrong, weight)[0] > 100 * TIE
    assert gap(wrong, weight)[1] == 1
    assert gap(index, weight * 0.99)[0] > TIE
    assert not gap(index, weight * np.nan)[0] <= TIE


def test_a_wrong_match_is_found_where_weights_say_nothing():
    query, features, values = make_arrays(SHAPES[0])
    step = PatchTransferStep("query", "reference", "values", 7, 0.0, "output")
    own = matches.search(step, query, {"reference": features, "values": values}, backend="numpy")
    wrong = matches.Matches((own.index + 1) % features[0].size, own.weight)
    assert matches.cosine_gap(step, query, features, own, own) == 0
    assert matches.cosine_gap(step, query, features, wrong, own) > 100 * TIE


def test_the_average_of_given_matches():
    values = np.arange(12, dtype=np.float32).reshape(1, 3, 4)
    index = np.array([[[5, 0]]], dtype=np.int64)
    weight = np.array([[[1.0, 0.25]]], dtype=np.float32)

    def laid(*, normalize):
        graph = GraphBuilder()
        average(
            graph, Match("index", "weight"), values, window=3, normalize=normalize, result="laid"
        )
        feeds = {"index": index, "weight": weight}
        return run_builder(graph, feeds, {"laid": "float32"})[0][0, 0, 0]

    # Left pixel: itself says 5 with weight 1; its right neighbour says the pixel left of 0, which
    # is outside. Right pixel: itself says 0 with weight 0.25, its left neighbour says 6.
    assert_close(laid(normalize=True), [5.0, 6.0 / 1.25])
    assert_close(laid(normalize=False), [5.0 / 2, 6.0 / 2])

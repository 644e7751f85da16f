from __future__ import annotations

import math
import threading

import numpy as np
import pytest
from helpers import SIMD_LEVELS

from petsgan_sdk import kernels
from petsgan_sdk.errors import (
    BackendUnavailableError,
    ConfigError,
    DTypeError,
    InputError,
    ShapeError,
)

BACKENDS = kernels.available_backends()
backends = pytest.mark.parametrize("backend", BACKENDS)


def row(*values):
    return np.array(values, dtype=np.float32).reshape(1, 1, -1)


def reference(features, values, *, window):
    return kernels.PatchReference(features, values, window=window)


def random_reference(*, channels=3, window=7, size=(5, 6)):
    rng = np.random.default_rng(3)
    features = rng.standard_normal((channels, *size)).astype(np.float32)
    values = rng.standard_normal((2, *size)).astype(np.float32)
    return kernels.PatchReference(features, values, window=window)


@backends
def test_one_pixel_window_by_hand(backend):
    # Features at 0, 90 and 45 degrees; a query at 0 degrees has cosines 1, 0 and sqrt(1/2).
    features = np.array([[[2, 0, 1]], [[0, 3, 1]]], dtype=np.float32)
    result = kernels.patch_transfer(
        np.array([[[[5.0]], [[0.0]]]], dtype=np.float32),
        reference(features, row(10, 20, 30), window=1),
        temperature=0.5,
        backend=backend,
    )
    assert result.index.tolist() == [[[0]]]
    expected = math.exp(2) / (math.exp(2) + 1 + math.exp(math.sqrt(0.5) / 0.5))
    assert result.weight[0, 0, 0] == pytest.approx(expected, abs=1e-6)
    assert result.values[0, 0, 0, 0] == pytest.approx(10, abs=1e-5)  # the only vote


@backends
@pytest.mark.parametrize("normalize", [True, False])
def test_overlap_average_by_hand(backend, normalize):
    # Window 3. Query patches: (0, 2, 1) and (2, 1, 0).
    query = np.array([[[[2.0, 1.0]]]], dtype=np.float32)
    features = row(1, 2, 0)  # patches (0, 1, 2), (1, 2, 0), (2, 0, 0)
    result = kernels.patch_transfer(
        query,
        reference(features, row(100, 200, 400), window=3),
        temperature=0,
        normalize=normalize,
        backend=backend,
    )
    # The second has cosines 1/5, 4/5 and 4 / (2 sqrt 5) = 0.894, so reference pixel 2.
    assert result.index[0, 0, 1] == 2
    first = int(result.index[0, 0, 0])
    assert first in (0, 1)  # a tie: 4/5 with both
    assert result.weight.tolist() == [[[1.0, 1.0]]]
    value = [100, 200, 400]
    # Pixel 0: patch 0 votes its centre, patch 1 its left neighbour, reference pixel 1.
    # Pixel 1: patch 0 votes its right neighbour, patch 1 its centre, reference pixel 2.
    assert result.values[0, 0, 0, 0] == pytest.approx((value[first] + 200) / 2)
    assert result.values[0, 0, 0, 1] == pytest.approx((value[first + 1] + 400) / 2)


@backends
def test_pixels_outside_the_reference_do_not_vote(backend):
    # One reference pixel, so each patch knows one value: normalised it is kept, literally it sags.
    ref = reference(row(1), row(8), window=3)
    query = np.ones((1, 1, 3, 3), dtype=np.float32)
    kept = kernels.patch_transfer(query, ref, temperature=0.01, backend=backend)
    np.testing.assert_allclose(kept.values, 8, rtol=1e-6)
    sagged = kernels.patch_transfer(query, ref, temperature=0.01, normalize=False, backend=backend)
    expected = 8 / np.array([[4, 6, 4], [6, 9, 6], [4, 6, 4]])
    np.testing.assert_allclose(sagged.values[0, 0], expected, rtol=1e-6)


@backends
def test_zero_features_have_cosine_zero(backend):
    ref = random_reference()
    query = np.zeros((1, 3, 2, 2), dtype=np.float32)
    result = kernels.patch_transfer(query, ref, temperature=0.01, backend=backend)
    np.testing.assert_allclose(result.weight, 1 / 30, rtol=1e-5)
    assert np.isfinite(result.values).all()
    blank = reference(np.zeros((1, 2, 2), np.float32), np.ones((1, 2, 2), np.float32), window=3)
    query = np.ones((1, 1, 2, 2), dtype=np.float32)
    result = kernels.patch_transfer(query, blank, temperature=0.01, backend=backend)
    np.testing.assert_allclose(result.weight, 1 / 4, rtol=1e-5)


@backends
@pytest.mark.parametrize("scale", [1e-18, 1e-30, 1e18, 1e30])
def test_features_of_any_magnitude(backend, scale):
    # Beyond about 1e19 squares overflow float32. Below a norm of 1e-12 patches fade to cosine 0.
    rng = np.random.default_rng(4)
    features = rng.standard_normal((3, 6, 6))
    values = rng.standard_normal((1, 6, 6)).astype(np.float32)
    ref = reference((features * scale).astype(np.float32), values, window=3)
    query = features[None].astype(np.float32)
    result = kernels.patch_transfer(query, ref, temperature=0.01, backend=backend)
    if scale > 1:
        np.testing.assert_array_equal(result.index.ravel(), np.arange(36))
    else:
        np.testing.assert_allclose(result.weight, 1 / 36, rtol=1e-3)
    assert np.isfinite(result.values).all()


@backends
def test_empty_batch(backend):
    query = np.zeros((0, 3, 4, 5), dtype=np.float32)
    result = kernels.patch_transfer(query, random_reference(), temperature=0.01, backend=backend)
    assert result.values.shape == (0, 2, 4, 5)
    assert result.index.shape == (0, 4, 5)
    assert result.weight.shape == (0, 4, 5)


@backends
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_query_that_is_not_finite_is_named_with_its_first_index(backend, bad):
    query = np.ones((2, 3, 4, 5), dtype=np.float32)
    query[1, 2, 3, 0] = query[1, 2, 3, 1] = bad
    match = rf"patch_transfer: query must be finite, got {bad} at index \[1, 2, 3, 0\]"
    with pytest.raises(InputError, match=match):
        kernels.patch_transfer(query, random_reference(), temperature=0.01, backend=backend)


@pytest.mark.parametrize("name", ["features", "values"])
def test_reference_that_is_not_finite(name):
    arrays = {key: np.ones((2, 3, 4), dtype=np.float32) for key in ("features", "values")}
    arrays[name][1, 0, 2] = math.nan
    with pytest.raises(InputError, match=rf"{name} must be finite, got nan at index \[1, 0, 2\]"):
        kernels.PatchReference(**arrays)


@pytest.mark.parametrize(
    ("features", "values", "match"),
    [
        ((2, 3, 4, 5), (3, 4, 5), r"values must have shape \[R, V, h, w\], got \(3, 4, 5\)"),
        ((2, 3, 4, 5), (3, 3, 4, 5), r"shape \[2, V, 4, 5\] like features, got \(3, 3, 4, 5\)"),
        ((3, 4, 5), (3, 4, 6), r"shape \[V, 4, 5\] like features, got \(3, 4, 6\)"),
        ((0, 3, 4, 5), (0, 3, 4, 5), "must not be empty"),
    ],
)
def test_reference_whose_parts_do_not_fit(features, values, match):
    with pytest.raises(ShapeError, match=match):
        kernels.PatchReference(np.ones(features, np.float32), np.ones(values, np.float32))


@backends
def test_temperature_may_be_any_number_of_numpy(backend):
    # A float32 must not take the largest float along into float32, where it overflows.
    query, reference = np.ones((1, 3, 4, 5), np.float32), random_reference()
    expected = kernels.patch_transfer(query, reference, temperature=0.5, backend=backend)
    for kind in (np.float32, np.float64, np.float16):
        found = kernels.patch_transfer(query, reference, temperature=kind(0.5), backend=backend)
        assert np.array_equal(found.values, expected.values)


@backends
@pytest.mark.parametrize(
    ("query", "error", "match"),
    [
        (np.ones((3, 4, 5), np.float32), ShapeError, r"\[N, C, h, w\], got \(3, 4, 5\)"),
        (np.ones((1, 4, 5, 5), np.float32), ShapeError, r"\[N, 3, .*got \(1, 4, 5, 5\)"),
        (np.ones((1, 3, 0, 5), np.float32), ShapeError, "h >= 1"),
        (np.ones((1, 3, 4, 5)), DTypeError, "must be float32, got float64"),
        (np.ones((1, 3, 4, 5), np.float16), DTypeError, "must be float32, got float16"),
        (np.ones((1, 3, 4, 8), np.float32)[..., ::2], DTypeError, "must be C-contiguous"),
        ([[1.0]], DTypeError, "must be a numpy array, got list"),
    ],
)
def test_query_of_the_wrong_kind(backend, query, error, match):
    with pytest.raises(error, match=match):
        kernels.patch_transfer(query, random_reference(), temperature=0.01, backend=backend)


@backends
@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"temperature": -0.1}, "temperature must be finite and >= 0, got -0.1"),
        ({"temperature": math.nan}, "temperature must be finite and >= 0, got nan"),
        ({"temperature": math.inf}, "temperature must be finite"),
        ({"temperature": 0.1, "threads": 0}, "threads must be an integer of at least 1, got 0"),
        ({"temperature": 0.1, "threads": 1.5}, "threads must be an integer of at least 1, got 1.5"),
    ],
)
def test_parameters_out_of_range(backend, arguments, match):
    query = np.ones((1, 3, 2, 2), dtype=np.float32)
    with pytest.raises(ConfigError, match=match):
        kernels.patch_transfer(query, random_reference(), backend=backend, **arguments)


@pytest.mark.parametrize("window", [0, -1, 2, 8, 3.0])
def test_window_must_be_odd(window):
    ones = np.ones((1, 3, 3), dtype=np.float32)
    with pytest.raises(ConfigError, match=f"window must be an odd integer .*got {window}"):
        kernels.PatchReference(ones, ones, window=window)


@pytest.mark.parametrize(
    ("features", "values", "error", "match"),
    [
        ((0, 3, 3), (1, 3, 3), ShapeError, "must not be empty"),
        ((1, 0, 3), (1, 0, 3), ShapeError, "must not be empty"),
        ((1, 3, 3), (1, 3, 4), ShapeError, r"values must have shape \[V, 3, 3\] like features"),
        ((1, 3), (1, 3, 3), ShapeError, r"features must have shape \[C, h, w\], got \(1, 3\)"),
    ],
)
def test_reference_of_the_wrong_shape(features, values, error, match):
    with pytest.raises(error, match=match):
        kernels.PatchReference(np.ones(features, np.float32), np.ones(values, np.float32))


def test_reference_of_the_wrong_dtype_or_layout():
    good = np.ones((1, 4, 4), dtype=np.float32)
    with pytest.raises(DTypeError, match="features must be float32, got float64"):
        kernels.PatchReference(good.astype(np.float64), good)
    with pytest.raises(DTypeError, match="values must be C-contiguous"):
        kernels.PatchReference(good, good.transpose(0, 2, 1)[:, ::-1])


def test_reference_is_immutable_and_its_own():
    features = np.ones((1, 3, 3), dtype=np.float32)
    ref = kernels.PatchReference(features, features, window=3)
    features[:] = 5
    assert ref.features.max() == 1
    with pytest.raises(ValueError, match="read-only"):
        ref.values[:] = 0
    with pytest.raises(AttributeError, match="immutable"):
        ref.window = 5
    assert "window=3" in repr(ref)


def test_unknown_or_missing_backend(monkeypatch):
    query = np.ones((1, 3, 2, 2), dtype=np.float32)
    with pytest.raises(ConfigError, match="backend must be one of auto, cpu, numpy, got 'gpu'"):
        kernels.patch_transfer(query, random_reference(), temperature=0.1, backend="gpu")
    monkeypatch.setenv("PETSGAN_BACKEND", "cuda")
    with pytest.raises(ConfigError, match="PETSGAN_BACKEND must be one of"):
        kernels.normal_noise((1, 1, 1, 1), seed=0)
    monkeypatch.setattr("petsgan_sdk.kernels._backend._core", False)
    monkeypatch.setenv("PETSGAN_BACKEND", "cpu")
    with pytest.raises(BackendUnavailableError, match="is not built here"):
        kernels.normal_noise((1, 1, 1, 1), seed=0)
    monkeypatch.setenv("PETSGAN_BACKEND", "numpy")
    assert kernels.normal_noise((1, 1, 1, 1), seed=0).shape == (1, 1, 1, 1)
    assert kernels.build_info()["backends"] == ["numpy"]


@pytest.mark.skipif("cpu" not in BACKENDS, reason="the C++ kernels are not built")
def test_one_reference_serves_many_threads_at_once():
    ref = random_reference(channels=8, size=(20, 20))
    query = np.random.default_rng(5).standard_normal((1, 8, 24, 24)).astype(np.float32)
    expected = kernels.patch_transfer(query, ref, temperature=0.01)
    failures = []

    def work():
        for _ in range(8):
            result = kernels.patch_transfer(query, ref, temperature=0.01, threads=3)
            if not np.array_equal(result.values, expected.values):
                failures.append(result)

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not failures


def test_build_info(monkeypatch):
    monkeypatch.setattr(kernels._backend, "usable_cores", lambda: 3)
    info = kernels.build_info()
    assert set(info) >= {"version", "compiler", "simd", "threads", "backends"}
    assert info["threads"] == 3
    if "cpu" in BACKENDS:
        assert info["simd"] in SIMD_LEVELS

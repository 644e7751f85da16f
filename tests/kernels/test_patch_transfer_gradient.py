from __future__ import annotations

import math

import numpy as np
import pytest

from petsgan_sdk import kernels
from petsgan_sdk.errors import ConfigError, DTypeError, InputError, ShapeError

BACKENDS = kernels.available_backends()
backends = pytest.mark.parametrize("backend", BACKENDS)


def arguments(*, batch=2, channels=3, size=(5, 6), ref_size=(6, 4), window=3, temperature=0.1):
    """Good arguments, random."""
    rng = np.random.default_rng(3)

    def normal(*dims):
        return rng.standard_normal(dims).astype(np.float32)

    reference = kernels.PatchReference(
        normal(channels, *ref_size), normal(2, *ref_size), window=window
    )
    query = normal(batch, channels, *size)
    found = kernels.patch_transfer(query, reference, temperature=temperature)
    return {
        "query": query,
        "reference": reference,
        "index": found.index,
        "weight": found.weight,
        "grad_values": normal(*found.values.shape),
        "grad_weight": normal(*found.weight.shape),
        "temperature": temperature,
    }


@backends
def test_one_pixel_window_by_hand(backend):
    # Query at angle 0, references at 0 and 90 degrees: cosines 1 and 0. Turning the query by d
    # moves the cosines by 0 and d, and w by w (1 - w) (0 - d) / temperature.
    features = np.array([[[1, 0]], [[0, 3]]], dtype=np.float32)
    reference = kernels.PatchReference(features, np.array([[[10, 20]]], np.float32), window=1)
    query = np.array([[[[2.0]], [[0.0]]]], dtype=np.float32)
    found = kernels.patch_transfer(query, reference, temperature=0.5)
    weight = 1 / (1 + math.exp(-2))
    assert found.weight.item() == pytest.approx(weight, abs=1e-6)
    gradient = kernels.patch_transfer_gradient(
        query,
        reference,
        found.index,
        found.weight,
        grad_values=np.full_like(found.values, 7),
        grad_weight=np.ones_like(found.weight),
        temperature=0.5,
        backend=backend,
    )
    assert gradient.query[0, 0, 0, 0] == pytest.approx(0, abs=1e-6), "a length changes no cosine"
    # The norm is 2, so one unit of feature turns the query by 1/2. The only vote's weight cancels.
    expected = -weight * (1 - weight) / 0.5 / 2
    assert gradient.query[0, 1, 0, 0] == pytest.approx(expected, rel=1e-5)
    assert gradient.values.tolist() == [[[7, 0]]]


@backends
def test_patches_of_zeros_pass_nothing(backend):
    given = arguments(size=(9, 10), temperature=0.01)
    given["query"][:, :, :5, :5] = 0
    found = kernels.patch_transfer(given["query"], given["reference"], temperature=0.01)
    given |= {"index": found.index, "weight": found.weight}
    gradient = kernels.patch_transfer_gradient(**given, backend=backend)
    assert np.isfinite(gradient.query).all()
    # Pixels up to 2 are seen by patches of zeros only, pixel 3 by others as well.
    assert not gradient.query[:, :, :3, :3].any()
    assert gradient.query[:, :, 3, :3].any()
    blank = {**given, "query": np.zeros_like(given["query"])}
    assert not kernels.patch_transfer_gradient(**blank, backend=backend).query.any()


@backends
@pytest.mark.parametrize("scale", [1e-9, 1e-6, 1e6, 1e15])
def test_the_gradient_is_inverse_to_the_scale_of_the_query(backend, scale):
    given = arguments()
    plain = kernels.patch_transfer_gradient(**given, backend=backend)
    given["query"] = (given["query"].astype(np.float64) * scale).astype(np.float32)
    scaled = kernels.patch_transfer_gradient(**given, backend=backend)
    limit = 1e-5 * np.abs(plain.query).max()
    np.testing.assert_allclose(scaled.query.astype(np.float64) * scale, plain.query, atol=limit)
    np.testing.assert_array_equal(scaled.values, plain.values)


@backends
@pytest.mark.parametrize("temperature", [1e-5, 0.01, 1.0])
def test_the_bound(backend, temperature):
    # One patch alone: window 7 over a 1 x 1 query.
    for seed in range(5):
        rng = np.random.default_rng(seed)
        features = rng.standard_normal((4, 3, 5)).astype(np.float32)
        reference = kernels.PatchReference(features, features[:1].copy())
        query = rng.standard_normal((1, 4, 1, 1)).astype(np.float32)
        found = kernels.patch_transfer(query, reference, temperature=temperature)
        gradient = kernels.patch_transfer_gradient(
            query,
            reference,
            found.index,
            found.weight,
            grad_values=np.zeros_like(found.values),
            grad_weight=np.ones_like(found.weight),
            temperature=temperature,
            backend=backend,
        )
        weight = float(found.weight.item())
        rounding = 2e-7  # of the weight, all that is left of one that is certain
        bound = 2 * (weight * (1 - weight) + rounding) / (temperature * np.linalg.norm(query))
        assert np.linalg.norm(gradient.query) <= bound * (1 + 1e-4)


@backends
def test_the_gradient_is_orthogonal_to_the_query(backend):
    # Of all patches at once: a common factor of all features changes no cosine.
    given = arguments(size=(8, 9))
    gradient = kernels.patch_transfer_gradient(**given, backend=backend)
    along = (gradient.query.astype(np.float64) * given["query"]).sum(axis=(1, 2, 3))
    assert np.abs(along).max() < 1e-5 * np.abs(gradient.query).sum()


@backends
def test_gradients_that_are_not_finite_spread(backend):
    given = arguments(size=(9, 12))
    given["grad_weight"][0, 8, 11] = math.nan
    gradient = kernels.patch_transfer_gradient(**given, backend=backend)
    assert np.isnan(gradient.query[0, :, 7:, 10:]).all()
    assert np.isfinite(gradient.query[0, :, :7]).all()
    assert np.isfinite(gradient.query[1]).all()
    assert np.isfinite(gradient.values).all()


@backends
@pytest.mark.parametrize(
    ("name", "change", "error", "match"),
    [
        ("query", lambda a: a[0], ShapeError, r"query must have shape \[N, C, h, w\]"),
        ("query", lambda a: a[:, :2].copy(), ShapeError, r"query must have shape \[N, 3,"),
        ("query", lambda a: a * math.nan, InputError, r"query must be finite.*\[0, 0, 0, 0\]"),
        ("index", lambda a: a.astype(np.int64), DTypeError, "index must be int32, got int64"),
        ("index", lambda a: a[:1], ShapeError, r"index must have shape \(2, 5, 6\)"),
        ("index", lambda a: a + 24, InputError, r"index must be in \[0, 24\), got \d+ at index"),
        ("index", lambda a: a - 24, InputError, r"index must be in \[0, 24\), got -\d+ at index"),
        ("weight", lambda a: a * 0, InputError, r"weight must be in \(0, 1\], got 0.0 at index"),
        ("weight", lambda a: a * math.nan, InputError, r"weight must be in \(0, 1\], got nan"),
        ("weight", lambda a: a.astype(np.float64), DTypeError, "weight must be float32"),
        ("grad_values", lambda a: a[:, :1].copy(), ShapeError, r"grad_values .*\(2, 2, 5, 6\)"),
        ("grad_values", lambda a: a[..., ::-1], DTypeError, "grad_values must be C-contiguous"),
        ("grad_weight", lambda a: a[:, :4].copy(), ShapeError, r"grad_weight .*\(2, 5, 6\)"),
        ("grad_weight", lambda a: a.tolist(), DTypeError, "grad_weight must be a numpy array"),
        ("temperature", lambda _: -1.0, ConfigError, "temperature must be finite and >= 0"),
    ],
)
def test_bad_input(backend, name, change, error, match):
    given = arguments()
    given[name] = change(given[name])
    with pytest.raises(error, match=f"^patch_transfer_gradient: {match}"):
        kernels.patch_transfer_gradient(**given, backend=backend)

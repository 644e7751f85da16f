from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from support.tolerances import assert_close

from petsgan_sdk import kernels

BACKENDS = kernels.available_backends()
SIZES = st.tuples(st.integers(1, 14), st.integers(1, 20))
CASES = st.fixed_dictionaries(
    {
        "seed": st.integers(0, 2**32),
        "channels": st.integers(1, 9),
        "size": SIZES,
        "ref_size": SIZES,
        "window": st.sampled_from([1, 3, 5, 7, 9]),
        "temperature": st.sampled_from([0.0, 0.01, 0.1, 1.0]),
        "backend": st.sampled_from(BACKENDS),
    }
)


def build(case, *, batch=1):
    rng = np.random.default_rng(case["seed"])
    channels = case["channels"]
    query = rng.standard_normal((batch, channels, *case["size"])).astype(np.float32)
    features = rng.standard_normal((channels, *case["ref_size"])).astype(np.float32)
    values = rng.uniform(-1, 1, (3, *case["ref_size"])).astype(np.float32)
    return query, kernels.PatchReference(features, values, window=case["window"])


def transfer(query, reference, case, **more):
    arguments = {"temperature": case["temperature"], "backend": case["backend"], **more}
    return kernels.patch_transfer(query, reference, **arguments)


@given(case=CASES)
def test_bounds(case):
    query, reference = build(case)
    result = transfer(query, reference, case)
    pixels = case["ref_size"][0] * case["ref_size"][1]
    assert result.index.min() >= 0
    assert result.index.max() < pixels
    assert result.weight.max() <= 1.0
    assert result.weight.min() >= (1 - 1e-5) / pixels  # the best is at least the mean
    # An average of values stays between them.
    assert result.values.min() >= reference.values.min() - 1e-5
    assert result.values.max() <= reference.values.max() + 1e-5


@given(case=CASES)
def test_an_image_of_a_batch_is_the_image_alone(case):
    query, reference = build(case, batch=3)
    together = transfer(query, reference, case)
    for n in range(3):
        alone = transfer(query[n : n + 1].copy(), reference, case)
        np.testing.assert_array_equal(together.values[n], alone.values[0])
        np.testing.assert_array_equal(together.index[n], alone.index[0])
        np.testing.assert_array_equal(together.weight[n], alone.weight[0])


@given(case=CASES, power=st.integers(-20, 20))
def test_the_scale_of_the_query_does_not_matter(case, power):
    query, reference = build(case)
    result = transfer(query, reference, case)
    scaled = transfer(query * np.float32(2.0**power), reference, case)
    np.testing.assert_array_equal(scaled.index, result.index)
    assert_close(scaled.weight, result.weight)


@given(case=CASES)
def test_a_map_transferred_onto_itself_is_kept(case):
    # One channel and one pixel leave only the sign of a feature, so many patches would be equal.
    case = {**case, "channels": max(3, case["channels"])}
    _, reference = build(case)
    result = transfer(reference.features[None].copy(), reference, case)
    pixels = case["ref_size"][0] * case["ref_size"][1]
    np.testing.assert_array_equal(result.index.ravel(), np.arange(pixels))
    assert_close(result.values[0], reference.values)


@given(case=CASES)
def test_the_backends_agree(case):
    query, reference = build({**case, "channels": max(2, case["channels"])})
    results = [transfer(query, reference, case, backend=name) for name in BACKENDS]
    for result in results[1:]:
        same = result.index == results[0].index
        assert same.mean() > 0.99  # ties aside; values only where no tie decides
        assert_close(result.weight, results[0].weight)
        if same.all():
            assert_close(result.values, results[0].values)

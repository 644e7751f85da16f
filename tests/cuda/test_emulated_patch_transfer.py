"""The CUDA kernels, compiled for the CPU, against the dense float64 form."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.cuda_cases import Case, check_against_dense, random_inputs, smooth_inputs
from support.cuda_emulation import barriers

CASES = [
    Case((12, 16), (16, 12), channels=64),
    Case((21, 37), (19, 32), batch=2),  # no multiple of any tile; tile 64
    Case((1, 1), (1, 1), channels=1, value_channels=1),
    Case((1, 9), (9, 1), channels=1, value_channels=1),
    Case((5, 4), (3, 9), value_channels=5),  # smaller than the window
    Case((3, 2), (4, 70), channels=5, window=11),  # several tiles of keys
    Case((9, 33), (2, 13), window=1, value_channels=1),
    Case((8, 8), (9, 7), channels=65, window=9, batch=2),
    Case((10, 17), (11, 9), channels=64, window=3, images=2),
    Case((6, 70), (5, 66)),  # several tiles of queries and keys
    Case((40, 6), (37, 5)),  # several chunks of rows
    Case((6, 5), (7, 5), window=41, batch=3),  # wider than both maps
    Case((3, 70), (4, 69), channels=2, window=65),  # wider than a product tile
    Case((7, 9), (8, 6), channels=3, images=3, batch=2),
]
HALF_CASES = [
    Case((12, 16), (16, 12), channels=64),
    Case((9, 8), (7, 9), channels=1, window=3, images=2, batch=2),
    Case((5, 4), (3, 9), channels=65, window=9),
    Case((6, 44), (5, 45)),  # tile 64
]


def run(emulation, case, inputs, *, temperature=0.01, normalize=True, **more):
    return emulation.transfer(
        *inputs,
        window=case.window,
        temperature=temperature,
        normalize=normalize,
        dtype=case.dtype,
        **more,
    )


def check(emulation, case, inputs, **arguments):
    settings = {"temperature": 0.01, "normalize": True, **arguments}
    result = run(emulation, case, inputs, **settings)
    settings.pop("seed", None)
    check_against_dense(case, inputs, result, **settings)


@pytest.mark.parametrize("make_inputs", [random_inputs, smooth_inputs])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_against_the_dense_form(emulation, case, make_inputs):
    if make_inputs is smooth_inputs and case.channels < 3:
        # One or two smooth channels have patches whose cosines are equal but for rounding.
        case = Case(case.query, case.reference, 3, case.window)
    check(emulation, case, make_inputs(case), seed=1)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("case", HALF_CASES, ids=str)
def test_sixteen_bit_features(emulation, case, dtype):
    case = Case(**{**vars(case), "dtype": dtype})
    check(emulation, case, random_inputs(case), seed=2)


SIZES = st.tuples(st.integers(1, 9), st.integers(1, 40))
ANY_CASE = st.builds(
    Case,
    SIZES,
    SIZES,
    channels=st.integers(1, 9),
    window=st.sampled_from([1, 3, 7, 9, 15, 41]),
    batch=st.integers(0, 2),
    images=st.integers(1, 2),
    value_channels=st.integers(1, 6),
    dtype=st.sampled_from(["float32", "float16", "bfloat16"]),
)


@given(
    case=ANY_CASE,
    seed=st.integers(0, 2**32),
    temperature=st.sampled_from([0.0, 0.01, 1.0]),
    normalize=st.booleans(),
)
def test_any_sizes(emulation, case, seed, temperature, normalize):
    inputs = random_inputs(case, seed=seed)
    check(emulation, case, inputs, temperature=temperature, normalize=normalize, seed=seed)


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("temperature", [0.0, 1.0])
@pytest.mark.parametrize("case", [CASES[4], CASES[8]], ids=str)
def test_temperatures_and_the_divisor(emulation, case, temperature, normalize):
    check(emulation, case, random_inputs(case), temperature=temperature, normalize=normalize)


def test_both_tiles_and_wide_windows_are_covered(emulation):
    plans = [emulation.plan(case) for case in CASES]
    assert {int(plan["tile"]) for plan in plans} == {32, 64}
    assert {int(emulation.plan(case)["tile"]) for case in HALF_CASES} == {32, 64}
    assert any(plan["shifts"] < case.window for plan, case in zip(plans, CASES, strict=True))
    assert any(plan["rows"] < case.query[0] for plan, case in zip(plans, CASES, strict=True))
    assert any(plan["splits"] > 1 for plan in plans)


@pytest.mark.parametrize("scale", [1e-18, 1e-30, 1e18, 1e30])
def test_features_of_any_magnitude(emulation, scale):
    # Squares of 1e30 overflow float32. Below a norm of 1e-12 patches fade to cosine 0.
    case = Case((6, 6), (6, 6), window=3)
    query, _, values = random_inputs(case)
    scaled = query * np.float32(scale)
    for inputs in ((query, scaled, values), (scaled, query, values)):
        _, index, weight = run(emulation, case, inputs)
        if scale > 1:
            np.testing.assert_array_equal(index.ravel(), np.arange(36))
        else:
            np.testing.assert_allclose(weight, 1 / 36, rtol=1e-3)


def test_zero_features_have_cosine_zero(emulation):
    case = Case((3, 4), (5, 6), window=3)
    query, features, values = random_inputs(case)
    for inputs in ((query * 0, features, values), (query, features * 0, values)):
        out, _, weight = run(emulation, case, inputs)
        np.testing.assert_allclose(weight, 1 / 30, rtol=1e-5)
        assert np.isfinite(out).all()


def test_equal_patches_give_the_lowest_index(emulation):
    case = Case((4, 4), (4, 4), window=1, images=2)
    query, features, values = random_inputs(case)
    features[:] = features[:1, :, :1, :1]
    index = run(emulation, case, (query, features, values))[1]
    assert (index == 0).all()


def test_empty_batch(emulation):
    case = Case((3, 4), (5, 6), batch=0)
    out, index, weight = run(emulation, case, random_inputs(case))
    assert out.shape == (0, 3, 3, 4)
    assert index.shape == weight.shape == (0, 3, 4)


def test_an_image_of_a_batch_is_the_image_alone(emulation):
    # The emulation's workspace is small, so this batch takes several launches.
    case = Case((11, 13), (9, 12), batch=5)
    inputs = random_inputs(case)
    alone = Case((11, 13), (9, 12), batch=1)
    assert emulation.buffers(case)[1] < 5 * emulation.buffers(alone)[1]
    together = run(emulation, case, inputs)
    for n in range(case.batch):
        single = run(emulation, alone, (inputs[0][n : n + 1], *inputs[1:]))
        for whole, part in zip(together, single, strict=True):
            np.testing.assert_array_equal(whole[n], part[0])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_features_that_are_not_finite(emulation, value):
    case = Case((4, 5), (6, 5), batch=3, images=2)
    query, features, values = random_inputs(case)
    bad_query = query.copy()
    bad_query[1, 2, 3, 4] = value
    out, index, weight = run(emulation, case, (bad_query, features, values))
    good = run(emulation, case, (query, features, values))
    assert np.isnan(weight[1]).all()
    assert np.isnan(out[1]).all()
    assert 0 <= index.min() <= index.max() < 60
    for n in (0, 2):
        np.testing.assert_array_equal(weight[n], good[2][n])
    bad_features, bad_values = features.copy(), values.copy()
    bad_features[1, 2, 3, 4] = bad_features[1, 2, 5, 4] = value
    bad_values[0, 1, 2, 3] = value
    _, first = emulation.pack(emulation.sizes(case), bad_features, bad_values, "float32")
    assert first == [np.ravel_multi_index((1, 2, 3, 4), features.shape), 1 * 30 + 2 * 5 + 3]
    _, none = emulation.pack(emulation.sizes(case), features, values, "float32")
    assert none == [-1, -1]
    for temperature in (0.0, 0.01):
        weight = run(emulation, case, (query, bad_features, values), temperature=temperature)[2]
        assert np.isnan(weight).all()


@pytest.mark.parametrize("case", [CASES[0], CASES[4], CASES[9], HALF_CASES[2]], ids=str)
def test_the_order_of_threads_and_blocks_changes_no_bit(emulation, case):
    inputs = random_inputs(case)
    expected = run(emulation, case, inputs, seed=0)
    for seed in range(1, 9):
        result = run(emulation, case, inputs, seed=seed)
        for name, a, b in zip(("values", "index", "weight"), result, expected, strict=True):
            np.testing.assert_array_equal(a, b, err_msg=f"{name}, seed {seed}")


# Rows above and below the shared ones, several slices of channels, tiles, splits and images.
PLANTED = Case((9, 11), (10, 34), channels=33, batch=2)


@pytest.mark.parametrize("barrier", barriers(), ids=lambda barrier: ":".join(map(str, barrier)))
def test_a_missing_barrier_is_caught(emulation, barrier):
    inputs = random_inputs(PLANTED)
    for seed in range(1, 9):
        try:
            check_result = run(emulation, PLANTED, inputs, seed=seed, drop=barrier)
            check_against_dense(PLANTED, inputs, check_result, temperature=0.01, normalize=True)
        except AssertionError:
            return
    pytest.fail(f"without the barrier at {barrier} every result is still right")


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"channels": 0}, "ShapeError: patch_transfer: channels must be at least 1, got 0"),
        ({"query": (0, 4)}, "query height must be at least 1, got 0"),
        ({"reference": (3, -1)}, "reference width must be at least 1, got -1"),
        ({"images": 0}, "reference images must be at least 1"),
        ({"value_channels": 0}, "value channels must be at least 1"),
        ({"batch": -1}, "batch must be at least 0, got -1"),
        ({"window": 4}, "ConfigError: patch_transfer: window must be an odd integer .* got 4"),
        ({"reference": (2**16, 2**15)}, "reference index must have at most 2147483647 elements"),
        ({"query": (2**40, 2**40)}, "a query image must have at most 2147483647 elements, got "),
        ({"batch": 2**60}, "query features must have at most .* elements, got 1152921504606846976"),
        ({"channels": 2**62}, "reference features must have at most"),
        ({"value_channels": 2**62}, "reference values must have at most"),
        (
            {"query": (40000, 40000), "reference": (40000, 40000), "window": 79999},
            "window must fit the shared memory",
        ),
    ],
)
def test_sizes_out_of_range(emulation, change, match):
    case = Case(**{**vars(Case((4, 4), (4, 4))), **change})
    with pytest.raises(RuntimeError, match=match):
        emulation.buffers(case)


@pytest.mark.parametrize("temperature", [-0.1, np.nan, np.inf])
def test_temperature_out_of_range(emulation, temperature):
    case = Case((4, 4), (4, 4))
    with pytest.raises(RuntimeError, match=r"ConfigError: .*temperature must be finite and >= 0"):
        run(emulation, case, random_inputs(case), temperature=temperature)


@pytest.mark.parametrize("window", [1, 3, 7, 9, 31, 63, 65, 127, 511])
@pytest.mark.parametrize("size", [1, 5, 32, 64, 100, 256, 1024])
def test_plans_fit_every_gpu(emulation, window, size):
    for dtype in ("float32", "float16"):
        plan = emulation.plan(Case((size, size), (size, size + 3), 64, window, dtype=dtype))
        assert plan["shared"] <= 99 * 1024  # what compute capability 8.6 and 12.0 grant
        assert 1 <= plan["out"] <= plan["tile"]
        assert plan["shifts"] == plan["tile"] - plan["out"] + 1


def test_memory_grows_with_the_maps_and_not_with_their_product(emulation):
    sizes = {}
    for side in (64, 128, 256):
        case = Case((side, side), (side, side), channels=64)
        sizes[side] = sum(emulation.buffers(case))
    assert sizes[256] < 64e6  # the similarity matrix alone would take 17 GB
    assert sizes[256] < 16 * sizes[64]

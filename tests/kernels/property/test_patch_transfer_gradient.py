from __future__ import annotations

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st
from support.tolerances import assert_close

from petsgan_sdk import kernels

BACKENDS = kernels.available_backends()
SIZES = st.tuples(st.integers(1, 14), st.integers(1, 20))
CASES = st.fixed_dictionaries(
    {
        "seed": st.integers(0, 2**32),
        "channels": st.integers(2, 15),
        "images": st.integers(1, 3),
        "size": SIZES,
        "ref_size": SIZES,
        "window": st.sampled_from([1, 3, 5, 7, 9, 15]),
        "temperature": st.sampled_from([0.05, 0.3, 1.0]),
        "normalize": st.booleans(),
        "backend": st.sampled_from(BACKENDS),
    }
)


def build(case):
    """A function from the two incoming gradients to the two outgoing ones; and random ones."""
    rng = np.random.default_rng(case["seed"])

    def normal(*shape):
        return rng.standard_normal(shape).astype(np.float32)

    query = normal(1, case["channels"], *case["size"])
    reference = kernels.PatchReference(
        normal(case["images"], case["channels"], *case["ref_size"]),
        normal(case["images"], 2, *case["ref_size"]),
        window=case["window"],
    )
    options = {"temperature": case["temperature"], "normalize": case["normalize"]}
    found = kernels.patch_transfer(query, reference, **options)

    def gradient(grad_values, grad_weight, *, backend=case["backend"], threads=1):
        return kernels.patch_transfer_gradient(
            query,
            reference,
            found.index,
            found.weight,
            grad_values=grad_values,
            grad_weight=grad_weight,
            **options,
            backend=backend,
            threads=threads,
        )

    return gradient, normal(*found.values.shape), normal(*found.weight.shape)


def assert_same(actual, expected):
    for name in ("query", "values"):
        a, b = getattr(actual, name), getattr(expected, name)
        scale = max(1.0, float(np.abs(b).max()))
        assert_close(a / scale, b / scale, what=name)


@given(case=CASES)
def test_the_backends_agree(case):
    gradient, grad_values, grad_weight = build(case)
    results = [gradient(grad_values, grad_weight, backend=name) for name in BACKENDS]
    for result in results[1:]:
        assert_same(result, results[0])


@given(case=CASES)
def test_a_gradient_is_linear(case):
    gradient, grad_values, grad_weight = build(case)
    both = gradient(grad_values, grad_weight)
    one = gradient(grad_values, np.zeros_like(grad_weight))
    other = gradient(np.zeros_like(grad_values), grad_weight)
    assert not other.values.any()
    summed = kernels.PatchTransferGradient(one.query + other.query, one.values + other.values)
    assert_same(both, summed)


@given(case=CASES, threads=st.integers(2, 5))
def test_the_thread_count_changes_no_bit(case, threads):
    assume(case["backend"] == "cpu")
    gradient, *incoming = build(case)
    alone, together = gradient(*incoming), gradient(*incoming, threads=threads)
    np.testing.assert_array_equal(alone.query, together.query)
    np.testing.assert_array_equal(alone.values, together.values)

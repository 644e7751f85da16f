"""The form of patch transfer that carries gradients, against the paper's dense one and the kernel.

`tests/unit` and `tests/parity` test the kernel itself.
"""

from __future__ import annotations

import dense_patch_transfer as dense
import numpy as np
import pytest
import torch
from helpers import assert_close

from petsgan_sdk import kernels
from petsgan_sdk.models.patch_transfer import MatchWeights, match_patches, transfer_patches

SIZES = [((5, 6), (5, 6)), ((4, 9), (7, 3)), ((1, 1), (4, 4)), ((3, 8), (2, 2)), ((6, 2), (9, 1))]


def maps(query, reference, draw, *, channels=5, values=3, dtype=torch.float64):
    return (
        torch.randn((2, channels, *query), generator=draw, dtype=dtype),
        torch.randn((1, channels, *reference), generator=draw, dtype=dtype),
        torch.rand((1, values, *reference), generator=draw, dtype=dtype) * 2 - 1,
    )


@pytest.mark.parametrize("window", [1, 3, 7])
@pytest.mark.parametrize(("query", "reference"), SIZES)
def test_equals_the_dense_form(query, reference, window, draw):
    features, known, values = maps(query, reference, draw)
    match = match_patches(features, known, window=window, temperature=0.2)
    code = transfer_patches(match, values, window=window)
    for n in range(2):
        cosine = dense.cosines(features[n].numpy(), known[0].numpy(), window)
        index = cosine.argmax(axis=1)
        weight = dense.softmax_at(cosine, index, 0.2)
        np.testing.assert_array_equal(match.index[n].flatten(), index)
        assert_close(match.weight[n].flatten(), weight, tolerance="float32", what="weight")
        expected = dense.lay_patches(
            values[0].numpy(),
            index.reshape(query),
            weight.reshape(query),
            window=window,
            normalize=True,
        )
        assert_close(code[n], expected, tolerance="float32", what="code")


@pytest.mark.parametrize("temperature", [0.01, 0.3])
def test_equals_the_kernel(temperature, draw):
    features, known, values = maps((9, 11), (8, 10), draw, channels=27, dtype=torch.float32)
    match = match_patches(features, known, window=7, temperature=temperature)
    reference = kernels.PatchReference(known[0].numpy(), values[0].numpy(), window=7)
    result = kernels.patch_transfer(features.numpy(), reference, temperature=temperature)
    np.testing.assert_array_equal(match.index, result.index)
    assert_close(match.weight, result.weight, tolerance="runtimes", what="weight")
    code = transfer_patches(match, values, window=7)
    assert_close(code, result.values, tolerance="runtimes", what="code")


def test_identity_reproduces_the_reference_to_its_border(draw):
    features, _, values = maps((9, 12), (9, 12), draw)
    features = features[:1]
    match = match_patches(features, features, window=7, temperature=0.01)
    assert torch.equal(match.index.flatten(), torch.arange(9 * 12))
    torch.testing.assert_close(transfer_patches(match, values, window=7), values)


def test_undecided_matches_do_not_darken(draw):
    features, known, _ = maps((8, 8), (6, 6), draw)
    match = match_patches(features, known, window=7, temperature=10.0)
    assert match.weight.max() < 0.1
    white = torch.ones(1, 3, 6, 6, dtype=torch.float64)
    code = transfer_patches(match, white, window=7)
    torch.testing.assert_close(code, torch.ones_like(code))


def test_result_stays_in_the_range_of_the_values(draw):
    features, known, values = maps((7, 7), (5, 9), draw)
    match = match_patches(features, known, window=5, temperature=0.05)
    code = transfer_patches(match, values, window=5)
    assert code.min() >= values.min()
    assert code.max() <= values.max()


@pytest.mark.parametrize(("query", "reference"), SIZES)
def test_gradient_of_the_weights(query, reference, draw):
    features, known, _ = maps(query, reference, draw, channels=2)

    def weight(x, r):
        return match_patches(x, r, window=3, temperature=0.5).weight

    inputs = (features[:1].requires_grad_(), known.requires_grad_())
    assert torch.autograd.gradcheck(weight, inputs, eps=1e-7, atol=1e-5)


def test_gradient_of_the_code_with_the_index_held(draw):
    features, known, values = maps((4, 5), (5, 4), draw, channels=2)
    index = match_patches(features, known, window=3, temperature=0.5).index
    weight = torch.rand(index.shape, generator=draw, dtype=torch.float64) + 0.1

    def code(w, v):
        return transfer_patches(MatchWeights(index, w), v, window=3)

    assert torch.autograd.gradcheck(code, (weight.requires_grad_(), values.requires_grad_()))


@pytest.mark.parametrize("temperature", [1e-5, 0.01, 1.0])
@pytest.mark.parametrize("scale", [0.0, 1e-6, 1.0, 1e3])
def test_gradient_is_finite(temperature, scale, draw):
    features, known, values = maps((6, 6), (6, 6), draw, dtype=torch.float32)
    features = (scale * features).requires_grad_()
    match = match_patches(features, known, window=7, temperature=temperature)
    transfer_patches(match, values, window=7).square().sum().backward()
    assert features.grad.isfinite().all()
    assert match.weight.isfinite().all()
    assert 0 < match.weight.min() <= match.weight.max() <= 1


def test_gradient_of_a_code_is_bounded_by_the_temperature(draw):
    # |d cosine / d feature| <= 1 / norm of its patch; a code moves by at most 2 / temperature of it
    # for values in [-1, 1], and each feature lies in window^2 patches.
    features, known, values = maps((8, 8), (8, 8), draw, channels=8)
    features.requires_grad_()
    match = match_patches(features, known, window=7, temperature=0.01)
    transfer_patches(match, values, window=7)[0, 0, 4, 4].backward()
    norm = features.detach()[0, :, 1:8, 1:8].square().sum().sqrt()
    assert 0 < features.grad.abs().max() <= 49 * 2 / 0.01 / (norm / 2)

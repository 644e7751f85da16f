from __future__ import annotations

import math

import pytest
import torch

from petsgan_sdk.training import losses


def test_nonsaturating_losses():
    real, fake = torch.tensor([2.0, -1.0]), torch.tensor([0.0, 3.0])
    expected = (math.log1p(math.exp(-2)) + math.log1p(math.exp(1))) / 2
    expected += (math.log(2) + math.log1p(math.exp(3))) / 2
    assert losses.nonsaturating_critic(real, fake).item() == pytest.approx(expected)
    expected = (math.log(2) + math.log1p(math.exp(-3))) / 2
    assert losses.nonsaturating_generator(fake).item() == pytest.approx(expected)


def test_collapse_penalty_rewards_difference():
    assert losses.collapse_penalty(torch.tensor([1.0, 5.0, 2.0, 3.0])).item() == -1.5
    assert losses.collapse_penalty(torch.tensor([1.0, 4.0, 100.0])).item() == -3
    assert losses.collapse_penalty(torch.ones(4)).item() == 0


def test_r1_penalty_of_a_linear_critic():
    real = torch.randn(3, 2, 4, 4, requires_grad=True)
    logits = (real * torch.arange(2.0).view(1, 2, 1, 1)).sum((1, 2, 3))
    assert losses.r1_penalty(logits, real).item() == pytest.approx(16 / 2)


def test_hinge_losses():
    real, fake = torch.tensor([[2.0, 0.5]]), torch.tensor([[-3.0, 0.0]])
    assert losses.hinge_critic(real, fake).item() == pytest.approx(0.25 + 0.5)
    assert losses.hinge_generator(fake).item() == pytest.approx(1.5)


def test_sparsity_is_zero_for_certain_matches_only():
    assert losses.sparsity_penalty(torch.ones(1, 3, 3)).item() == 0
    assert losses.sparsity_penalty(torch.full((1, 3, 3), 0.5)).item() == pytest.approx(0.75)

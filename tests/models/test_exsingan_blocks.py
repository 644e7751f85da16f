"""The stage that makes blocks of pixels against the stage itself."""

from __future__ import annotations

import pytest
import torch

from petsgan_sdk.models.exsingan.blocks import StageInBlocks
from petsgan_sdk.models.exsingan.stage import RefinementStage


@pytest.mark.parametrize("padding", ["zeros", "replicate"])
@pytest.mark.parametrize("is_residual", [False, True])
@pytest.mark.parametrize("size", [(8, 12), (9, 12), (8, 13), (11, 7)])
def test_the_same_image(size, is_residual, padding):
    torch.manual_seed(0)
    stage = RefinementStage(width=6, is_residual=is_residual, norm=False, padding=padding)
    last = stage.layers[-2]
    torch.nn.init.normal_(last.weight, std=0.2)
    torch.nn.init.normal_(last.bias)
    previous, noise = torch.randn(2, 2, 3, *size)
    with torch.no_grad():
        expected = stage(previous, noise)
        found = StageInBlocks(stage)(previous, noise)
    assert found.shape == expected.shape
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)

from __future__ import annotations

import pytest
import torch


@pytest.fixture
def draw():
    return torch.Generator().manual_seed(7)

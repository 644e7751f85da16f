from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="networks need torch")
from torch import nn  # noqa: E402

from petsgan_sdk.errors import CheckpointError  # noqa: E402
from petsgan_sdk.models.arrays import built_from, load_state, named_arrays  # noqa: E402


def test_a_module_is_built_without_memory_until_its_weights_are_there() -> None:
    devices: list[str] = []

    def build(width: int) -> nn.Module:
        layer = nn.Conv2d(width, width, 3)
        devices.append(layer.weight.device.type)
        return layer

    saved = nn.Conv2d(4, 4, 3)
    arrays = named_arrays(saved, "net")
    built = built_from(lambda: build(4), arrays, "net")
    assert devices == ["meta", "cpu"]
    assert torch.equal(built.weight, saved.weight)
    assert torch.equal(built.bias, saved.bias)
    devices.clear()
    # Terabytes, were they asked for.
    with pytest.raises(CheckpointError, match=r"net/bias must have shape \(200000,\) float32, got"):
        built_from(lambda: build(200_000), arrays, "net")
    assert devices == ["meta"]


@pytest.mark.parametrize("dtype", ["float64", "int32", "bool"])
def test_another_dtype_is_refused(dtype: str) -> None:
    module = nn.Conv2d(4, 4, 3)
    arrays = {**named_arrays(module, "net"), "net/bias": np.zeros(4, dtype)}
    with pytest.raises(CheckpointError, match=rf"\(4,\) float32, got \(4,\) {dtype}"):
        load_state(module, arrays, "net")

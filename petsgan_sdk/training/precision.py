"""How precisely the networks of a step compute, and in which memory layout.

Weights, moments, losses, patch features and patch transfer are float32 throughout; only the
convolutions of DEPNet, IR and the patch critic are run in what is chosen here.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.func import functional_call

from petsgan_sdk.errors import ConfigError

__all__ = ["PrecisionName", "choose_precision", "compute"]

PrecisionName = Literal["auto", "float32", "bfloat16"]


def choose_precision(name: PrecisionName, device: torch.device) -> PrecisionName:
    """Decide what `auto` means on a device.

    bfloat16 where matrix units multiply it many times faster than float32 (AMX on the CPU, tensor
    cores from Ampere on), else float32. It has the range of float32, so that no gradient needs
    scaling.

    Args:
        name: What was asked for.
        device: Where the networks are.

    Returns:
        `float32` or `bfloat16`.

    Raises:
        ConfigError: bfloat16 was asked for, and the device would only emulate it.
    """
    if device.type == "cuda":
        is_native = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        is_native = _has_amx()
    if name == "auto":
        return "bfloat16" if is_native else "float32"
    if name == "bfloat16" and not is_native:
        unit = "tensor cores for it" if device.type == "cuda" else "AMX"
        msg = (
            f"config: training.precision must be auto or float32 on {str(device)!r}, which has no "
            f"{unit}, got 'bfloat16'"
        )
        raise ConfigError(msg)
    return name


def _has_amx() -> bool:
    return bool(torch.cpu._is_amx_tile_supported())  # no public call tells


def compute(network: nn.Module, *inputs: Tensor, precision: PrecisionName) -> Tensor:
    """Run a network in a precision and with the channels of a pixel side by side.

    Autocast is not used: it keeps the padding and the interpolation around a convolution in
    float32, and spends more time on the conversions than on the convolution.

    Args:
        network: Its weights are float32, and so are their gradients.
        inputs: `[N, C, H, W]` float32 each.
        precision: `float32` or `bfloat16`.

    Returns:
        What the network returns, float32.
    """
    if precision == "float32":
        return network(*map(_channels_last, inputs))  # type: ignore[no-any-return]
    weights = {name: p.to(torch.bfloat16) for name, p in network.named_parameters()}
    given = tuple(_channels_last(x.to(torch.bfloat16)) for x in inputs)
    result: Tensor = functional_call(network, weights, given)
    return result.float()


def _channels_last(x: Tensor) -> Tensor:
    # Every layer hands its layout on, so that the input decides.
    return x.contiguous(memory_format=torch.channels_last)

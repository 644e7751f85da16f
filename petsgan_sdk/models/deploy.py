"""Networks as they are deployed: norms frozen and folded away, no gradients."""

from __future__ import annotations

import copy
from typing import TypeVar

import torch
from torch import nn

from petsgan_sdk.models.norm import FreezableBatchNorm, FreezableNorm, freeze_statistics

__all__ = ["deployed"]

ModuleT = TypeVar("ModuleT", bound=nn.Module)


def deployed(module: ModuleT) -> ModuleT:
    """Copy a module with every `FreezableNorm` folded into the convolution before it.

    A norm that training has not frozen is frozen here, at its running statistics.

    Args:
        module: Norms must follow a convolution in the same `nn.Sequential`.

    Returns:
        A copy in evaluation mode that needs no gradients.
    """
    copied = copy.deepcopy(module).eval().requires_grad_(False)
    freeze_statistics(copied)
    for parent in list(copied.modules()):
        if not isinstance(parent, nn.Sequential):
            continue
        for name, child in list(parent.named_children()):
            if isinstance(child, FreezableNorm):
                conv = parent[int(name) - 1]
                if not isinstance(conv, nn.Conv2d):
                    msg = f"layer {name} must follow a convolution, got {type(conv).__name__}"
                    raise TypeError(msg)
                _fold(conv, child)
                parent[int(name)] = nn.Identity()
    return copied


def _fold(conv: nn.Conv2d, norm: FreezableNorm) -> None:
    """Fold `(y - mean) / std`, scaled and shifted, into the convolution that makes y."""
    scale = (norm.running_var + norm.eps).rsqrt()
    shift = torch.zeros_like(scale)
    if isinstance(norm, FreezableBatchNorm):
        scale, shift = scale * norm.weight, norm.bias
    old_bias = torch.zeros_like(scale) if conv.bias is None else conv.bias
    conv.weight = nn.Parameter(conv.weight * scale[:, None, None, None], requires_grad=False)
    bias = (old_bias - norm.running_mean) * scale + shift
    conv.bias = nn.Parameter(bias, requires_grad=False)

"""Images around an inverted photo."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from petsgan_sdk.priors.inversion.fit import Inverted
from petsgan_sdk.priors.inversion.interface import CodeGenerator
from petsgan_sdk.priors.inversion.settings import InversionSettings

__all__ = ["jitter"]


@torch.no_grad()
def jitter(
    generator: CodeGenerator, inverted: Inverted, settings: InversionSettings, rng: Generator
) -> Tensor:
    """Draw what lies around a code: z + sigma eps, eps ~ N(0, 1), for each level sigma.

    The class and its embedding stay. The images are as the generator makes them: the public code
    stretches each to its own full range, which changes contrast and colours.

    Args:
        generator: As `invert` left it.
        inverted: The code and its class.
        settings: Levels, and images at each.
        rng: Decides the noise; lives on the CPU.

    Returns:
        `[levels * jitter_per_level, 3, S, S]` uint8 on the CPU, 0..255 for [-1, 1], level by level.
    """
    code = inverted.code
    levels = torch.tensor(settings.jitter_levels).repeat_interleave(settings.jitter_per_level)
    noise = torch.randn((len(levels), generator.code_size), generator=rng)
    codes = code + (levels[:, None] * noise).to(code.device)
    embedding = generator.embed(torch.tensor([inverted.label], device=code.device))
    images = []
    for some in torch.split(codes, settings.batch):
        made = generator(some, embedding.expand(len(some), -1))
        images.append((made * 127.5 + 127.5).round().clamp(0, 255).to(torch.uint8).cpu())
    return torch.cat(images)

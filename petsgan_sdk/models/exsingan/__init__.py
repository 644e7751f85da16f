"""ExSinGAN's networks: structural, semantic and texture generators over a pyramid."""

from __future__ import annotations

from petsgan_sdk.models.exsingan.critic import PixelCritic
from petsgan_sdk.models.exsingan.generator import ExsinganGenerator, stage_name, upsample
from petsgan_sdk.models.exsingan.stage import RefinementStage

__all__ = ["ExsinganGenerator", "PixelCritic", "RefinementStage", "stage_name", "upsample"]

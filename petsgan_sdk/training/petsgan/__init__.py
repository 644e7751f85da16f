"""How PetsGAN is trained."""

from __future__ import annotations

from petsgan_sdk.training.petsgan.steps import PetsganTraining

__all__ = ["PetsganTraining"]

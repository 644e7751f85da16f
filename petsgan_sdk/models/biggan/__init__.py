"""BigGAN-128 and -256, with the key names of the public `BigGAN-PyTorch` checkpoints.

Only what is needed to use trained weights: batch norm always takes its stored statistics and
spectral norm its stored vectors. Files are read by `petsgan_sdk.priors.biggan_weights`.
"""

from __future__ import annotations

from petsgan_sdk.models.biggan.architecture import (
    DiscriminatorArchitecture,
    GeneratorArchitecture,
    Mismatch,
    first_mismatch,
)
from petsgan_sdk.models.biggan.discriminator import BigganDiscriminator
from petsgan_sdk.models.biggan.generator import BigganGenerator

__all__ = [
    "BigganDiscriminator",
    "BigganGenerator",
    "DiscriminatorArchitecture",
    "GeneratorArchitecture",
    "Mismatch",
    "first_mismatch",
]

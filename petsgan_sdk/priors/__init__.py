"""Where DEPNet's training layouts come from.

A prior is a stream of layouts: `internal`, `synthesis`, `folder:DIR`, `biggan:WEIGHTS`, or a
mixture. To add one, write a file with its factory and name it in `registry`.
"""

from __future__ import annotations

from petsgan_sdk.priors.interface import LayoutPrior, PriorFactory, PriorInput
from petsgan_sdk.priors.internal import InternalPrior
from petsgan_sdk.priors.layouts import LayoutSet
from petsgan_sdk.priors.registry import PRIORS, PriorChoice, create_prior, parse_priors

__all__ = [
    "PRIORS",
    "InternalPrior",
    "LayoutPrior",
    "LayoutSet",
    "PriorChoice",
    "PriorFactory",
    "PriorInput",
    "create_prior",
    "parse_priors",
]

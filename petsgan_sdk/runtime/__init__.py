"""Sampling a bundle: numpy and ONNX Runtime, never torch."""

from __future__ import annotations

from petsgan_sdk.runtime.loading import load
from petsgan_sdk.runtime.options import ProviderOptions
from petsgan_sdk.runtime.sampler import Sampler
from petsgan_sdk.synthesis import Pin

__all__ = ["Pin", "ProviderOptions", "Sampler", "load"]

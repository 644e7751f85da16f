"""Learn a generator from one photo: networks, trained by torch, which is imported at use."""

from __future__ import annotations

from petsgan_sdk.stations.train import Progress, TrainResult, train

__all__ = ["Progress", "TrainResult", "train"]

"""Learn a generator from one photo. Needs torch; the runtime does not."""

from __future__ import annotations

from petsgan_sdk.training.loop import Progress
from petsgan_sdk.training.run import TrainResult, train

__all__ = ["Progress", "TrainResult", "train"]

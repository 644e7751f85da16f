"""Every setting of a model, by concern; `presets` loads and overrides them.

What every family has is in `base`, and the rest in one module a family. A preset must name each
setting that decides the method; only settings that mean "leave it as it is" have defaults. These
modules import the standard library only.
"""

from __future__ import annotations

from petsgan_sdk.settings.base import (
    ImageSettings,
    ModelSettings,
    PriorSettings,
    RunSettings,
    TrainedSettings,
)

__all__ = ["ImageSettings", "ModelSettings", "PriorSettings", "RunSettings", "TrainedSettings"]

"""What a trained model does to images that people bring: paint, edit, harmonize, stylize.

Functions on arrays; never imports torch or onnx. docs/tasks.md shows each.
"""

from __future__ import annotations

from petsgan_sdk.tasks.insertion import edit, harmonize
from petsgan_sdk.tasks.result import Edited
from petsgan_sdk.tasks.whole import paint, stylize

__all__ = ["Edited", "edit", "harmonize", "paint", "stylize"]

"""What every task returns."""

from __future__ import annotations

from dataclasses import dataclass

from petsgan_sdk._arrays import ImageArray

__all__ = [
    "Edited",
]


@dataclass(frozen=True, slots=True)
class Edited:
    """The result of a task."""

    image: ImageArray
    """`[H, W, 3]` uint8, of the input's size."""
    mask: ImageArray | None
    """`[H, W]` uint8, how much of each pixel may be new: where it is 0, `image` is the input byte
    by byte. None where the task makes the whole image."""
    notes: tuple[str, ...]
    """One clause for each thing that was decided or changed on the way, in order."""

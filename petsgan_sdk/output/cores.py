"""Share the cores between images that are made at the same time. Standard library only."""

from __future__ import annotations

__all__ = ["share_cores"]

_ALONE_PIXELS = 1024 * 1024
"""Larger images are made one after the other: two at once would take twice the memory, and one
alone keeps several threads busy."""


def share_cores(
    cores: int, count: int, size_px: tuple[int, int], *, most: int | None = None
) -> tuple[int, int]:
    """How many images to make at once, and with how many threads each.

    One thread for each image wastes nothing on waiting, so that many small images get one each.
    The pixels do not depend on it.

    Args:
        cores: To keep busy, at least 1.
        count: Number of images.
        size_px: `(width, height)`.
        most: Images at once; each takes its own memory, and more than there are usable cores are
            no faster, however many threads were asked for.

    Returns:
        `(images at once, threads for each)`; their product is at most `cores`.
    """
    if size_px[0] * size_px[1] > _ALONE_PIXELS:
        return 1, cores
    at_once = max(1, min(cores, count, cores if most is None else most))
    return at_once, cores // at_once

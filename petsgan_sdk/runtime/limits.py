"""How much a bundle may ask for before anyone asks for much: products of its numbers, bounded.

Each number of a manifest has a range of its own, in `manifest`. Here is what several of them come
to together on the least canvas, which the smallest image costs. A larger canvas is the wish of
whoever asks for it, and costs in proportion; what a bundle adds to every pixel is bounded too.

`docs/bundle.md` tells the limits, and what bundles of ours need. Runs nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

from petsgan_sdk.errors import BundleError
from petsgan_sdk.manifest import BundleManifest, Step, level_size
from petsgan_sdk.runtime.checks import MIN_SIDE_PX
from petsgan_sdk.runtime.flow import is_kept, layout_path, tensor_levels

__all__ = ["BLOCK_PX", "KEPT_BLOCK_PX", "check_limits"]

BLOCK_PX = (512, 1024)
"""Largest `(height, width)` of a block of the result. Wide, since a canvas is given out in bands of
one row of blocks; a larger one would have less halo and take more memory."""

KEPT_BLOCK_PX = 1024
"""Largest side of a block that is kept, in pixels of the result."""

MAX_MADE_VALUES = 25_000_000
"""Values that noise, positions, patch and texture transfer make for one block of the least canvas:
100 MB and about a second. The widest noise of ours, for layouts of 128 px with modes, has 18
million; `fast` at 256 px has 22 thousand."""

MAX_VALUES_PER_PIXEL = 128
"""The same for one pixel of any image, margins aside. Ours have at most 35 and 3 for each stage."""

MAX_WINDOW_PIXELS = 1 << 21
"""Pixels that one graph sees for one block of the least canvas, halo included: what a graph holds
grows with them, for `fast` by 185 bytes for each. Ours see up to 0.9 million in old bundles that do
not say what they hold."""

MAX_WINDOWS_PIXELS = 3 << 21
"""The same of all graphs together: for the widest of `fast` about 5 seconds. Ours see 4.3 million
where the least canvas is larger than a block, as in pyramids over photos of 4096 px."""

MAX_IMAGE_PIXELS = 1 << 24
"""Pixels of the image that one window stands for, whatever the factor, and of the one learned: it
is the size of a sample, and of the canvas that tasks work on."""

MAX_TRANSFER_WORK = 1 << 32
"""Work of all patch transfers for one block of the least canvas: pixels of the query, times pixels
of the reference, times channels and 4 for each pixel of the patch's side: at most about 2 seconds.
Ours, from photos of 1024 px, take a tenth of it."""

MAX_REFERENCES = 8
"""Different pairs of constants and windows of patch transfer: each is packed, and held as long as
the bundle is. Ours have one."""

_FULL_FACTOR = 8
"""A pixel of a grid counts as factor^2 pixels of the image, but no more than for this factor: the
graphs of larger images do most of their work at lower resolution."""


def check_limits(manifest: BundleManifest, shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Refuse a bundle whose least image would eat memory or time.

    Args:
        manifest: Of which tensors and grids fit together.
        shapes: Of its constants, by name of the member.

    Raises:
        BundleError: A limit is passed; the message names it, and the step where one is too much.
    """
    learned = prod(manifest.image_size_px)
    if learned > MAX_IMAGE_PIXELS:
        height, width = manifest.image_size_px
        msg = (
            f"manifest: image_size_px must be at most {MAX_IMAGE_PIXELS} pixels, got "
            f"{width}x{height} = {learned}"
        )
        raise BundleError(msg)
    references = {step.packed for step in manifest.steps} - {None}
    if len(references) > MAX_REFERENCES:
        msg = (
            f"manifest: steps must have at most {MAX_REFERENCES} references of patch transfer, got "
            f"{len(references)}"
        )
        raise BundleError(msg)
    numbers = {step.writes[0]: number for number, step in enumerate(manifest.steps)}
    for layout in ("network", *manifest.layouts):  # an image is made by one of them
        _check_way(layout_path(manifest, layout), shapes, numbers)


def _check_way(
    manifest: BundleManifest, shapes: Mapping[str, tuple[int, ...]], numbers: Mapping[str, int]
) -> None:
    """Add up what one way to an image costs; `numbers` are of all steps, by what they make."""
    windows = zip(_windows(manifest, 0), _windows(manifest, 1), strict=True)
    made = graphs = work = 0
    per_pixel = 0.0
    for step, window in zip(manifest.steps, windows, strict=True):
        where = f"steps[{numbers[step.writes[0]]}] ({step.kind})"
        seen = prod(window)
        _most(where, "pixels of the image", seen * manifest.factor**2, MAX_IMAGE_PIXELS)
        values = step.channels_made(shapes) * step.scale(manifest.factor) ** 2
        made += values * prod(side + 2 * step.margin for side in window)
        per_pixel += values * _share(manifest, step)
        _most(where, "values that steps make so far", made, MAX_MADE_VALUES)
        _most(where, "values for a pixel so far", per_pixel, MAX_VALUES_PER_PIXEL)
        if step.graph_members:
            weight = seen * min(manifest.factor, _FULL_FACTOR) ** 2
            graphs += weight
            _most(where, "pixels in its window", weight, MAX_WINDOW_PIXELS)
            _most(where, "pixels in all windows so far", graphs, MAX_WINDOWS_PIXELS)
        if step.packed is not None:
            work += seen * step.work_per_pixel(shapes)
            _most(where, "operations of patch transfer so far", work, MAX_TRANSFER_WORK)


def _most(where: str, what: str, found: float, limit: int) -> None:
    if found > limit:
        msg = (
            f"manifest: {where} must bring the least image to at most {limit} {what}, got "
            f"{found:.0f}; export the model again"
        )
        raise BundleError(msg)


def _share(manifest: BundleManifest, step: Step) -> float:
    """Pixels of a step's grid for one of the image, on a large canvas."""
    if step.level is None:
        return 1 / manifest.factor**2
    return prod(manifest.levels[step.level]) / prod(manifest.image_size_px)


def _windows(manifest: BundleManifest, axis: int) -> list[int]:
    """For each step the longest side of a window that it is run on, without its margin.

    Of the least canvas, in tiles and seamless if the bundle can be, as `tiles` goes about it: a
    step asks those before it for its window and halo.

    Args:
        manifest: Of the bundle.
        axis: 0 for rows, 1 for columns.
    """
    levels = tensor_levels(manifest)
    is_tiled = all(step.halo is not None for step in manifest.steps)
    least = -(-max(MIN_SIDE_PX, manifest.min_canvas_px) // manifest.factor)

    def side(level: int | None) -> int:
        return level_size(manifest, level, least, least)[axis]

    asked: dict[str, int] = {}
    windows: list[int] = []
    for step in reversed(manifest.steps):
        grid = window = side(levels[step.writes[0]])
        if is_tiled:
            keeps = is_kept(step, manifest.steps, manifest.output)
            block = KEPT_BLOCK_PX if keeps else BLOCK_PX[axis]
            window = min(grid, max(1, block * grid // (least * manifest.factor)))
            if not keeps:
                window = max([window, *(asked.get(name, 0) for name in step.writes)])
            window += 2 * (step.halo or 0)
        windows.append(window)
        for name in step.reads:
            read = step.window_read(window, read=side(levels[name]), made=grid)
            asked[name] = max(asked.get(name, 0), read)
    return windows[::-1]

"""What the steps of a bundle read and make, on which grids. Runs nothing; never imports torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from petsgan_sdk.errors import BundleError
from petsgan_sdk.manifest import (
    BundleManifest,
    GraphStep,
    NoiseStep,
    PatchTransferStep,
    PositionStep,
    ResizeStep,
    Step,
    TextureTransferStep,
    level_size,
)

Shape = tuple[int, ...]
Size = tuple[int, int]

__all__ = [
    "halo_of",
    "is_kept",
    "made_by_kernel",
    "required_image",
    "step_reads",
    "step_writes",
    "tensor_levels",
]


def step_reads(step: Step) -> tuple[str, ...]:
    """The tensors that a step needs from earlier steps."""
    match step:
        case NoiseStep() | PositionStep():
            return ()
        case GraphStep():
            return tuple(step.inputs.values())
        case PatchTransferStep():
            return (step.query,)
        case TextureTransferStep():
            return (step.index,)
        case ResizeStep():
            return (step.input,)


def step_writes(step: Step) -> tuple[str, ...]:
    """The tensors that a step makes."""
    match step:
        case NoiseStep() | PositionStep() | TextureTransferStep() | ResizeStep():
            return (step.output,)
        case GraphStep():
            return tuple(step.outputs.values())
        case PatchTransferStep():
            return (step.output,) if step.index_output is None else (step.output, step.index_output)


def required_image(manifest: BundleManifest) -> str | None:
    """The tensor that no step makes, so that an image must be given for it; None if all are made.

    Such a bundle was trained without what makes layouts from noise.
    """
    if not manifest.entries:
        return None
    first = manifest.entries[0].tensor
    is_made = any(first in step_writes(step) for step in manifest.steps)
    is_read = any(first in step_reads(step) for step in manifest.steps)
    return first if is_read and not is_made else None


def tensor_levels(manifest: BundleManifest) -> dict[str, int | None]:
    """The grid of every tensor: a level, or None for the base grid.

    Noise, positions and resized maps say theirs; what is made from others lies where they do.

    Raises:
        BundleError: A step joins tensors of two grids, or the result is not on the base grid.
    """
    levels: dict[str, int | None] = {}
    given = required_image(manifest)
    if given is not None:
        levels[given] = None
    for number, step in enumerate(manifest.steps):
        match step:
            case NoiseStep() | PositionStep() | ResizeStep():
                level = step.level
            case _:
                found = {levels[name] for name in step_reads(step)}
                if len(found) != 1:
                    named = sorted("the base grid" if n is None else f"level {n}" for n in found)
                    msg = (
                        f"manifest: steps[{number}] ({step.kind}) must read tensors of one grid, "
                        f"got {' and '.join(named) or 'none'}"
                    )
                    raise BundleError(msg)
                (level,) = found
        levels |= dict.fromkeys(step_writes(step), level)
    if levels[manifest.output] is not None:
        msg = f"manifest: output must lie on the base grid, got level {levels[manifest.output]}"
        raise BundleError(msg)
    return levels


def halo_of(step: Step) -> int | None:
    """Pixels of its grid around a window that a step must see, or None where nobody knows."""
    match step:
        case GraphStep():
            return step.halo
        case PatchTransferStep():
            # A pixel averages the patches around it, and each was matched by what is around that.
            return 2 * (step.window // 2)
        case TextureTransferStep():
            return 1  # a block reaches half its side over its neighbours
        case NoiseStep() | PositionStep() | ResizeStep():
            return 0


def is_kept(step: Step, steps: Sequence[Step], output: str) -> bool:
    """Whether the blocks of a step are worth keeping while a canvas is made.

    Not those of the last one, which are the result; not noise, positions and texture, which cost
    less than their memory; not of a graph that only patch transfer reads: features are wide.

    Args:
        step: One of the steps.
        steps: All of them.
        output: The tensor that is the result.
    """
    if not isinstance(step, (GraphStep, PatchTransferStep)):
        return False
    writes = set(step_writes(step))
    readers = [reader for reader in steps if writes & set(step_reads(reader))]
    is_wide = all(isinstance(reader, PatchTransferStep) for reader in readers)
    return output not in writes and not is_wide


def made_by_kernel(
    step: Step,
    tensors: Mapping[str, Shape],
    canvas: Size,
    manifest: BundleManifest,
    arrays: Mapping[str, Any],
) -> dict[str, Shape]:
    """The shapes of what a step other than a graph makes.

    Args:
        step: The step.
        tensors: Shapes of what was made before it.
        canvas: `(rows, columns)` of the base grid.
        manifest: Of the bundle.
        arrays: The bundle's constants.
    """
    match step:
        case NoiseStep():
            return {step.output: (1, step.channels, *_padded(step, canvas, manifest))}
        case PositionStep():
            return {step.output: (1, 4 * len(step.frequencies), *_padded(step, canvas, manifest))}
        case PatchTransferStep():
            grid = tensors[step.query][2:]
            made: dict[str, Shape] = {step.output: (1, arrays[step.values].shape[0], *grid)}
            if step.index_output is not None:
                made[step.index_output] = (1, *grid)
            return made
        case TextureTransferStep():
            rows, columns = (side * manifest.factor for side in tensors[step.index][1:])
            return {step.output: (1, 3, rows, columns)}
        case ResizeStep():
            size = level_size(manifest, step.level, *canvas)
            return {step.output: (*tensors[step.input][:2], *size)}
    msg = f"a {step.kind} step is not a kernel"
    raise TypeError(msg)


def _padded(step: NoiseStep | PositionStep, canvas: Size, manifest: BundleManifest) -> Size:
    rows, columns = level_size(manifest, step.level, *canvas)
    return rows + 2 * step.margin, columns + 2 * step.margin

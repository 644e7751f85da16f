"""How the steps of a bundle hang together: on which grids, what is kept. Runs nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from petsgan_sdk.errors import BundleError
from petsgan_sdk.manifest import BundleManifest, Step

__all__ = [
    "is_kept",
    "last_decision",
    "layout_path",
    "needed_steps",
    "network_path",
    "required_image",
    "tensor_levels",
]


def required_image(manifest: BundleManifest) -> str | None:
    """The tensor that no step makes, so that an image must be given for it; None if all are made.

    Such a bundle was trained without what makes layouts from noise.
    """
    if not manifest.entries:
        return None
    first = manifest.entries[0].tensor
    is_made = any(first in step.writes for step in manifest.steps)
    is_read = any(first in step.reads for step in manifest.steps)
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
        if step.says_level:
            level = step.level
        else:
            found = {levels[name] for name in step.reads}
            if len(found) != 1:
                named = sorted("the base grid" if n is None else f"level {n}" for n in found)
                msg = (
                    f"manifest: steps[{number}] ({step.kind}) must read tensors of one grid, "
                    f"got {' and '.join(named) or 'none'}"
                )
                raise BundleError(msg)
            (level,) = found
        levels |= dict.fromkeys(step.writes, level)
    for field, name in manifest.results.items():
        if levels[name] is not None:
            msg = f"manifest: {field} must lie on the base grid, got level {levels[name]}"
            raise BundleError(msg)
    return levels


def needed_steps(steps: Sequence[Step], output: str, *, given: str | None = None) -> list[int]:
    """Numbers of the steps that a result needs, in order.

    Args:
        steps: All of them.
        output: The tensor that is the result.
        given: A tensor that need not be made.
    """
    needed = {output}
    numbers: list[int] = []
    for number in reversed(range(len(steps))):
        writes = set(steps[number].writes)
        if writes & needed and given not in writes:
            numbers.append(number)
            needed |= set(steps[number].reads)
    return numbers[::-1]


def layout_path(manifest: BundleManifest, layout: str) -> BundleManifest:
    """What a bundle would be with one way to its layouts alone.

    Args:
        manifest: Of the bundle.
        layout: Of `manifest.layouts`; any other name is the bundle's own way.
    """
    if not manifest.layouts:
        return manifest
    output = manifest.layouts.get(layout, manifest.output)
    steps = tuple(manifest.steps[n] for n in needed_steps(manifest.steps, output))
    made = {name for step in steps for name in step.writes}
    entries = tuple(entry for entry in manifest.entries if entry.tensor in made)
    return replace(manifest, steps=steps, output=output, entries=entries, layouts={})


def network_path(manifest: BundleManifest) -> BundleManifest:
    """What a bundle would be without other layouts than those of its network."""
    return layout_path(manifest, "network")


def last_decision(manifest: BundleManifest) -> int:
    """Number of the last step that a rounding before it may change; -1 where there is none.

    Networks in front of it stay float32 in every precision; behind it nothing is decided any more.
    """
    return max((n for n, step in enumerate(manifest.steps) if step.decides), default=-1)


def is_kept(step: Step, steps: Sequence[Step], output: str) -> bool:
    """Whether the blocks of a step are worth keeping while a canvas is made.

    Not those of the last one, which are the result; not noise, positions and texture, which cost
    less than their memory; not of a graph that only patch transfer reads: features are wide.

    Args:
        step: One of the steps.
        steps: All of them.
        output: The tensor that is the result.
    """
    if not step.keeps_blocks:
        return False
    writes = set(step.writes)
    readers = [reader for reader in steps if writes & set(reader.reads)]
    is_wide = all(reader.reads_wide for reader in readers)
    return output not in writes and not is_wide

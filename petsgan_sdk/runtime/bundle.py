"""Open a `.petsgan` file and check that its steps fit together, before anything runs.

The container has already checked every byte against its digest; here the question is whether the
list of steps makes sense: each member that a step names is there, each tensor it reads was made by
an earlier step, no tensor is made twice. Never imports torch or onnx.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from petsgan_sdk._arrays import Array
from petsgan_sdk.container import read_container, unpack_array
from petsgan_sdk.errors import BundleError
from petsgan_sdk.manifest import (
    FORMAT,
    FORMAT_VERSION,
    NARROW_MARGIN,
    BundleManifest,
    GraphStep,
    NoiseStep,
    PatchTransferStep,
    PositionStep,
    ResizeStep,
    Step,
    TextureTransferStep,
    parse,
)
from petsgan_sdk.runtime.flow import required_image, step_reads, step_writes, tensor_levels
from petsgan_sdk.runtime.graphs.bundle import check_bundle_graphs
from petsgan_sdk.runtime.limits import check_limits

__all__ = [
    "Bundle",
    "open_bundle",
    "photo_of",
]

_MAX_CANVAS_PX = 4096
"""Every image costs at least this canvas: more would be a bundle that eats the memory."""

_MAX_SHOWN = 20
"""Names in a message."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """The contents of one bundle, checked. Short-lived: sessions and kernels keep what they use."""

    path: Path
    """The file it came from."""
    manifest: BundleManifest
    """The typed header."""
    digest: str
    """sha256 of the manifest, hex; it names every member's digest, so it names the model."""
    size_bytes: int
    """Size of the file."""
    graphs: dict[str, bytes]
    """Serialised ONNX models by member name."""
    arrays: dict[str, Array]
    """Constants by member name."""
    member_sizes_bytes: dict[str, int]
    """Size of every member by name."""


def open_bundle(path: Path) -> Bundle:
    """Read and check a bundle.

    Args:
        path: A `.petsgan` file.

    Raises:
        BundleError: The file is damaged, unsafe, of another kind or version, or its steps do not
            fit together; the message says which.
    """
    container = read_container(
        path, format=FORMAT, format_version=FORMAT_VERSION, error=BundleError
    )
    manifest = parse(container.header)
    _check_tensors(manifest)
    tensor_levels(manifest)
    _check_margins(manifest)
    _check_entries(manifest)
    if manifest.min_canvas_px > _MAX_CANVAS_PX:
        msg = (
            f"manifest: min_canvas_px must be at most {_MAX_CANVAS_PX}, "
            f"got {manifest.min_canvas_px}"
        )
        raise BundleError(msg)
    graphs: dict[str, bytes] = {}
    arrays: dict[str, Array] = {}
    grids: dict[str, tuple[int, ...]] = {}  # (h, w) of what an index tensor points into
    for step in manifest.steps:
        for name in _graph_members(step):
            graphs[name] = _member(container.members, name, step)
        for name in _array_members(step):
            if name not in arrays:
                raw = _member(container.members, name, step)
                arrays[name] = _constant(raw, name)
        _check_arrays(step, arrays, grids, manifest)
    check_limits(manifest, {name: array.shape for name, array in arrays.items()})
    return Bundle(
        path=path,
        manifest=manifest,
        digest=container.digest,
        size_bytes=path.stat().st_size,
        graphs=check_bundle_graphs(manifest, graphs, arrays, required_image(manifest)),
        arrays=arrays,
        member_sizes_bytes={name: len(raw) for name, raw in container.members.items()},
    )


def photo_of(bundle: Bundle) -> Array | None:
    """The training image `[3, H, W]` float32 in [-1, 1] that texture is carried from, if any."""
    for step in bundle.manifest.steps:
        if isinstance(step, TextureTransferStep):
            return bundle.arrays[step.texture]
    return None


def _graph_members(step: Step) -> tuple[str, ...]:
    return (step.member,) if isinstance(step, GraphStep) else ()


def _array_members(step: Step) -> tuple[str, ...]:
    match step:
        case PatchTransferStep():
            return (step.reference, step.values)
        case TextureTransferStep():
            return (step.texture,)
        case _:
            return ()


def _check_tensors(manifest: BundleManifest) -> None:
    given = required_image(manifest)
    made: set[str] = set() if given is None else {given}
    matches: set[str] = set()
    for number, step in enumerate(manifest.steps):
        where = f"manifest: steps[{number}] ({step.kind})"
        for name in step_reads(step):
            if name not in made:
                known = ", ".join(sorted(made)[:_MAX_SHOWN]) or "none"
                msg = f"{where} must read a tensor made before it ({known}), got {name!r}"
                raise BundleError(msg)
            if name in matches and not isinstance(step, TextureTransferStep):
                msg = f"{where} must read a map, got {name!r}, the matches of patch transfer"
                raise BundleError(msg)
        for name in step_writes(step):
            if name in made:
                msg = f"{where} must make a new tensor, got {name!r}, which an earlier step makes"
                raise BundleError(msg)
            made.add(name)
        if isinstance(step, PatchTransferStep) and step.index_output is not None:
            matches.add(step.index_output)
    if manifest.output not in made - matches:
        msg = f"manifest: output must be a tensor that a step makes, got {manifest.output!r}"
        raise BundleError(msg)


def _check_margins(manifest: BundleManifest) -> None:
    """A map with a margin does not lie on a grid as others do, and may be much larger."""
    margins = {
        step.output: step
        for step in manifest.steps
        if isinstance(step, NoiseStep | PositionStep) and step.margin
    }
    for number, step in enumerate(manifest.steps):
        read = [margins[name] for name in step_reads(step) if name in margins]
        where = f"manifest: steps[{number}] ({step.kind})"
        if read and not isinstance(step, GraphStep):
            msg = f"{where} must read a map without a margin, got {read[0].output!r}"
            raise BundleError(msg)
        widest = max((each.margin for each in read), default=0)
        if widest > NARROW_MARGIN and not any(isinstance(each, PositionStep) for each in read):
            msg = (
                f"{where} must read positions with a margin beside noise with one of more than "
                f"{NARROW_MARGIN}, got one of {widest}"
            )
            raise BundleError(msg)


def _check_entries(manifest: BundleManifest) -> None:
    """What an image takes the place of must be all that a step makes, the coarsest first."""
    makers = {
        step_writes(step)[0]: number
        for number, step in enumerate(manifest.steps)
        if isinstance(step, GraphStep | PatchTransferStep | ResizeStep)
        and len(step_writes(step)) == 1
    }
    given = required_image(manifest)
    names, last = set(), -1
    for number, entry in enumerate(manifest.entries):
        where = f"manifest: entries[{number}]"
        if entry.name in names:
            msg = f"{where}.name must be a new name, got {entry.name!r} again"
            raise BundleError(msg)
        is_given = entry.tensor == given
        if not (is_given or entry.tensor in makers) or entry.tensor == manifest.output:
            msg = (
                f"{where}.tensor must be a map before the result that a step makes alone, got "
                f"{entry.tensor!r}"
            )
            raise BundleError(msg)
        if not is_given and makers[entry.tensor] <= last:
            msg = f"{where} must come later in the steps than the one before, got {entry.tensor!r}"
            raise BundleError(msg)
        names.add(entry.name)
        last = makers.get(entry.tensor, last)


def _member(members: dict[str, bytes], name: str, step: Step) -> bytes:
    if name not in members:
        msg = f"manifest: a {step.kind} step must name a member of the bundle, got {name!r}"
        raise BundleError(msg)
    return members[name]


def _constant(raw: bytes, name: str) -> Array:
    array = unpack_array(raw, name, dtype="float32", ndim=3)
    if array.size == 0:
        msg = f"{name!r} must be [C, H, W] with no empty axis, got {array.shape}"
        raise BundleError(msg)
    if not np.isfinite(array).all():
        msg = f"{name!r} must hold finite numbers, got NaN or infinity; export the model again"
        raise BundleError(msg)
    return array


def _check_arrays(
    step: Step,
    arrays: dict[str, Array],
    grids: dict[str, tuple[int, ...]],
    manifest: BundleManifest,
) -> None:
    """The sizes of a step's constants must match, so that no kernel fails later."""
    if isinstance(step, PatchTransferStep):
        grid = arrays[step.reference].shape[1:]
        # It is the image that was learned, so that a size which is only said costs no one anything.
        learned = tuple(-(-side // manifest.factor) for side in manifest.image_size_px)
        _check_shape(step.reference, arrays, (arrays[step.reference].shape[0], *learned))
        _check_shape(step.values, arrays, (arrays[step.values].shape[0], *grid))
        if step.index_output is not None:
            grids[step.index_output] = grid
    if isinstance(step, TextureTransferStep):
        factor = manifest.factor
        if factor % 2:
            msg = f"manifest: factor must be even for a texture_transfer step, got {factor}"
            raise BundleError(msg)
        if step.index not in grids:
            msg = f"manifest: a texture_transfer step must read matches, got {step.index!r}"
            raise BundleError(msg)
        rows, columns = grids[step.index]
        _check_shape(step.texture, arrays, (3, rows * factor, columns * factor))


def _check_shape(name: str, arrays: dict[str, Array], expected: tuple[int, ...]) -> None:
    if arrays[name].shape != expected:
        msg = f"{name!r} must be {expected}, got {arrays[name].shape}; export the model again"
        raise BundleError(msg)

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
from petsgan_sdk.imaging import to_u8
from petsgan_sdk.manifest import (
    FORMAT,
    FORMAT_VERSION,
    NARROW_MARGIN,
    BundleManifest,
    Shape,
    Size,
    Step,
    parse,
)
from petsgan_sdk.runtime.flow import required_image, tensor_levels
from petsgan_sdk.runtime.graphs.bundle import check_bundle_graphs
from petsgan_sdk.runtime.limits import check_limits

__all__ = [
    "Bundle",
    "open_bundle",
    "photo_of",
    "require_graphs",
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
    shapes: dict[str, Shape] = {}
    indexed: dict[str, Size] = {}  # by tensor of matches: what it points into
    for step in manifest.steps:
        for name in step.graph_members:
            graphs[name] = _member(container.members, name, step)
        for name in step.array_members:
            if name not in arrays:
                arrays[name] = _constant(_member(container.members, name, step), name)
        for name, (dtype, axes) in step.typed_members.items():
            if name not in arrays:
                raw = _member(container.members, name, step)
                arrays[name] = unpack_array(raw, name, dtype=dtype, ndim=axes)
            elif arrays[name].dtype != dtype or arrays[name].ndim != axes:
                msg = f"{name!r} must be {dtype} for a {step.kind} step, got {arrays[name].dtype}"
                raise BundleError(msg)
        shapes |= {name: arrays[name].shape for name in (*step.array_members, *step.typed_members)}
        step.check_constants(shapes, manifest.learned, indexed)
    check_limits(manifest, shapes)
    return Bundle(
        path=path,
        manifest=manifest,
        digest=container.digest,
        size_bytes=path.stat().st_size,
        graphs=check_bundle_graphs(manifest, graphs, shapes, required_image(manifest)),
        arrays=arrays,
        member_sizes_bytes={name: len(raw) for name, raw in container.members.items()},
    )


def photo_of(bundle: Bundle) -> Array | None:
    """The training image `[H, W, 3]` uint8 that texture or places are taken from, if any."""
    names = (step.photo_member for step in bundle.manifest.steps)
    found = next((bundle.arrays[name] for name in names if name is not None), None)
    if found is None or found.dtype == np.uint8:
        return found
    return to_u8(found.transpose(1, 2, 0))


def require_graphs(bundle: Bundle) -> None:
    """Refuse a bundle that nothing can be built of.

    Raises:
        BundleError: It has no graphs.
    """
    if not bundle.graphs:
        msg = (
            f"{str(bundle.path)!r} must have graphs to build engines of, got none; it runs on the "
            "CPU as it is: petsgan-sdk generate"
        )
        raise BundleError(msg)


def _check_tensors(manifest: BundleManifest) -> None:
    given = required_image(manifest)
    made: set[str] = set() if given is None else {given}
    matches: set[str] = set()
    for number, step in enumerate(manifest.steps):
        where = f"manifest: steps[{number}] ({step.kind})"
        for name in step.reads:
            if name not in made:
                known = ", ".join(sorted(made)[:_MAX_SHOWN]) or "none"
                msg = f"{where} must read a tensor made before it ({known}), got {name!r}"
                raise BundleError(msg)
            if name in matches and not step.reads_matches:
                msg = f"{where} must read a map, got {name!r}, the matches of patch transfer"
                raise BundleError(msg)
        for name in step.writes:
            if name in made:
                msg = f"{where} must make a new tensor, got {name!r}, which an earlier step makes"
                raise BundleError(msg)
            made.add(name)
        if step.matches is not None:
            matches.add(step.matches)
    for field, name in manifest.results.items():
        if name not in made - matches:
            msg = f"manifest: {field} must be a tensor that a step makes, got {name!r}"
            raise BundleError(msg)


def _check_margins(manifest: BundleManifest) -> None:
    """A map with a margin does not lie on a grid as others do, and may be much larger."""
    margins = {name: step for step in manifest.steps if step.margin for name in step.writes}
    for number, step in enumerate(manifest.steps):
        read = {name: margins[name] for name in step.reads if name in margins}
        where = f"manifest: steps[{number}] ({step.kind})"
        if read and not step.reads_margins:
            msg = f"{where} must read a map without a margin, got {next(iter(read))!r}"
            raise BundleError(msg)
        widest = max((maker.margin for maker in read.values()), default=0)
        if widest > NARROW_MARGIN and not any(maker.cuts_margins for maker in read.values()):
            msg = (
                f"{where} must read positions with a margin beside noise with one of more than "
                f"{NARROW_MARGIN}, got one of {widest}"
            )
            raise BundleError(msg)


def _check_entries(manifest: BundleManifest) -> None:
    """What an image takes the place of must be all that a step makes, the coarsest first."""
    makers = {
        step.writes[0]: number
        for number, step in enumerate(manifest.steps)
        if step.replaceable and len(step.writes) == 1
    }
    given = required_image(manifest)
    results = set(manifest.results.values())
    names, last = set(), -1
    for number, entry in enumerate(manifest.entries):
        where = f"manifest: entries[{number}]"
        if entry.name in names:
            msg = f"{where}.name must be a new name, got {entry.name!r} again"
            raise BundleError(msg)
        is_given = entry.tensor == given
        if not (is_given or entry.tensor in makers) or entry.tensor in results:
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

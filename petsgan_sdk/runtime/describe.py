"""Say what a file is: a bundle, a checkpoint, or something else. Never imports torch or onnx."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from petsgan_sdk import checkpoint
from petsgan_sdk.container import claimed_format, read_container
from petsgan_sdk.errors import CheckpointError, InputError
from petsgan_sdk.files.kinds import known_image, other_kind
from petsgan_sdk.files.regular import is_folder, open_regular
from petsgan_sdk.manifest import to_header
from petsgan_sdk.runtime.bundle import Bundle, open_bundle
from petsgan_sdk.runtime.drawing import auto_layout, knobs_of, layouts_of
from petsgan_sdk.runtime.entries import describe_entries
from petsgan_sdk.runtime.flow import required_image

__all__ = ["describe_bundle", "describe_file"]

_STARTS: tuple[tuple[bytes, str], ...] = (
    (b"\x7fELF", "a program or shared library"),
    *((b"\x80" + bytes([protocol]), "a pickle") for protocol in range(2, 6)),
)


def describe_file(path: Path) -> dict[str, Any]:
    """Describe a checkpoint or a bundle after checking every byte of it.

    Args:
        path: Any file.

    Returns:
        JSON types; `kind` is `bundle` or `checkpoint`.

    Raises:
        InputError: The file is something else; the message says what it looks like.
        BundleError: It is a damaged bundle.
        CheckpointError: It is a damaged checkpoint.
    """
    kind = _peek(path)
    # A damaged file has no format to tell; then its name says which reader to ask.
    if kind == checkpoint.FORMAT or (not kind and path.suffix == ".pt"):
        return _describe_checkpoint(path)
    return describe_bundle(open_bundle(path))


def describe_bundle(bundle: Bundle) -> dict[str, Any]:
    """Describe an open bundle in JSON types."""
    manifest = bundle.manifest
    height, width = manifest.image_size_px
    return {
        "kind": "bundle",
        "path": str(bundle.path),
        "bytes": bundle.size_bytes,
        "digest": bundle.digest,
        "family": manifest.family,
        "preset": manifest.preset,
        "size": [width, height],
        "factor": manifest.factor,
        "min_canvas_px": manifest.min_canvas_px,
        "levels": [[columns, rows] for rows, columns in manifest.levels],
        "makes_images": "from seeds" if required_image(manifest) is None else "from images only",
        "layouts": list(layouts_of(manifest)),
        "knobs": list(knobs_of(manifest)),
        "auto_layout": {
            "at_photo_size": auto_layout(manifest, (height, width)),
            "larger": layouts_of(manifest)[-1],
        },
        "entries": describe_entries(manifest),
        "steps": to_header(manifest)["steps"],
        "members": dict(bundle.member_sizes_bytes),
        "provenance": dict(manifest.provenance),
        "config": dict(manifest.config),
    }


def _describe_checkpoint(path: Path) -> dict[str, Any]:
    container = read_container(
        path,
        format=checkpoint.FORMAT,
        format_version=checkpoint.FORMAT_VERSION,
        error=CheckpointError,
    )
    found = {
        "kind": "checkpoint",
        "path": str(path),
        "bytes": path.stat().st_size,
        "digest": container.digest,
        "members": {name: len(raw) for name, raw in container.members.items()},
    }
    # What is found is not what the header says of it.
    hidden = ("format", "format_version", *found)
    return found | {k: value for k, value in container.header.items() if k not in hidden}


def _peek(path: Path) -> str:
    """The format that a zip claims, empty where it cannot be read: the full reader says why."""
    if is_folder(path):
        msg = f"{str(path)!r} must be a checkpoint or a bundle, got a folder"
        raise InputError(msg)
    try:
        with open_regular(path) as file:
            head = file.read(512)
            if head.startswith(b"PK"):
                return claimed_format(file)
    except (OSError, ValueError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else str(exc)
        msg = f"{str(path)!r} must be a checkpoint or a bundle, but cannot be read: {reason}"
        raise InputError(msg) from exc
    msg = f"{str(path)!r} must be a checkpoint or a bundle, got {_guess(head)}"
    raise InputError(msg)


def _guess(head: bytes) -> str:
    if not head:
        return "an empty file"
    image = known_image(head)
    if image is not None:
        return f"{'an' if image[0] in 'AEIO' else 'a'} {image} image"
    for start, name in _STARTS:
        if head.startswith(start):
            return name
    other = other_kind(head)
    if other is not None:
        return other[0]
    try:
        text = head.decode("utf-8", errors="strict" if len(head) < 512 else "ignore")
    except UnicodeDecodeError:
        return "a binary file of another kind"
    return "a text file" if text.isprintable() or "\n" in text else "a binary file of another kind"

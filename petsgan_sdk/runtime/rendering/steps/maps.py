"""Whether the maps that steps hand to each other are what the next one expects."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from petsgan_sdk._arrays import Array
from petsgan_sdk.errors import BundleError, ConfigError, DTypeError, InputError, ShapeError
from petsgan_sdk.manifest import Step
from petsgan_sdk.runtime.rendering.canvas import Window

__all__ = ["check_map", "reading_maps", "scale_of"]


def check_map(array: Array, name: str, window: Window, *, factor: int) -> None:
    """Check what a graph made.

    Args:
        array: Of any shape.
        name: Of the tensor.
        window: That the graph was run on.
        factor: Of the bundle: the most pixels of a map for one of its grid, per axis.

    Raises:
        BundleError: It is no `[1, C, rows, columns]` that covers the window, see `scale_of`.
    """
    if array.ndim != 4 or array.shape[0] != 1 or array.shape[1] < 1:
        msg = f"tensor {name!r} must be [1, C, h, w], got {array.shape}; export the model again"
        raise BundleError(msg)
    scale = scale_of(array, name, window)
    if scale > factor:
        msg = (
            f"tensor {name!r} must have at most {factor} pixels for one of its grid, got {scale}; "
            "export the model again"
        )
        raise BundleError(msg)


def scale_of(array: Array, name: str, window: Window) -> int:
    """Pixels that a map `[..., rows, columns]` has for one of its window, the same on both axes.

    Raises:
        BundleError: It does not cover the window.
    """
    rows, columns = array.shape[-2:]
    scale: int = columns // window.width
    if scale < 1 or (rows, columns) != (window.height * scale, window.width * scale):
        msg = (
            f"tensor {name!r} must be a multiple of {window.height}x{window.width}, got "
            f"{rows}x{columns}; export the model again"
        )
        raise BundleError(msg)
    return scale


@contextmanager
def reading_maps(step: Step) -> Iterator[None]:
    """Say of what a kernel refuses that the bundle is at fault, which gave it its arguments."""
    try:
        yield
    except (ConfigError, DTypeError, InputError, ShapeError) as exc:
        msg = f"the {step.kind} step cannot go on: {exc}; export the model again"
        raise BundleError(msg) from exc

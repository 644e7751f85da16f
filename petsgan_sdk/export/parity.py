"""Run a bundle and torch side by side, step by step, and say how far they are apart.

Networks and resizes are compared with torch, other kernels with their float64 twins.

Each step is compared on the inputs that the runtime gave it, so that one flipped tie in patch
transfer, which moves real pixels, is not mistaken for an error of everything behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from petsgan_sdk import kernels
from petsgan_sdk._arrays import Array
from petsgan_sdk.errors import ParityError
from petsgan_sdk.manifest import (
    BundleManifest,
    GraphStep,
    PatchTransferStep,
    ResizeStep,
    Step,
    TextureTransferStep,
)
from petsgan_sdk.runtime.bundle import Bundle
from petsgan_sdk.runtime.flow import required_image
from petsgan_sdk.runtime.rendering.canvas import Canvas
from petsgan_sdk.runtime.rendering.pipeline import build_pipeline

__all__ = [
    "TOLERANCE",
    "Difference",
    "apart",
    "average_matches",
    "check_parity",
    "compare",
    "with_image",
]

TOLERANCE = 1e-3
"""Largest difference accepted, relative to the larger of 1 and the step's largest value."""

_TIE = 1e-4
"""Cosines this close count as equal: either match is right."""

Expected = Mapping[str, Callable[..., Tensor]]


@dataclass(frozen=True, slots=True)
class Difference:
    """How far one step is from torch at one size."""

    step: str
    """Name of the graph or kernel."""
    size_px: tuple[int, int]
    """`(height, width)` of the canvas."""
    value: float
    """Largest difference, relative to the larger of 1 and the step's largest value."""


def check_parity(differences: Sequence[Difference]) -> float:
    """Return the largest difference.

    Raises:
        ParityError: It is over the tolerance, or not a number; the message names the step.
    """
    for difference in differences:
        if not difference.value <= TOLERANCE:
            height, width = difference.size_px
            msg = (
                f"export: {difference.step} at {width}x{height} must be within {TOLERANCE:g} of "
                f"torch, got {difference.value:.3g}; nothing was written"
            )
            raise ParityError(msg)
    return max(difference.value for difference in differences)


def compare(
    bundle: Bundle, expected: Expected, sizes_px: Sequence[tuple[int, int]]
) -> list[Difference]:
    """Compare every step at several sizes.

    Args:
        bundle: What would be deployed.
        expected: The torch module of each graph.
        sizes_px: `(height, width)` of canvases, multiples of the bundle's factor.
    """
    pipeline = build_pipeline(bundle, provider="cpu", threads=1)
    factor = bundle.manifest.factor
    differences = []
    for height, width in sizes_px:
        canvas = Canvas.of(bundle.manifest, height // factor, width // factor, _noise)
        tensors = pipeline.trace(with_image(canvas, bundle.manifest))
        for step in bundle.manifest.steps:
            found = _compare_step(step, tensors, bundle, expected)
            if found is not None:
                name, value = found
                differences.append(Difference(name, (height, width), value))
    return differences


def with_image(canvas: Canvas, manifest: BundleManifest) -> Canvas:
    """A canvas with noise for an image, where the steps of a bundle start from one."""
    name = required_image(manifest)
    if name is None:
        return canvas
    noise = canvas.noise((1, 3, canvas.height, canvas.width), 0, 0, 0)
    return replace(canvas, given={name: np.tanh(noise)})


def _noise(shape: tuple[int, int, int, int], stage: int, top: int, left: int) -> Array:
    return kernels.normal_noise(shape, seed=1, stage=stage, top=top, left=left)


def _compare_step(
    step: Step, tensors: Mapping[str, Array], bundle: Bundle, expected: Expected
) -> tuple[str, float] | None:
    match step:
        case GraphStep():
            inputs = {name: torch.tensor(tensors[t]) for name, t in step.inputs.items()}
            with torch.no_grad():
                result = expected[step.member](**inputs)
            (name,) = step.outputs.values()
            return step.member, apart(tensors[name], result.numpy())
        case PatchTransferStep():
            return "patch transfer", _compare_transfer(step, tensors, bundle)
        case TextureTransferStep():
            twin = kernels.texture_transfer(
                tensors[step.index],
                bundle.arrays[step.texture],
                factor=bundle.manifest.factor,
                backend="numpy",
            )
            return "texture transfer", apart(tensors[step.output], twin)
        case ResizeStep():
            found = tensors[step.output]
            resized = functional.interpolate(
                torch.tensor(tensors[step.input]),
                size=found.shape[-2:],
                mode="bilinear",
                align_corners=False,
            )
            return f"resize to {step.output}", apart(found, resized.numpy())
    return None  # noise and positions are the same code on both sides


def _compare_transfer(
    step: PatchTransferStep, tensors: Mapping[str, Array], bundle: Bundle
) -> float:
    reference, values = bundle.arrays[step.reference], bundle.arrays[step.values]
    query = tensors[step.query]
    packed = kernels.PatchReference(reference, values, window=step.window)
    result = kernels.patch_transfer(query, packed, temperature=step.temperature)
    twin = kernels.patch_transfer(query, packed, temperature=step.temperature, backend="numpy")
    stepped = apart(tensors[step.output], result.values)
    # Between near ties either match is right: the kernel's must be as good as its float64 twin's,
    # which their weights tell as a difference of cosines, and its average must be that of its own
    # matches.
    cosine_gap = step.temperature * float(np.abs(np.log(result.weight / twin.weight)).max())
    if not cosine_gap <= _TIE:
        return float("inf")
    average = average_matches(result.index, result.weight, values, step.window)
    return max(stepped, cosine_gap, apart(result.values, average))


def average_matches(index: Array, weight: Array, values: Array, window: int) -> Array:
    """Lay matched patches of `[V, h0, w0]` over each other, by torch: `[N, V, h, w]` float64."""
    height, width = index.shape[1:]
    ref_height, ref_width = values.shape[1:]
    matches, share = torch.from_numpy(index).long(), torch.from_numpy(weight).double()
    row, column = matches // ref_width, matches % ref_width
    known = torch.from_numpy(values).double().flatten(1)
    total = torch.zeros(len(index), len(values), height, width, dtype=torch.float64)
    votes = torch.zeros(len(index), 1, height, width, dtype=torch.float64)
    offsets = range(-(window // 2), window // 2 + 1)
    for dy, dx in product(offsets, offsets):
        if abs(dy) >= height or abs(dx) >= width:
            continue
        y, x = row + dy, column + dx
        inside = (y >= 0) & (y < ref_height) & (x >= 0) & (x < ref_width)
        flat = y.clamp(0, ref_height - 1) * ref_width + x.clamp(0, ref_width - 1)
        vote = (share * inside)[:, None]
        shift = (dx, -dx, dy, -dy)  # the vote of patch i lands on pixel i + (dy, dx)
        total += functional.pad(known[:, flat].transpose(0, 1) * vote, shift)
        votes += functional.pad(vote, shift)
    return (total / votes).numpy()


def apart(found: Array, expected: Array) -> float:
    """Largest difference, relative to the larger of 1 and the largest value expected."""
    if found.shape != expected.shape:
        return float("inf")
    scale = max(1.0, float(np.abs(expected).max(initial=0)))
    return float(np.abs(found - expected).max(initial=0)) / scale

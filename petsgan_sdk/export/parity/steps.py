"""Run the steps of a bundle a second time, by something else, and take their differences.

Every step is run on what the form at hand gave it, so that one flipped tie in patch transfer, which
moves real pixels, is not mistaken for an error of everything behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, replace
from typing import Literal, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from petsgan_sdk import kernels, noise
from petsgan_sdk._arrays import Array
from petsgan_sdk.export.parity.limits import (
    STEP_TOLERANCE,
    TIE,
    TORCH_TOLERANCE,
    Differences,
    psnr_db,
    relative_difference,
)
from petsgan_sdk.export.parity.matches import Matches, average_matches, cosine_gap, search
from petsgan_sdk.manifest import (
    BundleManifest,
    GraphStep,
    NoiseStep,
    PatchTransferStep,
    PositionStep,
    ResizeStep,
    Step,
    TextureTransferStep,
)
from petsgan_sdk.runtime.bundle import Bundle
from petsgan_sdk.runtime.flow import required_image
from petsgan_sdk.runtime.rendering.canvas import Canvas
from petsgan_sdk.runtime.rendering.pipeline import Pipeline
from petsgan_sdk.runtime.rendering.randomness import stream_noise

__all__ = [
    "SEED",
    "MadeTensors",
    "Reference",
    "RuntimeReference",
    "TorchReference",
    "compare_steps",
    "compare_with_torch",
    "sample_canvas",
    "step_label",
    "traced",
    "with_image",
]

SEED = 1
"""Of the noise that forms are compared on."""

TorchForms = Mapping[str, Callable[..., Tensor]]
"""For each graph member: the torch module, called with the graph's inputs by name."""


def sample_canvas(manifest: BundleManifest, size_px: tuple[int, int], *, image: int = 0) -> Canvas:
    """A canvas with noise, and an image if the steps start from one.

    Args:
        manifest: Of the bundle.
        size_px: `(height, width)`, multiples of the factor.
        image: Which of all that have the same seed.
    """
    height, width = (side // manifest.factor for side in size_px)
    return with_image(Canvas.of(manifest, height, width, stream_noise(SEED, image)), manifest)


def with_image(canvas: Canvas, manifest: BundleManifest) -> Canvas:
    """A canvas with noise for an image, where the steps of a bundle start from one."""
    name = required_image(manifest)
    if name is None:
        return canvas
    pixels = canvas.noise((1, 3, canvas.height, canvas.width), 0, 0, 0)
    return replace(canvas, given={name: np.tanh(pixels)})


@dataclass(frozen=True, slots=True)
class MadeTensors:
    """What the steps of one form made."""

    tensors: Mapping[str, Array]
    """By their names in the manifest, the output not clipped."""
    matches: Mapping[str, Matches]
    """By the output of each patch transfer."""


def traced(bundle: Bundle, pipeline: Pipeline, canvas: Canvas) -> MadeTensors:
    """What the runtime makes on a canvas."""
    tensors = pipeline.trace(canvas)
    transfers = (step for step in bundle.manifest.steps if isinstance(step, PatchTransferStep))
    matches = {
        step.output: search(step, tensors[step.query], bundle.arrays, backend="auto")
        for step in transfers
    }
    return MadeTensors(tensors, matches)


class Reference(Protocol):
    """What else can run a step."""

    name: str
    """For messages."""
    tolerance: float
    """Largest difference of a float32 step from it."""
    backend: Literal["auto", "numpy"]
    """Of the kernel that searches matches."""

    def run(self, step: Step, tensors: Mapping[str, Array]) -> dict[str, Array]:
        """What a step makes of tensors that were made before it; not noise, and no matches."""


class RuntimeReference:
    """The steps of our runtime, one image at a time.

    Args:
        pipeline: Of the bundle.
        canvas: Of the size to compare at.
    """

    name = "the runtime"
    tolerance = STEP_TOLERANCE
    backend: Literal["auto", "numpy"] = "auto"

    def __init__(self, pipeline: Pipeline, canvas: Canvas) -> None:
        """Keep the steps by what they make."""
        self._steps = {runnable.step.writes[0]: runnable for runnable in pipeline.steps}
        self._canvas = canvas

    def run(self, step: Step, tensors: Mapping[str, Array]) -> dict[str, Array]:
        """Run it on every image of the batch."""
        runnable = self._steps[step.writes[0]]
        window = self._canvas.at(runnable.level).whole
        read = {name: tensors[name] for name in step.reads}
        made = []
        for image in range(max(map(len, read.values()), default=1)):
            # Positions are the same for all images of a batch.
            one = {name: a[image : image + 1] if len(a) > 1 else a for name, a in read.items()}
            runnable.run(one, self._canvas, window)
            made.append(one)
        return {name: np.concatenate([one[name] for one in made]) for name in step.writes}


class TorchReference:
    """Torch for what is learned and for resizes, float64 twins of the other kernels.

    Args:
        bundle: Its constants.
        forms: The torch module of each graph.
    """

    name = "torch"
    tolerance = TORCH_TOLERANCE
    backend: Literal["auto", "numpy"] = "numpy"

    def __init__(self, bundle: Bundle, forms: TorchForms) -> None:
        """Keep both."""
        self._bundle = bundle
        self._forms = forms

    def run(self, step: Step, tensors: Mapping[str, Array]) -> dict[str, Array]:
        """Run it."""
        match step:
            case GraphStep():
                (name,) = step.outputs.values()
                return {name: _run_network(step, self._forms[step.member], tensors)}
            case ResizeStep():
                size = tensors[step.output].shape[2:]
                return {step.output: _resize(tensors[step.input], size)}
            case PositionStep():
                return {step.output: _encode_position(step, tensors[step.output].shape[2:])}
            case TextureTransferStep():
                texture, factor = self._bundle.arrays[step.texture], self._bundle.manifest.factor
                index = tensors[step.index]
                twin = kernels.texture_transfer(index, texture, factor=factor, backend="numpy")
                return {step.output: twin}
            case _:
                msg = f"a {step.kind} step has no twin to compare with"
                raise TypeError(msg)


def _run_network(
    step: GraphStep, form: Callable[..., Tensor], tensors: Mapping[str, Array]
) -> Array:
    inputs = {name: torch.tensor(tensors[tensor]) for name, tensor in step.inputs.items()}
    with torch.no_grad():
        return form(**inputs).numpy()


def _resize(array: Array, size: tuple[int, ...]) -> Array:
    return functional.interpolate(
        torch.tensor(array), size=size, mode="bilinear", align_corners=False
    ).numpy()


def _encode_position(step: PositionStep, size: tuple[int, ...]) -> Array:
    height, width = (side - 2 * step.margin for side in size)
    return noise.positional_encoding(
        height, width, frequencies=step.frequencies, extent=step.extent, margin=step.margin
    )


def compare_with_torch(
    bundle: Bundle, pipeline: Pipeline, forms: TorchForms, size_px: tuple[int, int]
) -> Differences:
    """Compare the runtime with torch, step by step, at one size.

    Args:
        bundle: What would be deployed.
        pipeline: Of the bundle.
        forms: The torch module of each graph.
        size_px: `(height, width)` of the canvas, multiples of the bundle's factor.

    Raises:
        ParityError: A step is over a limit; the message names it.
    """
    made = traced(bundle, pipeline, sample_canvas(bundle.manifest, size_px))
    reference = TorchReference(bundle, forms)
    differences = Differences(size_px, reference.name)
    compare_steps(bundle, made, reference, differences)
    return differences


def compare_steps(
    bundle: Bundle,
    made: MadeTensors,
    reference: Reference,
    differences: Differences,
    *,
    half_steps: Set[int] = frozenset(),
) -> None:
    """Compare every step with a reference that is given the same inputs.

    Args:
        bundle: Steps and constants.
        made: By the form at hand.
        reference: What to compare with.
        differences: Where to add them.
        half_steps: Numbers of the steps that the form computes in half precision.

    Raises:
        ParityError: A step is over a limit; the message names it.
    """
    for number, step in enumerate(bundle.manifest.steps):
        match step:
            case NoiseStep():
                pass  # given to both
            case PatchTransferStep():
                _compare_transfer(step, bundle, made, reference, differences)
            case _:
                for name, expected in reference.run(step, made.tensors).items():
                    found, label = made.tensors[name], step_label(step)
                    if number in half_steps:
                        differences.add_half(label, psnr_db(found, expected))
                    else:
                        difference = relative_difference(found, expected)
                        differences.add_step(label, difference, limit=reference.tolerance)


def _compare_transfer(
    step: PatchTransferStep,
    bundle: Bundle,
    made: MadeTensors,
    reference: Reference,
    differences: Differences,
) -> None:
    """Matches must be as good as the reference's, and the result the average of its own matches."""
    query, found = made.tensors[step.query], made.matches[step.output]
    expected = search(step, query, bundle.arrays, backend=reference.backend)
    differences.flipped_ties += found.flipped(expected)
    gap = cosine_gap(step, query, bundle.arrays[step.reference], found, expected)
    differences.add_step(f"cosine in {step_label(step)}", gap, limit=TIE)
    average = average_matches(found, bundle.arrays[step.values], step.window)
    difference = relative_difference(made.tensors[step.output], average)
    differences.add_step(step_label(step), difference, limit=reference.tolerance)


def step_label(step: Step) -> str:
    """What a step is called in messages."""
    (name,) = step.graph_members or (f"{step.kind.replace('_', ' ')} {step.writes[0]!r}",)
    return name

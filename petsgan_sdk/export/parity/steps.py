"""Run the steps of a bundle a second time, by something else, and take their differences.

Every step is run on what the form at hand gave it, so that one flipped tie in patch transfer, which
moves real pixels, is not mistaken for an error of everything behind it.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import replace
from typing import Literal

import numpy as np

from petsgan_sdk._arrays import Array
from petsgan_sdk.export.parity.limits import STEP_TOLERANCE, TORCH_TOLERANCE, Differences
from petsgan_sdk.export.parity.reference import (
    Comparison,
    Given,
    MadeTensors,
    Reference,
    TorchForms,
)
from petsgan_sdk.export.steps.step_export import exported
from petsgan_sdk.manifest import BundleManifest, Step
from petsgan_sdk.runtime.bundle import Bundle
from petsgan_sdk.runtime.flow import required_image
from petsgan_sdk.runtime.rendering.canvas import Canvas
from petsgan_sdk.runtime.rendering.noise_fields import stream_noise
from petsgan_sdk.runtime.rendering.pipeline import Pipeline

__all__ = [
    "SEED",
    "RuntimeReference",
    "TorchReference",
    "compare_steps",
    "compare_with_torch",
    "sample_canvas",
    "traced",
    "with_image",
]

SEED = 1
"""Of the noise that forms are compared on."""


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


def traced(bundle: Bundle, pipeline: Pipeline, canvas: Canvas) -> MadeTensors:
    """What the runtime makes on a canvas."""
    tensors = pipeline.trace(canvas)
    matches = {
        step.writes[0]: exported(step).search(tensors, bundle, backend="auto")
        for step in bundle.manifest.steps
        if step.decides
    }
    return MadeTensors(tensors, matches)


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
        return exported(step).twin(Given(tensors, self._bundle, self._forms))


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
    comparison = Comparison(bundle, made, reference, differences)
    for number, step in enumerate(bundle.manifest.steps):
        exported(step).compare(comparison, is_half=number in half_steps)

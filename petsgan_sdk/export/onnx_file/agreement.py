"""Run a graph beside our runtime, step by step, and say how far they are apart.

Every step of the bundle is run on what the graph gave it, so that one flipped tie in patch
transfer, which moves real pixels, is not mistaken for an error of everything behind it. The whole
image is compared as well, strictly where no match differs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from petsgan_sdk import kernels, noise
from petsgan_sdk._arrays import Array
from petsgan_sdk.export.onnx_file.compose import Composed, Form, raw_name
from petsgan_sdk.export.onnx_file.grids import canvas_of_noise
from petsgan_sdk.export.onnx_file.matches import TIE, compare_matches
from petsgan_sdk.export.onnx_file.patch_search import Match
from petsgan_sdk.export.onnx_file.running import open_session, run_session, showing
from petsgan_sdk.export.onnx_file.tally import Tally
from petsgan_sdk.export.parity import apart
from petsgan_sdk.manifest import (
    GraphStep,
    NoiseStep,
    PatchTransferStep,
    PositionStep,
    ResizeStep,
    Step,
    TextureTransferStep,
    level_size,
)
from petsgan_sdk.runtime.bundle import Bundle
from petsgan_sdk.runtime.rendering.canvas import Canvas
from petsgan_sdk.runtime.rendering.pipeline import build_pipeline
from petsgan_sdk.runtime.session import GraphSession

__all__ = ["Agreement", "Referee", "psnr_db"]

_PEAK = 2.0
"""From black to white in a signed image."""

_EQUAL_DB = 200.0


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far a graph is from our runtime at one size."""

    size_px: tuple[int, int]
    """`(height, width)` of the canvas."""
    batch: int
    """Images in one run."""
    max_step_diff: float
    """Largest difference of a float32 step, relative to the larger of 1 and its largest value."""
    flipped: int
    """Matches that differ on the same inputs, all of them between ties."""
    max_abs_diff: float
    """Of the whole image in [-1, 1]; what flipped ties moved is included."""
    psnr_db: float
    """Of the whole image; 200 is equality."""
    half_psnr_db: float | None
    """Least PSNR of a half-precision network on the same inputs; None in float32."""


def psnr_db(found: Array, expected: Array) -> float:
    """PSNR of signed images in decibels; 200 is equality, minus infinity is not a number."""
    error = np.square(found.astype(np.float64) - expected.astype(np.float64)).mean()
    if not np.isfinite(error):
        return float("-inf")
    return min(_EQUAL_DB, float(10 * np.log10(_PEAK**2 / max(error, 1e-30))))


class Referee:
    """Our runtime, ready to be compared with any number of graphs of one bundle.

    Args:
        bundle: The model.

    Raises:
        BackendUnavailableError: onnxruntime is missing.
    """

    def __init__(self, bundle: Bundle) -> None:
        """Start the sessions."""
        self._bundle = bundle
        self._pipeline = build_pipeline(bundle, provider="cpu", threads=1)
        self._networks = {
            name: GraphSession(graph, name, provider="cpu", threads=1)
            for name, graph in bundle.graphs.items()
        }

    def check(
        self, composed: Composed, form: Form, size_px: tuple[int, int], *, batch: int
    ) -> Agreement:
        """Compare at one size.

        Args:
            composed: The graph.
            form: Which it is.
            size_px: `(height, width)`, multiples of the factor; the canvas is the nearest to it
                that noise can ask for.
            batch: Images in one run, at least 1.

        Raises:
            ParityError: A step differs by more than its tolerance, or is not finite.
        """
        manifest = self._bundle.manifest
        height, width = canvas_of_noise(manifest, *(side // manifest.factor for side in size_px))
        size_px = height * manifest.factor, width * manifest.factor
        tally = Tally(size_px)
        feeds = self._noises(height, width, batch)
        plain = run_session(open_session(composed.model.SerializeToString(), form), feeds)
        shown = showing(composed, manifest, form)
        tensors = run_session(open_session(shown.SerializeToString(), form), feeds) | feeds
        for name in (
            *composed.halves,
            *tensors,
        ):  # halves first: where it broke, not where it shows
            tally.require_finite(name, tensors[name])
        for number, step in enumerate(manifest.steps):
            self._compare(step, composed, tensors, tally, half=number in composed.half_steps)
        # Halves that are shown are really rounded, which the CPU provider else leaves out.
        image = tensors[manifest.output]
        expected, is_moved = self._whole(composed, tensors, height, width, batch)
        compared = {"image without its steps shown": plain[manifest.output]}
        if not is_moved:
            compared["whole image"] = expected
        for label, other in compared.items():
            if composed.half_steps:
                tally.note_half(label, psnr_db(image, other))
            else:
                tally.note_whole(label, apart(image, other))
        return Agreement(
            size_px,
            batch,
            max_step_diff=tally.worst,
            flipped=tally.flipped,
            max_abs_diff=float(np.abs(image - expected).max()),
            psnr_db=psnr_db(image, expected),
            half_psnr_db=tally.half_psnr_db,
        )

    def _noises(self, height: int, width: int, batch: int) -> dict[str, Array]:
        manifest, noises = self._bundle.manifest, {}
        for step in manifest.steps:
            if isinstance(step, NoiseStep):
                grid = level_size(manifest, step.level, height, width)
                rows, columns = (side + 2 * step.margin for side in grid)
                shape = batch, step.channels, rows, columns
                noises[step.output] = _noise(shape, step.stage, -step.margin, -step.margin)
        return noises

    def _whole(
        self,
        composed: Composed,
        tensors: Mapping[str, Array],
        height: int,
        width: int,
        batch: int,
    ) -> tuple[Array, bool]:
        """Our runtime's images, and whether any match on the way to them differs."""
        manifest, arrays = self._bundle.manifest, self._bundle.arrays
        images, is_moved = [], False
        for number in range(batch):

            def draw(
                shape: tuple[int, int, int, int],
                stage: int,
                top: int,
                left: int,
                *,
                image: int = number,
            ) -> Array:
                return _noise(shape, stage, top, left, first_image=image)

            trace = self._pipeline.trace(Canvas.of(manifest, height, width, draw))
            images.append(np.clip(trace[manifest.output], -1, 1))
            for step in manifest.steps:
                if isinstance(step, PatchTransferStep):
                    reference = kernels.PatchReference(
                        arrays[step.reference], arrays[step.values], window=step.window
                    )
                    own = kernels.patch_transfer(
                        trace[step.query], reference, temperature=step.temperature
                    )
                    index = tensors[composed.matches[step.output].index][number]
                    is_moved = is_moved or bool((own.index[0] != index).any())
        return np.concatenate(images), is_moved

    def _compare(
        self,
        step: Step,
        composed: Composed,
        tensors: Mapping[str, Array],
        tally: Tally,
        *,
        half: bool,
    ) -> None:
        """Run one step on what the graph gave it."""
        match step:
            case PositionStep():
                self._compare_position(step, tensors, tally)
            case ResizeStep():
                self._compare_resize(step, tensors, tally)
            case GraphStep():
                self._compare_network(step, tensors, tally, half=half)
            case PatchTransferStep():
                self._compare_transfer(step, composed.matches[step.output], tensors, tally)
            case TextureTransferStep():
                transfer = _maker(self._bundle.manifest.steps, step.index)
                index = tensors[composed.matches[transfer].index].astype(np.int32)
                texture, factor = self._bundle.arrays[step.texture], self._bundle.manifest.factor
                expected = kernels.texture_transfer(index, texture, factor=factor)
                tally.note("texture transfer", apart(tensors[step.output], expected))
            case NoiseStep():
                pass  # the input

    def _compare_position(
        self, step: PositionStep, tensors: Mapping[str, Array], tally: Tally
    ) -> None:
        found = tensors[step.output]
        height, width = (side - 2 * step.margin for side in found.shape[2:])
        expected = noise.positional_encoding(
            height, width, frequencies=step.frequencies, extent=step.extent, margin=step.margin
        )
        tally.note(step.output, apart(found, expected))

    def _compare_resize(self, step: ResizeStep, tensors: Mapping[str, Array], tally: Tally) -> None:
        found = tensors[step.output]
        source = tensors[raw_name(self._bundle.manifest, step.input)]
        expected = kernels.resize_window(
            source, source_size=source.shape[2:], target_size=found.shape[2:]
        )
        tally.note(step.output, apart(found, expected))

    def _compare_network(
        self, step: GraphStep, tensors: Mapping[str, Array], tally: Tally, *, half: bool
    ) -> None:
        manifest = self._bundle.manifest
        feeds = {key: tensors[raw_name(manifest, t)] for key, t in step.inputs.items()}
        results = self._networks[step.member].run(feeds)
        for key, tensor in step.outputs.items():
            found = tensors[raw_name(manifest, tensor)]
            if half:
                tally.note_half(step.member, psnr_db(found, results[key]))
            else:
                tally.note(step.member, apart(found, results[key]))

    def _compare_transfer(
        self, step: PatchTransferStep, names: Match, tensors: Mapping[str, Array], tally: Tally
    ) -> None:
        agreement = compare_matches(
            tensors[step.query],
            self._bundle.arrays[step.reference],
            self._bundle.arrays[step.values],
            window=step.window,
            temperature=step.temperature,
            index=tensors[names.index],
            weight=tensors[names.weight],
        )
        label = f"patch transfer {step.output!r}"
        tally.flipped += agreement.flipped
        tally.note(f"cosine in {label}", agreement.cosine_gap, limit=TIE)
        tally.note(label, apart(tensors[step.output], agreement.average))


def _noise(
    shape: tuple[int, int, int, int], stage: int, top: int, left: int, *, first_image: int = 0
) -> Array:
    return kernels.normal_noise(
        shape, seed=1, stage=stage, first_image=first_image, top=top, left=left
    )


def _maker(steps: tuple[Step, ...], index: str) -> str:
    """The output of the patch transfer that makes an index tensor."""
    return next(
        step.output
        for step in steps
        if isinstance(step, PatchTransferStep) and step.index_output == index
    )

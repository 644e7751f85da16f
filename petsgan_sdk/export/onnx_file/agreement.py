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
from petsgan_sdk.errors import ParityError
from petsgan_sdk.export.onnx_file.builder import Array
from petsgan_sdk.export.onnx_file.compose import Composed, Form, raw_name
from petsgan_sdk.export.onnx_file.matches import TIE, compare_matches
from petsgan_sdk.export.onnx_file.running import open_session, run_session, showing
from petsgan_sdk.export.parity import apart
from petsgan_sdk.manifest import (
    GraphStep,
    NoiseStep,
    PatchTransferStep,
    PositionStep,
    Step,
    TextureTransferStep,
)
from petsgan_sdk.runtime.bundle import Bundle
from petsgan_sdk.runtime.session import GraphSession
from petsgan_sdk.runtime.steps import Canvas, build_pipeline

__all__ = ["HALF_PSNR_DB", "TOLERANCE", "Agreement", "Referee", "psnr_db"]

TOLERANCE = 1e-4
"""Largest difference of a float32 step, relative to the larger of 1 and its largest value."""

HALF_PSNR_DB = 50.0
"""Least PSNR of a half-precision network against float32 on the same inputs; rounding to 8 bits
alone is 59 dB."""

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
            size_px: `(height, width)`, multiples of the factor.
            batch: Images in one run.

        Raises:
            ParityError: A step differs by more than its tolerance, or is not finite.
        """
        manifest = self._bundle.manifest
        height, width = (side // manifest.factor for side in size_px)
        feeds = self._noises(height, width, batch)
        session = open_session(composed.model.SerializeToString(), form)
        plain = run_session(session, feeds)[manifest.output]
        shown = showing(composed, manifest, form)
        tensors = run_session(open_session(shown.SerializeToString(), form), feeds) | feeds
        tally = _Tally(size_px)
        for name in (
            *composed.halves,
            *tensors,
        ):  # halves first: where it broke, not where it shows
            tally.require_finite(name, tensors[name])
        for number, step in enumerate(manifest.steps):
            self._compare(step, composed, tensors, tally, half=number in composed.half_steps)
        # A tensor that is shown is really rounded to half precision, which ONNX Runtime's CPU
        # provider else leaves out.
        image = tensors[manifest.output]
        expected, is_moved = self._whole(composed, tensors, height, width, batch)
        compared = {"image without its steps shown": plain}
        if not is_moved:
            compared["whole image"] = expected
        for label, other in compared.items():
            if composed.half_steps:
                tally.note_half(label, psnr_db(image, other))
            else:
                tally.note(label, apart(image, other))
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
        return {
            step.output: _noise(
                (batch, step.channels, height + 2 * step.margin, width + 2 * step.margin),
                step.stage,
                step.margin,
            )
            for step in self._bundle.manifest.steps
            if isinstance(step, NoiseStep)
        }

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
                shape: tuple[int, int, int, int], stage: int, margin: int, image: int = number
            ) -> Array:
                return _noise(shape, stage, margin, first_image=image)

            trace = self._pipeline.trace(Canvas(height, width, draw))
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
        tally: _Tally,
        *,
        half: bool,
    ) -> None:
        manifest, arrays = self._bundle.manifest, self._bundle.arrays
        match step:
            case PositionStep():
                found = tensors[step.output]
                height, width = (side - 2 * step.margin for side in found.shape[2:])
                expected = noise.positional_encoding(
                    height,
                    width,
                    frequencies=step.frequencies,
                    extent=step.extent,
                    margin=step.margin,
                )
                tally.note(step.output, apart(found, expected))
            case GraphStep():
                feeds = {k: tensors[raw_name(manifest, t)] for k, t in step.inputs.items()}
                results = self._networks[step.member].run(feeds)
                for key, tensor in step.outputs.items():
                    found = tensors[raw_name(manifest, tensor)]
                    if half:
                        tally.note_half(step.member, psnr_db(found, results[key]))
                    else:
                        tally.note(step.member, apart(found, results[key]))
            case PatchTransferStep():
                names = composed.matches[step.output]
                agreement = compare_matches(
                    tensors[step.query],
                    arrays[step.reference],
                    arrays[step.values],
                    window=step.window,
                    temperature=step.temperature,
                    index=tensors[names.index],
                    weight=tensors[names.weight],
                )
                label = f"patch transfer {step.output!r}"
                tally.flipped += agreement.flipped
                tally.note(f"cosine in {label}", agreement.cosine_gap, limit=TIE)
                tally.note(label, apart(tensors[step.output], agreement.average))
            case TextureTransferStep():
                index = tensors[composed.matches[_maker(manifest.steps, step.index)].index]
                expected = kernels.texture_transfer(
                    index.astype(np.int32), arrays[step.texture], factor=manifest.factor
                )
                tally.note("texture transfer", apart(tensors[step.output], expected))
            case NoiseStep():
                pass  # the input


class _Tally:
    """What was found at one size; refuses what is over a limit."""

    def __init__(self, size_px: tuple[int, int]) -> None:
        self._where = f"at {size_px[1]}x{size_px[0]}"
        self.worst = 0.0
        self.flipped = 0
        self.half_psnr_db: float | None = None

    def note(self, what: str, difference: float, *, limit: float = TOLERANCE) -> None:
        if not difference <= limit:
            self._refuse(what, f"within {limit:g} of the runtime", f"{difference:.3g}")
        self.worst = max(self.worst, difference)

    def note_half(self, what: str, decibels: float) -> None:
        if not decibels >= HALF_PSNR_DB:
            limit = f"at least {HALF_PSNR_DB:g} dB from float32"
            self._refuse(what, limit, f"{decibels:.1f}; hint: --precision fp32")
        known = self.half_psnr_db
        self.half_psnr_db = decibels if known is None else min(known, decibels)

    def require_finite(self, name: str, tensor: Array) -> None:
        if not np.isfinite(tensor).all():
            hint = "; hint: --precision fp32" if tensor.dtype == np.float16 else ""
            self._refuse(f"tensor {name!r}", "finite", f"NaN or infinity{hint}")

    def _refuse(self, what: str, expected: str, found: str) -> None:
        msg = f"export: {what} {self._where} must be {expected}, got {found}"
        raise ParityError(msg)


def _noise(
    shape: tuple[int, int, int, int], stage: int, margin: int, *, first_image: int = 0
) -> Array:
    return kernels.normal_noise(
        shape, seed=1, stage=stage, first_image=first_image, top=-margin, left=-margin
    )


def _maker(steps: tuple[Step, ...], index: str) -> str:
    """The output of the patch transfer that makes an index tensor."""
    return next(
        step.output
        for step in steps
        if isinstance(step, PatchTransferStep) and step.index_output == index
    )

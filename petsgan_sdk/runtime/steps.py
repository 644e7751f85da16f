"""The steps of a bundle, ready to run: one small class for each kind, and the list of them.

A step reads named tensors, makes named tensors, and knows nothing of a model family. All its state
is made once and never written again, so that threads may share it. Never imports torch or onnx.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Protocol

import numpy as np

from petsgan_sdk import kernels, noise
from petsgan_sdk.errors import BundleError
from petsgan_sdk.manifest import (
    GraphStep,
    NoiseStep,
    PatchTransferStep,
    PositionStep,
    Step,
    TextureTransferStep,
)
from petsgan_sdk.runtime.bundle import Bundle, step_reads, step_writes
from petsgan_sdk.runtime.session import FloatArray, GraphSession

__all__ = [
    "Canvas",
    "NoiseSource",
    "Observer",
    "Pipeline",
    "RunNoise",
    "RunPosition",
    "RunTextureTransfer",
    "Runnable",
    "Tensors",
    "build_pipeline",
    "last_uses",
]

Array = np.ndarray[Any, np.dtype[Any]]
Tensors = dict[str, Array]

NoiseSource = Callable[[tuple[int, int, int, int], int, int], FloatArray]
"""`(shape [1, C, h, w], stage, margin) -> normals`: where a run takes its randomness from.

The first pixel of the block lies `margin` pixels above and left of the canvas.
"""

Observer = Callable[[str, float], None]
"""`(stage, seconds)`, called after every step of a run."""


@dataclass(frozen=True, slots=True)
class Canvas:
    """What a run is given: the size of the low-resolution grid, and the noise."""

    height: int
    """h: canvas height divided by the bundle's factor."""
    width: int
    """w: canvas width divided by the bundle's factor."""
    noise: NoiseSource
    release: bool = False
    """Whether the graphs give their scratch memory back: for canvases that are rarely so large."""


class Runnable(Protocol):
    """A step that can be run."""

    label: str
    """Its name in timings."""

    def run(self, tensors: Tensors, canvas: Canvas) -> None:
        """Read from `tensors` and add to them."""


class RunNoise:
    """Normals of the run's own stream, `[1, C, h + 2 margin, w + 2 margin]`."""

    def __init__(self, step: NoiseStep) -> None:
        """Keep the step."""
        self.label = step.output
        self._step = step

    def run(self, tensors: Tensors, canvas: Canvas) -> None:
        """Draw the noise."""
        step, extra = self._step, 2 * self._step.margin
        shape = (1, step.channels, canvas.height + extra, canvas.width + extra)
        tensors[step.output] = canvas.noise(shape, step.stage, step.margin)


class RunPosition:
    """Sine and cosine of the coordinates with a margin; those of the last size are kept."""

    def __init__(self, step: PositionStep) -> None:
        """Keep the step."""
        self.label = step.output
        self._step = step
        self._last: tuple[tuple[int, int], FloatArray] | None = None

    def run(self, tensors: Tensors, canvas: Canvas) -> None:
        """Encode the positions, or reuse those of the run before."""
        # One reference, read once and written once: safe between threads without a lock.
        size, last = (canvas.height, canvas.width), self._last
        if last is None or last[0] != size:
            encoded = noise.positional_encoding(
                canvas.height,
                canvas.width,
                frequencies=self._step.frequencies,
                extent=self._step.extent,
                margin=self._step.margin,
            )
            encoded.setflags(write=False)
            self._last = last = (size, encoded)
        tensors[self._step.output] = last[1]


class RunGraph:
    """One ONNX graph."""

    def __init__(self, step: GraphStep, session: GraphSession) -> None:
        """Check that the graph has the inputs and outputs that the manifest names."""
        self.label = PurePosixPath(step.member).stem
        self._step = step
        self._session = session
        session.check_names(step)

    def run(self, tensors: Tensors, canvas: Canvas) -> None:
        """Feed the graph and name its results."""
        feeds = {key: tensors[t] for key, t in self._step.inputs.items()}
        results = self._session.run(feeds, release=canvas.release)
        for key, tensor in self._step.outputs.items():
            tensors[tensor] = results[key]


class RunPatchTransfer:
    """The most similar reference patch for each patch of the query, and its values."""

    def __init__(self, step: PatchTransferStep, arrays: dict[str, Array], *, threads: int) -> None:
        """Pack the reference once."""
        self.label = "patch_transfer"
        self._step = step
        self._threads = threads
        self._channels = arrays[step.reference].shape[0]
        self._reference = kernels.PatchReference(
            arrays[step.reference], arrays[step.values], window=step.window
        )

    def run(self, tensors: Tensors, canvas: Canvas) -> None:  # noqa: ARG002 - protocol
        """Match and gather."""
        query = tensors[self._step.query]
        if query.ndim != 4 or query.shape[1] != self._channels:
            msg = (
                f"tensor {self._step.query!r} must be [N, {self._channels}, h, w] to match "
                f"{self._step.reference!r}, got {query.shape}; export the model again"
            )
            raise BundleError(msg)
        result = kernels.patch_transfer(
            np.ascontiguousarray(query, dtype=np.float32),
            self._reference,
            temperature=self._step.temperature,
            threads=self._threads,
        )
        tensors[self._step.output] = result.values
        if self._step.index_output is not None:
            tensors[self._step.index_output] = result.index


class RunTextureTransfer:
    """Full-resolution texture along the correspondences of patch transfer, `[1, 3, H, W]`."""

    def __init__(
        self, step: TextureTransferStep, arrays: dict[str, Array], *, factor: int, threads: int
    ) -> None:
        """Keep the texture."""
        self.label = "texture_transfer"
        self._step = step
        self._texture = arrays[step.texture]
        self._factor = factor
        self._threads = threads

    def run(self, tensors: Tensors, canvas: Canvas) -> None:  # noqa: ARG002 - protocol
        """Copy the texture."""
        tensors[self._step.output] = kernels.texture_transfer(
            tensors[self._step.index], self._texture, factor=self._factor, threads=self._threads
        )


class Pipeline:
    """The steps of one bundle in order; each tensor is dropped after its last reader.

    Args:
        steps: The runnable steps.
        dead_after: For each step, the tensors that no later step reads.
        output: The tensor that is the result.
    """

    def __init__(
        self, steps: Sequence[Runnable], dead_after: Sequence[frozenset[str]], *, output: str
    ) -> None:
        """Keep the list."""
        self._steps = tuple(zip(steps, dead_after, strict=True))
        self._output = output

    def run(self, canvas: Canvas, *, observer: Observer | None = None) -> Array:
        """Run every step for one image.

        Args:
            canvas: The grid's size and the noise.
            observer: Called with the name and seconds of each step.

        Returns:
            The final tensor.
        """
        tensors: Tensors = {}
        for step, dead in self._steps:
            started = time.perf_counter()
            step.run(tensors, canvas)
            if observer is not None:
                observer(step.label, time.perf_counter() - started)
            for name in dead:
                del tensors[name]
        return tensors[self._output]

    def trace(self, canvas: Canvas) -> Tensors:
        """Run every step and keep every tensor by name, for comparisons."""
        tensors: Tensors = {}
        for step, _ in self._steps:
            step.run(tensors, canvas)
        return tensors


def build_pipeline(bundle: Bundle, *, provider: str, threads: int) -> Pipeline:
    """Make every step of a bundle ready to run.

    Args:
        bundle: An open bundle; nothing but what the steps use is kept of it.
        provider: `cpu` or `cuda`, for the graphs. Our kernels run on the CPU.
        threads: Threads for each graph and kernel.

    Raises:
        BundleError: A graph is damaged or is not the one that the manifest describes.
        BackendUnavailableError: The provider did not start.
    """
    sessions: dict[str, GraphSession] = {}

    def make(step: Step) -> Runnable:
        match step:
            case NoiseStep():
                return RunNoise(step)
            case PositionStep():
                return RunPosition(step)
            case GraphStep():
                name = step.member
                if name not in sessions:
                    sessions[name] = GraphSession(
                        bundle.graphs[name], name, provider=provider, threads=threads
                    )
                return RunGraph(step, sessions[name])
            case PatchTransferStep():
                return RunPatchTransfer(step, bundle.arrays, threads=threads)
            case TextureTransferStep():
                factor = bundle.manifest.factor
                return RunTextureTransfer(step, bundle.arrays, factor=factor, threads=threads)

    manifest = bundle.manifest
    runnables = [make(step) for step in manifest.steps]
    uses = [(set(step_reads(step)), set(step_writes(step))) for step in manifest.steps]
    return Pipeline(runnables, last_uses(uses, manifest.output), output=manifest.output)


def last_uses(uses: Sequence[tuple[set[str], set[str]]], output: str) -> list[frozenset[str]]:
    """For each step, the tensors that are needed by no later one.

    Args:
        uses: What each step reads and writes.
        output: The tensor that is the result.
    """
    needed = {output}
    dead: list[frozenset[str]] = []
    for reads, writes in reversed(uses):
        touched = reads | writes
        dead.append(frozenset(touched - needed))
        needed |= touched
    return dead[::-1]

"""The steps of a bundle, ready to run: one small class for each kind, and the list of them.

A step reads named tensors, makes named tensors, and knows nothing of a model family. All its state
is made once and never written again, so that threads may share it. Never imports torch or onnx.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Protocol

import numpy as np

from petsgan_sdk import kernels, noise
from petsgan_sdk._arrays import Array, FloatArray
from petsgan_sdk.errors import BundleError
from petsgan_sdk.manifest import (
    GraphStep,
    NoiseStep,
    PatchTransferStep,
    PositionStep,
    ResizeStep,
    Step,
    TextureTransferStep,
)
from petsgan_sdk.runtime.bundle import Bundle
from petsgan_sdk.runtime.flow import halo_of, step_reads, step_writes, tensor_levels
from petsgan_sdk.runtime.rendering.canvas import Canvas, Window
from petsgan_sdk.runtime.rendering.maps import check_map, reading_maps
from petsgan_sdk.runtime.rendering.resizing import RunResize
from petsgan_sdk.runtime.session import GraphSession

__all__ = [
    "Observer",
    "Pipeline",
    "RunNoise",
    "RunPosition",
    "RunTextureTransfer",
    "Runnable",
    "Runner",
    "Tensors",
    "build_pipeline",
    "last_uses",
    "run_in_order",
]

Tensors = dict[str, Array]

Observer = Callable[[str, float], None]
"""`(stage, seconds)`, called after every step of a run."""


class Runner(Protocol):
    """One or several steps that can be run."""

    @property
    def label(self) -> str:
        """Its name in timings."""

    @property
    def level(self) -> int | None:
        """The grid of what it makes, on which its windows lie: a level, or None for the base."""

    def run(self, tensors: Tensors, canvas: Canvas, window: Window) -> None:
        """Read from `tensors`, which cover the window, and add to them."""


class Runnable(Runner, Protocol):
    """A step that can be run."""

    @property
    def step(self) -> Step:
        """What the manifest says of it."""

    @property
    def halo(self) -> int | None:
        """Low-resolution pixels around a window that it must see, or None where nobody knows."""


class RunNoise:
    """Normals of the run's own stream, `[1, C, h + 2 margin, w + 2 margin]`."""

    def __init__(self, step: NoiseStep) -> None:
        """Keep the step."""
        self.label = step.output
        self.step = step
        self.level = step.level
        self.halo = halo_of(step)

    def run(self, tensors: Tensors, canvas: Canvas, window: Window) -> None:
        """Draw the noise."""
        step = self.step
        tensors[step.output] = canvas.at(step.level).draw(
            window.grown(step.margin), channels=step.channels, stage=step.stage
        )


class RunPosition:
    """Sine and cosine of the coordinates with a margin; those of the last window are kept."""

    def __init__(self, step: PositionStep) -> None:
        """Keep the step."""
        self.label = step.output
        self.step = step
        self.level = step.level
        self.halo = halo_of(step)
        self._last: tuple[tuple[int, int, bool, Window], FloatArray] | None = None

    def run(self, tensors: Tensors, canvas: Canvas, window: Window) -> None:
        """Encode the positions, or reuse those of the run before."""
        grid = canvas.at(self.level)
        # One reference, read once and written once: safe between threads without a lock.
        key, last = (grid.height, grid.width, grid.seamless, window), self._last
        if last is None or last[0] != key:
            encoded = self._encode(grid, window.grown(self.step.margin))
            encoded.setflags(write=False)
            self._last = last = (key, encoded)
        tensors[self.step.output] = last[1]

    def _encode(self, canvas: Canvas, window: Window) -> FloatArray:
        rows, columns = self.step.extent or (None, None)
        mirrored = canvas.seamless
        y = noise.grid_coordinates(
            window.top, window.bottom, canvas.height, extent=rows, mirrored=mirrored
        )
        x = noise.grid_coordinates(
            window.left, window.right, canvas.width, extent=columns, mirrored=mirrored
        )
        return noise.encode_positions(y, x, self.step.frequencies)


class RunGraph:
    """One ONNX graph."""

    def __init__(
        self, step: GraphStep, session: GraphSession, *, factor: int, level: int | None = None
    ) -> None:
        """Check that the graph has the inputs and outputs that the manifest names."""
        self.label = PurePosixPath(step.member).stem
        self.step = step
        self.level = level
        self.halo = halo_of(step)
        self._session = session
        self._factor = factor
        session.check_names(step)

    def run(self, tensors: Tensors, canvas: Canvas, window: Window) -> None:
        """Feed the graph and name its results, maps `[1, C, ..., ...]` of the window."""
        feeds = {key: tensors[t] for key, t in self.step.inputs.items()}
        results = self._session.run(feeds, release=canvas.release)
        for key, tensor in self.step.outputs.items():
            check_map(results[key], tensor, window, factor=self._factor)
            tensors[tensor] = results[key]


class RunPatchTransfer:
    """The most similar reference patch for each patch of the query, and its values."""

    def __init__(
        self,
        step: PatchTransferStep,
        reference: kernels.PatchReference,
        *,
        threads: int,
        level: int | None = None,
    ) -> None:
        """Keep the packed reference."""
        self.label = "patch_transfer"
        self.step = step
        self.level = level
        self.halo = halo_of(step)
        self._threads = threads
        self._reference = reference

    def run(self, tensors: Tensors, canvas: Canvas, window: Window) -> None:  # noqa: ARG002
        """Match and gather."""
        query = tensors[self.step.query]
        channels = self._reference.channels
        if query.ndim != 4 or query.shape[1] != channels:
            msg = (
                f"tensor {self.step.query!r} must be [N, {channels}, h, w] to match "
                f"{self.step.reference!r}, got {query.shape}; export the model again"
            )
            raise BundleError(msg)
        with reading_maps(self.step):
            result = kernels.patch_transfer(
                np.ascontiguousarray(query, dtype=np.float32),
                self._reference,
                temperature=self.step.temperature,
                threads=self._threads,
            )
        tensors[self.step.output] = result.values
        if self.step.index_output is not None:
            tensors[self.step.index_output] = result.index


class RunTextureTransfer:
    """Full-resolution texture along the correspondences of patch transfer, `[1, 3, H, W]`."""

    def __init__(
        self,
        step: TextureTransferStep,
        arrays: dict[str, Array],
        *,
        factor: int,
        threads: int,
        level: int | None = None,
    ) -> None:
        """Keep the texture."""
        self.label = "texture_transfer"
        self.step = step
        self.level = level
        self.halo = halo_of(step)
        self._texture = arrays[step.texture]
        self._factor = factor
        self._threads = threads

    def run(self, tensors: Tensors, canvas: Canvas, window: Window) -> None:  # noqa: ARG002
        """Copy the texture."""
        index = tensors[self.step.index]
        with reading_maps(self.step):
            tensors[self.step.output] = kernels.texture_transfer(
                index, self._texture, factor=self._factor, threads=self._threads
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
        self.steps: tuple[Runnable, ...] = tuple(steps)
        """What is run, in order."""
        self.output: str = output
        """Name of the final tensor."""
        self._dead_after = tuple(dead_after)

    def run(self, canvas: Canvas, *, observer: Observer | None = None) -> Array:
        """Run every step once, for the whole canvas.

        Args:
            canvas: The grid's size and the noise.
            observer: Called with the name and seconds of each step.

        Returns:
            The final tensor.
        """
        steps = zip(self.steps, self._dead_after, strict=True)
        return run_in_order(steps, canvas, output=self.output, observer=observer)

    def trace(self, canvas: Canvas) -> Tensors:
        """Run every step and keep every tensor by name, for comparisons."""
        tensors: Tensors = dict(canvas.given)
        for step in self.steps:
            step.run(tensors, canvas, canvas.at(step.level).whole)
        return tensors

    def given(self, tensor: str) -> Pipeline:
        """The steps that are left when a tensor is given, see `Canvas.given`."""
        needed = {self.output}
        steps: list[Runnable] = []
        for step in reversed(self.steps):
            writes = set(step_writes(step.step))
            if writes & needed and tensor not in writes:
                steps.append(step)
                needed |= set(step_reads(step.step))
        return Pipeline(steps[::-1], _dead_after(steps[::-1], self.output), output=self.output)


def build_pipeline(
    bundle: Bundle,
    *,
    provider: str,
    threads: int,
    provider_options: Mapping[str, str] | None = None,
) -> Pipeline:
    """Make every step of a bundle ready to run.

    Args:
        bundle: An open bundle; nothing but what the steps use is kept of it.
        provider: `cpu` or `cuda`, for the graphs. Our kernels run on the CPU.
        threads: Threads for each graph and kernel.
        provider_options: For ONNX Runtime, as in `GraphSession`.

    Raises:
        BundleError: A graph is damaged or is not the one that the manifest describes.
        BackendUnavailableError: The provider did not start.
    """
    manifest = bundle.manifest
    levels = tensor_levels(manifest)
    sessions: dict[str, GraphSession] = {}
    references: dict[tuple[str, str, int], kernels.PatchReference] = {}

    def make(step: Step) -> Runnable:
        level = levels[step_writes(step)[0]]
        match step:
            case NoiseStep():
                return RunNoise(step)
            case PositionStep():
                return RunPosition(step)
            case GraphStep():
                name = step.member
                if name not in sessions:
                    sessions[name] = GraphSession(
                        bundle.graphs[name],
                        name,
                        provider=provider,
                        threads=threads,
                        provider_options=provider_options,
                    )
                return RunGraph(step, sessions[name], factor=manifest.factor, level=level)
            case PatchTransferStep():
                key = (step.reference, step.values, step.window)
                if key not in references:  # every pass of a bundle has the same one
                    references[key] = kernels.PatchReference(
                        bundle.arrays[step.reference],
                        bundle.arrays[step.values],
                        window=step.window,
                    )
                return RunPatchTransfer(step, references[key], threads=threads, level=level)
            case TextureTransferStep():
                factor = manifest.factor
                return RunTextureTransfer(
                    step, bundle.arrays, factor=factor, threads=threads, level=level
                )
            case ResizeStep():
                return RunResize(step, source_level=levels[step.input], threads=threads)

    runnables = [make(step) for step in manifest.steps]
    return Pipeline(runnables, _dead_after(runnables, manifest.output), output=manifest.output)


def _dead_after(steps: Sequence[Runnable], output: str) -> list[frozenset[str]]:
    uses = [(set(step_reads(step.step)), set(step_writes(step.step))) for step in steps]
    return last_uses(uses, output)


def run_in_order(
    steps: Iterable[tuple[Runner, frozenset[str]]],
    canvas: Canvas,
    *,
    output: str,
    observer: Observer | None,
) -> Array:
    """Run steps for a whole canvas and return one tensor.

    Args:
        steps: With the tensors that no later one reads.
        canvas: The grid's size and the noise.
        output: The tensor to return.
        observer: Called with the name and seconds of each step.
    """
    tensors: Tensors = dict(canvas.given)
    for step, dead in steps:
        started = time.perf_counter()
        step.run(tensors, canvas, canvas.at(step.level).whole)
        if observer is not None:
            observer(step.label, time.perf_counter() - started)
        for name in dead:
            del tensors[name]
    return tensors[output]


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

"""The steps of a bundle with everything between noise and image on a CUDA device.

Noise, positions and carried texture are made on the CPU; graphs and patch transfer between them run
on the device without a copy. Built, not run on a GPU.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import PurePosixPath
from typing import TypeAlias

from petsgan_sdk import kernels
from petsgan_sdk.errors import BackendUnavailableError
from petsgan_sdk.manifest import (
    BundleManifest,
    GraphStep,
    NoiseStep,
    PatchTransferStep,
    PositionStep,
    Step,
    TextureTransferStep,
)
from petsgan_sdk.runtime.bundle import Bundle, step_reads, step_writes
from petsgan_sdk.runtime.device.arrays import Array, CudaDevice, Device
from petsgan_sdk.runtime.device.onnx_cuda import OnnxCudaGraph, provider_options
from petsgan_sdk.runtime.device.segment import DeviceStep, Segment
from petsgan_sdk.runtime.device.transfer import DevicePatchTransfer
from petsgan_sdk.runtime.options import ProviderOptions
from petsgan_sdk.runtime.session import GraphSession
from petsgan_sdk.runtime.steps import (
    Canvas,
    Observer,
    Pipeline,
    Runnable,
    RunNoise,
    RunPosition,
    RunTextureTransfer,
    Tensors,
    build_pipeline,
    last_uses,
)
from petsgan_sdk.runtime.tensorrt.lookup import MissingEngineError
from petsgan_sdk.runtime.tensorrt.source import graph_maker

__all__ = ["DevicePipeline", "DeviceStepMaker", "device_pipeline", "open_pipeline"]

_log = logging.getLogger(__name__)

DeviceKind: TypeAlias = GraphStep | PatchTransferStep
DeviceStepMaker = Callable[[DeviceKind], DeviceStep]
"""Makes a step that runs on the device."""


class RunSegment:
    """Consecutive device steps as one step of a pipeline."""

    def __init__(self, steps: Sequence[DeviceKind], segment: Segment) -> None:
        """Name it after what it runs."""
        names = [
            PurePosixPath(s.member).stem if isinstance(s, GraphStep) else s.kind for s in steps
        ]
        self.label = "+".join(names)
        self._segment = segment

    def run(self, tensors: Tensors, canvas: Canvas) -> None:  # noqa: ARG002 - protocol
        """Upload, run, download."""
        host: dict[str, Array] = {name: tensors[name] for name in self._segment.inputs}
        tensors.update(self._segment.run(host))


class DevicePipeline(Pipeline):
    """A pipeline that says how to build an engine that is missing."""

    def __init__(
        self,
        steps: Sequence[Runnable],
        dead_after: Sequence[frozenset[str]],
        *,
        output: str,
        command: Callable[[Canvas], str],
    ) -> None:
        """Keep the list and the command."""
        super().__init__(steps, dead_after, output=output)
        self._command = command

    def run(self, canvas: Canvas, *, observer: Observer | None = None) -> Array:
        """Run every step for one image.

        Raises:
            BackendUnavailableError: An engine is missing; the message has the command.
        """
        try:
            return super().run(canvas, observer=observer)
        except MissingEngineError as exc:
            raise BackendUnavailableError(str(exc), hint=self._command(canvas)) from exc


def open_pipeline(
    bundle: Bundle, *, provider: str, threads: int, options: ProviderOptions
) -> Pipeline:
    """Make a bundle ready to run on a provider.

    Raises:
        BundleError: A graph is damaged or is not the one that the manifest describes.
        BackendUnavailableError: The provider did not start.
    """
    if provider == "cpu":
        return build_pipeline(bundle, provider=provider, threads=threads)
    if provider == "tensorrt":
        make_graph = graph_maker(bundle, options)  # before the device: says what is missing first
        device = CudaDevice()
        return device_pipeline(
            bundle,
            device,
            _maker(bundle, device, lambda step: make_graph(step, device)),
            threads=threads,
            command=lambda canvas: _build_command(bundle, canvas, options),
        )
    reason = kernels.build_info()["cuda"].get("reason")
    if reason is not None:
        pipeline = build_pipeline(bundle, provider=provider, threads=threads)
        _log.warning("patch transfer runs on the CPU and its tensors are copied: %s", reason)
        return pipeline
    device = CudaDevice()
    told = provider_options(options, device.stream)
    sessions: dict[str, GraphSession] = {}

    def make_session(step: GraphStep) -> OnnxCudaGraph:
        name = step.member
        if name not in sessions:
            graph = bundle.graphs[name]
            sessions[name] = GraphSession(
                graph, name, provider=provider, threads=threads, provider_options=told
            )
        return OnnxCudaGraph(step, sessions[name], device)

    return device_pipeline(bundle, device, _maker(bundle, device, make_session), threads=threads)


def device_pipeline(
    bundle: Bundle,
    device: Device,
    make: DeviceStepMaker,
    *,
    threads: int,
    command: Callable[[Canvas], str] = lambda _: "petsgan-sdk build",
) -> DevicePipeline:
    """Group the steps of a bundle into host steps and segments on the device.

    Args:
        bundle: An open bundle.
        device: Where segments run.
        make: Makes their steps.
        threads: Of the kernels on the CPU.
        command: Builds what is missing for a canvas.
    """
    manifest = bundle.manifest
    groups = _groups(manifest)
    needed = _needed_after(groups, manifest.output)
    runnables: list[Runnable] = []
    uses: list[tuple[set[str], set[str]]] = []
    for group, later in zip(groups, needed, strict=True):
        first = group[0]
        match first:
            case NoiseStep():
                runnables.append(RunNoise(first))
            case PositionStep():
                runnables.append(RunPosition(first))
            case TextureTransferStep():
                factor = manifest.factor
                runnables.append(
                    RunTextureTransfer(first, bundle.arrays, factor=factor, threads=threads)
                )
            case _:
                kinds = [s for s in group if isinstance(s, (GraphStep, PatchTransferStep))]
                made = {name for step in kinds for name in step_writes(step)}
                segment = Segment(device, [make(s) for s in kinds], outputs=sorted(made & later))
                runnables.append(RunSegment(kinds, segment))
                uses.append((set(segment.inputs), set(segment.outputs)))
                continue
        uses.append((set(step_reads(first)), set(step_writes(first))))
    dead = last_uses(uses, manifest.output)
    return DevicePipeline(runnables, dead, output=manifest.output, command=command)


def _groups(manifest: BundleManifest) -> list[list[Step]]:
    """Consecutive device steps together, every other step alone."""
    groups: list[list[Step]] = []
    for step in manifest.steps:
        on_device = isinstance(step, (GraphStep, PatchTransferStep))
        if on_device and groups and isinstance(groups[-1][0], (GraphStep, PatchTransferStep)):
            groups[-1].append(step)
        else:
            groups.append([step])
    return groups


def _needed_after(groups: list[list[Step]], output: str) -> list[set[str]]:
    """For each group, the tensors that a later one reads."""
    needed: list[set[str]] = []
    later = {output}
    for group in reversed(groups):
        needed.append(set(later))
        later |= {name for step in group for name in step_reads(step)}
    return needed[::-1]


def _maker(
    bundle: Bundle, device: Device, make_graph: Callable[[GraphStep], DeviceStep]
) -> DeviceStepMaker:
    def make(step: DeviceKind) -> DeviceStep:
        if isinstance(step, PatchTransferStep):
            return DevicePatchTransfer(step, bundle.arrays, device)
        return make_graph(step)

    return make


def _build_command(bundle: Bundle, canvas: Canvas, options: ProviderOptions) -> str:
    factor = bundle.manifest.factor
    size = f"{canvas.width * factor}x{canvas.height * factor}"
    precision = "" if options.precision == "fp32" else f" --precision {options.precision}"
    return f"petsgan-sdk build {bundle.path} --provider tensorrt --sizes {size}{precision}"

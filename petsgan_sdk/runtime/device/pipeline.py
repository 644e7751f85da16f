"""The steps of a bundle with everything between noise and image on a CUDA device.

Noise, positions and carried texture are made on the CPU; graphs and patch transfer between them run
on the device without a copy. Built, not run on a GPU.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TypeAlias

from petsgan_sdk import kernels
from petsgan_sdk.errors import BackendUnavailableError
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
from petsgan_sdk.runtime.bundle import Bundle, step_reads, step_writes, tensor_levels
from petsgan_sdk.runtime.canvas import Canvas, Window
from petsgan_sdk.runtime.checks import MIN_SIDE_PX
from petsgan_sdk.runtime.device.arrays import Array, CudaDevice, Device
from petsgan_sdk.runtime.device.onnx_cuda import (
    OnnxCudaGraph,
    memory_options,
    provider_options,
)
from petsgan_sdk.runtime.device.segment import DeviceStep, Segment
from petsgan_sdk.runtime.device.transfer import DevicePatchTransfer
from petsgan_sdk.runtime.options import ProviderOptions
from petsgan_sdk.runtime.resizing import RunResize
from petsgan_sdk.runtime.session import GraphSession
from petsgan_sdk.runtime.steps import (
    Observer,
    Pipeline,
    Runnable,
    Runner,
    RunNoise,
    RunPosition,
    RunTextureTransfer,
    Tensors,
    build_pipeline,
    last_uses,
    run_in_order,
    transfer_halo,
)
from petsgan_sdk.runtime.tensorrt.lookup import MissingEngineError
from petsgan_sdk.runtime.tensorrt.source import graph_maker

__all__ = ["DevicePipeline", "DeviceStepMaker", "device_pipeline", "open_pipeline"]

_log = logging.getLogger(__name__)

_WINDOW_PX = 2048
"""No window of a canvas that is made in blocks is larger, halo included."""

DeviceKind: TypeAlias = GraphStep | PatchTransferStep
DeviceStepMaker = Callable[[DeviceKind], DeviceStep]
"""Makes a step that runs on the device."""


Command = Callable[[Canvas, Window], str]
"""What builds the engines that a window of a canvas needs."""


class RunSegment:
    """Consecutive device steps as one step of a pipeline."""

    def __init__(
        self, steps: Sequence[DeviceKind], segment: Segment, command: Command, *, level: int | None
    ) -> None:
        """Name it after what it runs."""
        self.label = "+".join(_label(step) for step in steps)
        self.level = level
        self._segment = segment
        self._command = command

    def run(self, tensors: Tensors, canvas: Canvas, window: Window) -> None:
        """Upload, run, download.

        Raises:
            BackendUnavailableError: An engine is missing; the message has the command.
        """
        host: dict[str, Array] = {name: tensors[name] for name in self._segment.inputs}
        try:
            tensors.update(self._segment.run(host))
        except MissingEngineError as exc:
            raise BackendUnavailableError(str(exc), hint=self._command(canvas, window)) from exc


class RunDeviceStep(RunSegment):
    """One device step alone, with its tensors on the host: for windows of a canvas."""

    def __init__(
        self, step: DeviceKind, segment: Segment, command: Command, *, level: int | None
    ) -> None:
        """Keep what the manifest says of it."""
        super().__init__([step], segment, command, level=level)
        self.step: Step = step
        self.halo = step.halo if isinstance(step, GraphStep) else transfer_halo(step)


class DevicePipeline(Pipeline):
    """A pipeline whose steps also run in groups.

    Args:
        steps: Every step alone.
        dead_after: For each of them, the tensors that no later one reads.
        groups: The same steps in groups, for a whole canvas.
        dead_after_groups: As `dead_after`.
        output: The tensor that is the result.
    """

    def __init__(
        self,
        steps: Sequence[Runnable],
        dead_after: Sequence[frozenset[str]],
        groups: Sequence[Runner],
        dead_after_groups: Sequence[frozenset[str]],
        *,
        output: str,
    ) -> None:
        """Keep both lists."""
        super().__init__(steps, dead_after, output=output)
        self._groups = tuple(zip(groups, dead_after_groups, strict=True))

    def run(self, canvas: Canvas, *, observer: Observer | None = None) -> Array:
        """Run every group for the whole canvas."""
        return run_in_order(self._groups, canvas, output=self.output, observer=observer)


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
            command=partial(_build_command, bundle.path, bundle.manifest, options),
        )
    reason = kernels.build_info()["cuda"].get("reason")
    if reason is not None:
        pipeline = build_pipeline(
            bundle, provider=provider, threads=threads, provider_options=memory_options(options)
        )
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
    command: Command = lambda *_: "petsgan-sdk build",
) -> DevicePipeline:
    """Group the steps of a bundle into host steps and segments on the device.

    Args:
        bundle: An open bundle.
        device: Where segments run.
        make: Makes their steps.
        threads: Of the kernels on the CPU.
        command: Builds what is missing.
    """
    manifest = bundle.manifest
    levels = tensor_levels(manifest)
    singles: list[Runnable] = []
    grouped: list[Runner] = []
    uses: list[tuple[set[str], set[str]]] = []
    groups = _groups(manifest)
    for group, later in zip(groups, _needed_after(groups, manifest.output), strict=True):
        kinds = [step for step in group if isinstance(step, (GraphStep, PatchTransferStep))]
        if not kinds:
            host = _host_step(group[0], bundle, levels, threads=threads)
            singles.append(host)
            grouped.append(host)
            uses.append((set(step_reads(group[0])), set(step_writes(group[0]))))
            continue
        steps = [make(step) for step in kinds]
        for kind, step in zip(kinds, steps, strict=True):
            alone = Segment(device, [step], outputs=step.writes)
            level = levels[step_writes(kind)[0]]
            singles.append(RunDeviceStep(kind, alone, command, level=level))
        made = {name for step in steps for name in step.writes}
        segment = Segment(device, steps, outputs=sorted(made & later))
        grouped.append(RunSegment(kinds, segment, command, level=level))
        uses.append((set(segment.inputs), set(segment.outputs)))
    alone_uses = [(set(step_reads(step)), set(step_writes(step))) for step in manifest.steps]
    return DevicePipeline(
        singles,
        last_uses(alone_uses, manifest.output),
        grouped,
        last_uses(uses, manifest.output),
        output=manifest.output,
    )


def _host_step(
    step: Step, bundle: Bundle, levels: Mapping[str, int | None], *, threads: int
) -> Runnable:
    match step:
        case NoiseStep():
            return RunNoise(step)
        case PositionStep():
            return RunPosition(step)
        case TextureTransferStep():
            factor = bundle.manifest.factor
            level = levels[step.output]
            return RunTextureTransfer(
                step, bundle.arrays, factor=factor, threads=threads, level=level
            )
        case ResizeStep():
            return RunResize(step, source_level=levels[step.input], threads=threads)
    msg = f"a {step.kind} step runs on the device"
    raise TypeError(msg)


def _label(step: DeviceKind) -> str:
    return PurePosixPath(step.member).stem if isinstance(step, GraphStep) else step.kind


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


def _build_command(
    path: Path, manifest: BundleManifest, options: ProviderOptions, canvas: Canvas, window: Window
) -> str:
    """One size for a whole canvas; for windows of it, whose sizes vary, a range."""
    factor = manifest.factor
    if window == canvas.whole:
        sizes = f"--sizes {window.width * factor}x{window.height * factor}"
    else:
        sizes = f"--min {max(MIN_SIDE_PX, manifest.min_canvas_px)} --opt 1024 --max {_WINDOW_PX}"
    precision = "" if options.precision == "fp32" else f" --precision {options.precision}"
    return f"petsgan-sdk build {path} --provider tensorrt {sizes}{precision}"

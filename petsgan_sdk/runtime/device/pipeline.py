"""The steps of a bundle with everything between noise and image on a CUDA device.

Noise, positions and carried texture are made on the CPU; graphs, and patch transfer and resizes
between them, run on the device without a copy. Built, not run on a GPU.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TypeAlias

from petsgan_sdk import kernels
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
from petsgan_sdk.runtime.canvas import Canvas
from petsgan_sdk.runtime.checks import MIN_SIDE_PX
from petsgan_sdk.runtime.device.arrays import CudaDevice, Device
from petsgan_sdk.runtime.device.groups import Command, DevicePipeline, Part, RunDeviceStep
from petsgan_sdk.runtime.device.onnx_cuda import (
    OnnxCudaGraph,
    memory_options,
    provider_options,
)
from petsgan_sdk.runtime.device.resize import DeviceResize
from petsgan_sdk.runtime.device.segment import DeviceStep, Segment
from petsgan_sdk.runtime.device.transfer import DevicePatchTransfer
from petsgan_sdk.runtime.flow import step_writes, tensor_levels
from petsgan_sdk.runtime.options import ProviderOptions
from petsgan_sdk.runtime.resizing import RunResize
from petsgan_sdk.runtime.session import GraphSession
from petsgan_sdk.runtime.steps import (
    Pipeline,
    Runnable,
    RunNoise,
    RunPosition,
    RunTextureTransfer,
    build_pipeline,
)
from petsgan_sdk.runtime.tensorrt.source import graph_maker

__all__ = ["DeviceStepMaker", "device_pipeline", "open_pipeline"]

_log = logging.getLogger(__name__)

_WINDOW_PX = 2048
"""No window of a canvas that is made in blocks is larger, halo included."""

DeviceKind: TypeAlias = GraphStep | PatchTransferStep | ResizeStep
DeviceStepMaker = Callable[[DeviceKind], DeviceStep]
"""Makes a step that runs on the device."""


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
        _log.warning("our kernels run on the CPU and their tensors are copied: %s", reason)
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
    levels = tensor_levels(bundle.manifest)
    parts: list[Part] = []
    for step in bundle.manifest.steps:
        if isinstance(step, ResizeStep):
            alone = _host_step(step, bundle, levels, threads=threads)
            parts.append(Part(alone, make(step)))
        elif isinstance(step, (GraphStep, PatchTransferStep)):
            on_device = make(step)
            segment = Segment(device, [on_device], outputs=on_device.writes)
            level = levels[step_writes(step)[0]]
            parts.append(Part(RunDeviceStep(step, segment, command, level=level), on_device))
        else:
            parts.append(Part(_host_step(step, bundle, levels, threads=threads), None))
    return DevicePipeline(parts, device, command, output=bundle.manifest.output)


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


def _maker(
    bundle: Bundle, device: Device, make_graph: Callable[[GraphStep], DeviceStep]
) -> DeviceStepMaker:
    def make(step: DeviceKind) -> DeviceStep:
        match step:
            case PatchTransferStep():
                return DevicePatchTransfer(step, bundle.arrays, device)
            case ResizeStep():
                return DeviceResize(step, device)
            case GraphStep():
                return make_graph(step)

    return make


def _build_command(
    path: Path,
    manifest: BundleManifest,
    options: ProviderOptions,
    canvas: Canvas,
    is_whole: bool,
) -> str:
    """One size for a whole canvas; for windows of it, whose sizes vary, a range."""
    factor = manifest.factor
    if is_whole:
        sizes = f"--sizes {canvas.width * factor}x{canvas.height * factor}"
    else:
        sizes = f"--min {max(MIN_SIDE_PX, manifest.min_canvas_px)} --opt 1024 --max {_WINDOW_PX}"
    precision = "" if options.precision == "fp32" else f" --precision {options.precision}"
    return f"petsgan-sdk build {path} --provider tensorrt {sizes}{precision}"

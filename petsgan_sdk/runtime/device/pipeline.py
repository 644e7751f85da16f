"""The steps of a bundle with everything between noise and image on a CUDA device.

Noise, positions and carried texture are made on the CPU; graphs, and patch transfer and resizes
between them, run on the device without a copy. Built, not run on a GPU.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

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
from petsgan_sdk.runtime.device.arrays import Device
from petsgan_sdk.runtime.device.groups import Command, DevicePipeline, Part, RunDeviceStep
from petsgan_sdk.runtime.device.resize import DeviceResize
from petsgan_sdk.runtime.device.segment import DeviceStep, Segment
from petsgan_sdk.runtime.device.transfer import DevicePatchTransfer
from petsgan_sdk.runtime.flow import step_writes, tensor_levels
from petsgan_sdk.runtime.rendering.resizing import RunResize
from petsgan_sdk.runtime.rendering.steps import (
    Runnable,
    RunNoise,
    RunPosition,
    RunTextureTransfer,
)

__all__ = ["DeviceStepMaker", "device_pipeline", "step_maker"]


DeviceKind: TypeAlias = GraphStep | PatchTransferStep | ResizeStep
DeviceStepMaker = Callable[[DeviceKind], DeviceStep]
"""Makes a step that runs on the device."""


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


def step_maker(
    bundle: Bundle, device: Device, make_graph: Callable[[GraphStep], DeviceStep]
) -> DeviceStepMaker:
    """What makes the steps of a bundle that run on a device; `make_graph` makes its graphs."""

    def make(step: DeviceKind) -> DeviceStep:
        match step:
            case PatchTransferStep():
                return DevicePatchTransfer(step, bundle.arrays, device)
            case ResizeStep():
                return DeviceResize(step, device)
            case GraphStep():
                return make_graph(step)

    return make

"""The steps of a bundle with everything between noise and image on a CUDA device.

Noise, positions and carried texture are made on the CPU; graphs, and patch transfer and resizes
between them, run on the device without a copy. Built, not run on a GPU.
"""

from __future__ import annotations

from collections.abc import Callable
from pkgutil import resolve_name

from petsgan_sdk.manifest import GraphStep, Step
from petsgan_sdk.runtime.bundle import Bundle
from petsgan_sdk.runtime.device.arrays import Device
from petsgan_sdk.runtime.device.groups import Command, DevicePipeline, Part, RunDeviceStep
from petsgan_sdk.runtime.device.segment import DeviceStep
from petsgan_sdk.runtime.rendering.steps.runner import Surroundings, make_runner

__all__ = ["DeviceStepMaker", "device_pipeline", "step_maker"]

DeviceStepMaker = Callable[[Step], DeviceStep]
"""Makes what runs a step on the device."""


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
        make: Makes what runs those steps that can be run there.
        threads: Of the kernels on the CPU.
        command: Builds what is missing.
    """
    around = Surroundings(bundle, threads)
    parts: list[Part] = []
    for step in bundle.manifest.steps:
        can_be = step.device_runner is not None or step.graph_members
        on_device = make(step) if can_be else None
        if on_device is None or not on_device.takes_windows:
            parts.append(Part(make_runner(step, around), on_device))
        else:
            alone = RunDeviceStep(step, around, on_device, device, command)
            parts.append(Part(alone, on_device))
    return DevicePipeline(parts, device, command, output=bundle.manifest.output)


def step_maker(
    bundle: Bundle, device: Device, make_graph: Callable[[GraphStep], DeviceStep]
) -> DeviceStepMaker:
    """What makes the steps of a bundle on a device; graphs are the provider's affair."""

    def make(step: Step) -> DeviceStep:
        if isinstance(step, GraphStep):
            return make_graph(step)
        assert step.device_runner is not None  # else it runs on the host
        made: DeviceStep = resolve_name(step.device_runner)(step, bundle.arrays, device)
        return made

    return make

"""Steps of a bundle in groups, so that tensors stay on the device between them.

What reads nothing, noise and positions, is made first: what is left of a pyramid then follows each
other on the device, and nothing but noise and positions goes to it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from petsgan_sdk._arrays import Array
from petsgan_sdk.errors import BackendUnavailableError, MissingEngineError
from petsgan_sdk.manifest import Step
from petsgan_sdk.runtime.device.arrays import Device
from petsgan_sdk.runtime.device.segment import DeviceStep, Segment
from petsgan_sdk.runtime.rendering.canvas import Canvas, Window
from petsgan_sdk.runtime.rendering.pipeline import Pipeline, last_uses, run_in_order
from petsgan_sdk.runtime.rendering.steps.runner import (
    AnyRunner,
    Observer,
    Runner,
    StepRunner,
    Surroundings,
    Tensors,
)

__all__ = ["Command", "DevicePipeline", "Part", "RunDeviceStep"]

Command = Callable[[Canvas, bool], str]
"""What builds the engines that a canvas needs, whole (True) or in windows of many sizes."""

Uses: TypeAlias = tuple[set[str], set[str]]
"""What is read and what is written."""


class RunSegment:
    """Steps on the device as one step of a pipeline.

    Args:
        label: Its name in timings.
        segment: The steps.
        command: Builds what is missing.
        level: The grid of what it makes.
        resized: The grids of tensors whose size does not follow from others.
    """

    def __init__(
        self,
        label: str,
        segment: Segment,
        command: Command,
        *,
        level: int | None,
        resized: Mapping[str, int | None] | None = None,
    ) -> None:
        """Keep it."""
        self.label = label
        self.level = level
        self._segment = segment
        self._command = command
        self._resized = {} if resized is None else resized

    def run(self, tensors: Tensors, canvas: Canvas, window: Window) -> None:
        """Upload, run, download.

        Raises:
            BackendUnavailableError: An engine is missing; the message has the command.
        """
        host: dict[str, Array] = {name: tensors[name] for name in self._segment.inputs}
        grids = {name: canvas.at(level) for name, level in self._resized.items()}
        sizes = {name: (grid.height, grid.width) for name, grid in grids.items()}
        try:
            tensors.update(self._segment.run(host, sizes))
        except MissingEngineError as exc:
            is_whole = window == canvas.at(self.level).whole
            raise BackendUnavailableError(str(exc), hint=self._command(canvas, is_whole)) from exc


class RunDeviceStep(StepRunner[Step]):
    """One device step alone, with its tensors on the host: for windows of a canvas.

    Args:
        step: What the manifest says of it.
        around: The bundle.
        on_device: What runs it.
        device: Where.
        command: Builds what is missing.
    """

    def __init__(
        self,
        step: Step,
        around: Surroundings,
        on_device: DeviceStep,
        device: Device,
        command: Command,
    ) -> None:
        """Make a segment of it."""
        super().__init__(step, around)
        segment = Segment(device, [on_device], outputs=on_device.writes)
        self._alone = RunSegment(self.label, segment, command, level=self.level)

    def run(self, tensors: Tensors, canvas: Canvas, window: Window) -> None:
        """Upload, run, download."""
        self._alone.run(tensors, canvas, window)


@dataclass(frozen=True, slots=True)
class Part:
    """One step of a bundle, in the two ways in which it can be run."""

    alone: AnyRunner
    """Host arrays in, host arrays out."""
    grouped: DeviceStep | None
    """On the device among others; None for what runs on the host."""


class DevicePipeline(Pipeline):
    """A pipeline whose steps also run in groups, for a whole canvas.

    Args:
        parts: The steps.
        device: Where groups run.
        command: Builds what is missing.
        output: The tensor that is the result.
    """

    def __init__(
        self, parts: Sequence[Part], device: Device, command: Command, *, output: str
    ) -> None:
        """Group the steps."""
        steps = [part.alone for part in parts]
        super().__init__(steps, output=output)
        self._parts = tuple(parts)
        self._device = device
        self._command = command
        self._parts_made: dict[tuple[str, str | None], DevicePipeline] = {}
        self._groups = self._grouped()

    def run(self, canvas: Canvas, *, observer: Observer | None = None) -> Array:
        """Run every group for the whole canvas."""
        return run_in_order(self._groups, canvas, output=self.output, observer=observer)

    def _part(self, output: str, *, given: str | None = None) -> DevicePipeline:
        """As `Pipeline`'s; kept, with the buffers of its sizes."""
        key = (output, given)
        if key not in self._parts_made:
            left = set(super()._part(output, given=given).steps)
            parts = [part for part in self._parts if part.alone in left]
            made = DevicePipeline(parts, self._device, self._command, output=output)
            self._parts_made.setdefault(key, made)
        return self._parts_made[key]

    def _grouped(self) -> list[tuple[Runner, frozenset[str]]]:
        """The groups, each with the tensors that no later one reads."""
        runners: list[Runner] = []
        uses: list[Uses] = []
        later = {self.output}
        for group in reversed(_groups(self._parts)):
            runner, used = self._join(group, later)
            runners.insert(0, runner)
            uses.insert(0, used)
            later |= used[0]
        return list(zip(runners, last_uses(uses, self.output), strict=True))

    def _join(self, group: Sequence[Part], later: set[str]) -> tuple[Runner, Uses]:
        """One runner for a group; `later` is what is read after it."""
        alone = [part.alone for part in group]
        steps = [part.grouped for part in group if part.grouped is not None]
        if not steps:
            (host,) = alone
            return host, _uses(host.step)
        made = {name for step in steps for name in step.writes}
        segment = Segment(self._device, steps, outputs=sorted(made & later))
        resized = {s.step.writes[0]: s.level for s in alone if s.step.says_level}
        runner = RunSegment(
            "+".join(step.label for step in alone),
            segment,
            self._command,
            level=alone[-1].level,
            resized=resized,
        )
        return runner, (set(segment.inputs), set(segment.outputs))


def _groups(parts: Sequence[Part]) -> list[list[Part]]:
    """Consecutive device steps together, every other step alone."""
    groups: list[list[Part]] = []
    # Stable: what reads nothing comes first, all else stays in order.
    ordered = sorted(parts, key=lambda part: bool(part.alone.step.reads))
    for part in ordered:
        if part.grouped is not None and groups and groups[-1][0].grouped is not None:
            groups[-1].append(part)
        else:
            groups.append([part])
    return groups


def _uses(step: Step) -> Uses:
    return set(step.reads), set(step.writes)

"""Consecutive steps on one device: host arrays in, host arrays out, nothing copied in between.

For every size of the inputs a segment keeps its buffers and what the steps prepared for them. Where
the steps allow it, the second run of a size records a CUDA graph, which all later ones launch.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from petsgan_sdk._arrays import Array
from petsgan_sdk.manifest import Size
from petsgan_sdk.runtime.device.arrays import Device

__all__ = ["DeviceStep", "Segment"]

_KEPT_SIZES = 4
"""Sizes whose buffers are kept; of more, the last used."""

Tensors = dict[str, Any]


class DeviceStep(Protocol):
    """A step whose tensors lie on the device."""

    reads: tuple[str, ...]
    """Tensors that it needs."""
    writes: tuple[str, ...]
    """Tensors that it makes."""
    capturable: bool
    """Whether what it enqueues may be recorded in a CUDA graph."""
    takes_windows: bool
    """Whether it can be run on a window of a canvas, or on the whole only."""

    def prepare(
        self, tensors: Mapping[str, Any], sizes: Mapping[str, Size]
    ) -> tuple[Tensors, Callable[[], None]]:
        """Make the arrays of its results for these inputs, and the function that enqueues it.

        The function uses the very arrays that were there when it was prepared.

        Args:
            tensors: On the device, by name.
            sizes: `(rows, columns)` of the results whose size hangs on the canvas, by name.
        """


@dataclass(slots=True)
class _Prepared:
    """A segment at one size."""

    tensors: Tensors
    work: list[Callable[[], None]]
    launch: Callable[[], None] | None = None
    runs: int = 0

    def enqueue(self) -> None:
        for step in self.work:
            step()


class Segment:
    """A list of device steps. Threads take turns on the device.

    Args:
        device: Where everything happens.
        steps: In order; each tensor is made before it is read, or comes from outside.
        outputs: Tensors that are wanted outside.
    """

    def __init__(
        self, device: Device, steps: Sequence[DeviceStep], *, outputs: Sequence[str]
    ) -> None:
        """Find what comes from outside."""
        self._device = device
        self._steps = tuple(steps)
        self._prepared: OrderedDict[tuple[tuple[int, ...], ...], _Prepared] = OrderedDict()
        self._is_capturable = all(step.capturable for step in steps)
        self.outputs: tuple[str, ...] = tuple(outputs)
        """Tensors that `run` returns."""
        made: set[str] = set()
        inputs: dict[str, None] = {}
        for step in steps:
            inputs |= dict.fromkeys(name for name in step.reads if name not in made)
            made |= set(step.writes)
        self.inputs: tuple[str, ...] = tuple(inputs)
        """Tensors that `run` needs."""

    def run(
        self, host: Mapping[str, Array], sizes: Mapping[str, Size] | None = None
    ) -> dict[str, Array]:
        """Upload, run and download.

        Args:
            host: Float32 arrays for `inputs`.
            sizes: As in `DeviceStep.prepare`, always of the same tensors; None if there are none.

        Raises:
            KernelError: CUDA failed.
            BundleError: A step refuses its inputs.
        """
        with self._device.lock:
            self._device.enter()
            sizes = {} if sizes is None else sizes
            key = (*(host[name].shape for name in self.inputs), *sizes.values())
            prepared = self._prepared.get(key)
            if prepared is None:
                prepared = self._prepare(host, sizes)
                self._prepared[key] = prepared
                while len(self._prepared) > _KEPT_SIZES:
                    self._prepared.popitem(last=False)
            self._prepared.move_to_end(key)
            for name in self.inputs:
                self._device.upload(host[name], prepared.tensors[name])
            self._run(prepared)
            return {name: self._device.download(prepared.tensors[name]) for name in self.outputs}

    def _prepare(self, host: Mapping[str, Array], sizes: Mapping[str, Size]) -> _Prepared:
        tensors: Tensors = {}
        for name in self.inputs:
            tensors[name] = self._device.empty(host[name].shape, "float32")
            # A step may have to run once to know the sizes of its results.
            self._device.upload(host[name], tensors[name])
        work = []
        for step in self._steps:
            results, enqueue = step.prepare({name: tensors[name] for name in step.reads}, sizes)
            tensors |= results
            work.append(enqueue)
        return _Prepared(tensors, work)

    def _run(self, prepared: _Prepared) -> None:
        # The first run is never recorded: libraries load code and tune themselves in it.
        if prepared.launch is None and self._is_capturable and prepared.runs == 1:
            prepared.launch = self._device.capture(prepared.enqueue)
        prepared.runs += 1
        (prepared.launch or prepared.enqueue)()

"""A device that is host memory, and steps on it that count what is prepared, copied and kept."""

from __future__ import annotations

from threading import Lock

import numpy as np

from petsgan_sdk import kernels
from petsgan_sdk.manifest import GraphStep, ResizeStep
from petsgan_sdk.runtime.device.pipeline import device_pipeline
from petsgan_sdk.runtime.device.resize import DeviceResize
from petsgan_sdk.runtime.rendering.pipeline import build_pipeline
from petsgan_sdk.runtime.session import GraphSession


class FakeDevice:
    """Arrays are numpy arrays full of NaN; what is enqueued while recording runs at a launch."""

    stream = 7

    def __init__(self):
        self.uploads = []
        self.downloads = 0
        self.recordings = 0
        self.launches = 0
        self.recorded = None
        self.lock = Lock()

    def enter(self):
        pass

    def empty(self, shape, dtype):
        return np.full(shape, np.nan if dtype == "float32" else -1, dtype)

    def upload(self, host, array):
        assert self.recorded is None
        array[...] = host
        self.uploads.append(array.shape)

    def download(self, array):
        assert self.recorded is None
        self.downloads += 1
        return array.copy()

    def synchronize(self):
        pass

    def enqueue(self, work):
        if self.recorded is None:
            work()
        else:
            self.recorded.append(work)

    def capture(self, work):
        self.recordings += 1
        self.recorded = recorded = []
        work()
        self.recorded = None

        def launch():
            self.launches += 1
            for each in recorded:
                each()

        return launch


class FakeStep:
    """A step by ONNX Runtime or our kernel on the CPU, on the arrays that it was prepared with."""

    def __init__(self, step, bundle, device, *, capturable=True):
        self.reads, self.writes = step.reads, step.writes
        self.capturable = capturable
        self.takes_windows = True
        self._step, self._device = step, device
        self.prepared = 0
        if isinstance(step, GraphStep):
            graph = bundle.graphs[step.member]
            self._session = GraphSession(graph, step.member, provider="cpu", threads=1)
        else:
            arrays = bundle.arrays
            self._reference = kernels.PatchReference(
                arrays[step.reference], arrays[step.values], window=step.window
            )

    def _compute(self, tensors):
        step = self._step
        if isinstance(step, GraphStep):
            made = self._session.run({key: tensors[name] for key, name in step.inputs.items()})
            return {name: made[key] for key, name in step.outputs.items()}
        found = kernels.patch_transfer(
            tensors[step.query], self._reference, temperature=step.temperature
        )
        return {step.output: found.values, step.index_output: found.index}

    def prepare(self, tensors, _sizes):
        self.prepared += 1
        first = self._compute({name: np.zeros_like(array) for name, array in tensors.items()})
        results = {name: self._device.empty(a.shape, str(a.dtype)) for name, a in first.items()}

        def work():
            for name, array in self._compute(tensors).items():
                results[name][...] = array

        return results, lambda: self._device.enqueue(work)


def draw_with(seed):
    def draw(shape, stage, top, left):
        return kernels.normal_noise(shape, seed=seed, stage=stage, top=top, left=left)

    return draw


def pipelines(bundle, device, *, capturable=True):
    made = []

    def make(step):
        if isinstance(step, ResizeStep):
            return DeviceResize(step, bundle.arrays, device)
        made.append(FakeStep(step, bundle, device, capturable=capturable))
        return made[-1]

    on_device = device_pipeline(bundle, device, make, threads=1)
    return build_pipeline(bundle, provider="cpu", threads=1), on_device, made


def resizing(device):
    """`kernels.resize_window` with a form of it on the device of these tests."""
    on_cpu = kernels.resize_window

    def resize_window(source, *, backend="auto", stream=0, out=None, **settings):
        if backend != "cuda":
            return on_cpu(source, **settings)
        assert stream == device.stream

        def work():
            out[...] = on_cpu(source, **settings)

        device.enqueue(work)
        return out

    return resize_window

"""What is copied, recorded and kept around the device calls, with a device that is host memory."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from bundle_factory import write_bundle
from helpers import assert_close

from petsgan_sdk import kernels
from petsgan_sdk.errors import BackendUnavailableError
from petsgan_sdk.manifest import GraphStep
from petsgan_sdk.runtime.bundle import open_bundle, step_reads, step_writes
from petsgan_sdk.runtime.canvas import Canvas, Window
from petsgan_sdk.runtime.device.pipeline import _build_command, device_pipeline
from petsgan_sdk.runtime.options import ProviderOptions
from petsgan_sdk.runtime.render import Rendering
from petsgan_sdk.runtime.session import GraphSession
from petsgan_sdk.runtime.steps import build_pipeline
from petsgan_sdk.runtime.tensorrt.lookup import MissingEngineError


class FakeDevice:
    """Arrays are numpy arrays full of NaN; what is enqueued while recording runs at a launch."""

    stream = 7

    def __init__(self):
        self.uploads = []
        self.downloads = 0
        self.recordings = 0
        self.launches = 0
        self.recorded = None

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
        self.reads, self.writes = step_reads(step), step_writes(step)
        self.capturable = capturable
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

    def prepare(self, tensors):
        self.prepared += 1
        first = self._compute({name: np.zeros_like(array) for name, array in tensors.items()})
        results = {name: self._device.empty(a.shape, str(a.dtype)) for name, a in first.items()}

        def work():
            for name, array in self._compute(tensors).items():
                results[name][...] = array

        return results, lambda: self._device.enqueue(work)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return open_bundle(write_bundle(tmp_path_factory.mktemp("bundle") / "tiny.petsgan"))


@pytest.fixture
def device():
    return FakeDevice()


def canvas(height, width, seed):
    def draw(shape, stage, top, left):
        return kernels.normal_noise(shape, seed=seed, stage=stage, top=top, left=left)

    return Canvas(height, width, draw)


def pipelines(bundle, device, *, capturable=True):
    made = []

    def make(step):
        made.append(FakeStep(step, bundle, device, capturable=capturable))
        return made[-1]

    on_device = device_pipeline(bundle, device, make, threads=1)
    return build_pipeline(bundle, provider="cpu", threads=1), on_device, made


def test_only_the_ends_are_copied(bundle, device):
    plain, on_device, _ = pipelines(bundle, device)
    labels = []
    result = on_device.run(canvas(6, 8, 1), observer=lambda label, _: labels.append(label))
    assert_close(result, plain.run(canvas(6, 8, 1)), tolerance="exact")
    assert labels == [
        "noise",
        "position",
        "depnet+features+patch_transfer",
        "texture_transfer",
        "restoration",
    ]
    # Once to prepare, once to run: noise and position in, layout and features never out.
    first = [(1, 1, 10, 12), (1, 4, 10, 12)]
    second = [(1, 3, 6, 8), (1, 3, 48, 64)]
    assert device.uploads == [*first, *first, *second, *second]
    assert device.downloads == 3  # transferred, index; image


def test_a_size_is_recorded_in_its_second_run_and_launched_after(bundle, device):
    plain, on_device, steps = pipelines(bundle, device)
    for seed in range(4):
        found = on_device.run(canvas(6, 8, seed))
        assert_close(found, plain.run(canvas(6, 8, seed)), tolerance="exact")
        assert device.recordings == (2 if seed else 0)  # two segments
    assert device.launches == 2 * 3
    assert [step.prepared for step in steps] == [1, 1, 1, 1]


def test_steps_that_cannot_be_recorded_are_enqueued_each_time(bundle, device):
    plain, on_device, _ = pipelines(bundle, device, capturable=False)
    for seed in range(3):
        found = on_device.run(canvas(6, 8, seed))
        assert_close(found, plain.run(canvas(6, 8, seed)), tolerance="exact")
    assert device.recordings == 0


def test_sizes_have_buffers_of_their_own_and_the_oldest_go(bundle, device):
    plain, on_device, steps = pipelines(bundle, device)
    sizes = [(6, 8), (5, 9), (7, 7), (4, 4), (8, 6)]
    for height, width in (*sizes[:2], *sizes, *sizes[1:]):
        found = on_device.run(canvas(height, width, 3))
        assert_close(found, plain.run(canvas(height, width, 3)), tolerance="exact")
    assert steps[0].prepared == len(sizes)  # the last four were still there
    on_device.run(canvas(*sizes[0], 3))
    assert steps[0].prepared == len(sizes) + 1


def test_a_missing_engine_names_the_command(bundle, device):
    class Missing:
        reads, writes, capturable = (), (), True

        def prepare(self, _):
            msg = "no engine is built"
            raise MissingEngineError(msg)

    def make(step):
        missing = Missing()
        missing.reads, missing.writes = step_reads(step), step_writes(step)
        return missing

    pipeline = device_pipeline(
        bundle, device, make, threads=1, command=lambda _, w: f"build {w.width}x{w.height}"
    )
    with pytest.raises(BackendUnavailableError, match="no engine is built; hint: build 8x6"):
        pipeline.run(canvas(6, 8, 0))


def test_a_canvas_in_blocks_runs_step_by_step(bundle, device):
    plain, on_device, _ = pipelines(bundle, device)
    size = (6 * 8, 140 * 8)  # two blocks

    def render(pipeline):
        made = Rendering(pipeline, canvas(6, 140, 5), factor=8, threads=1)
        return made.region(0, 0, *size)

    np.testing.assert_array_equal(render(on_device), render(plain))
    assert max(shape[-1] for shape in device.uploads) < size[1]


def test_commands_for_whole_canvases_and_windows(bundle):
    whole = canvas(6, 140, 0)
    make = partial(_build_command, bundle.path, bundle.manifest)
    command = make(ProviderOptions(precision="fp16"), whole, whole.whole)
    assert command.endswith("--provider tensorrt --sizes 1120x48 --precision fp16")
    command = make(ProviderOptions(), whole, Window(0, 0, 6, 80))
    assert command.endswith("--provider tensorrt --min 32 --opt 1024 --max 2048")

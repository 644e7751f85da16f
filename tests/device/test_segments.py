"""What is copied, recorded and kept around the device calls, with a device that is host memory."""

from __future__ import annotations

from functools import partial
from threading import Thread

import numpy as np
import pytest
from bundle_factory import write_bundle
from fake_device import FakeDevice, draw_with, pipelines
from helpers import assert_close

from petsgan_sdk.errors import BackendUnavailableError, MissingEngineError
from petsgan_sdk.runtime.bundle import open_bundle
from petsgan_sdk.runtime.device.pipeline import device_pipeline
from petsgan_sdk.runtime.loading import _build_command
from petsgan_sdk.runtime.options import ProviderOptions
from petsgan_sdk.runtime.rendering.canvas import Canvas
from petsgan_sdk.runtime.rendering.canvas_pixels import CanvasPixels


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return open_bundle(write_bundle(tmp_path_factory.mktemp("bundle") / "tiny.petsgan"))


@pytest.fixture
def device():
    return FakeDevice()


def canvas(height, width, seed):
    return Canvas(height, width, draw_with(seed))


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


def test_nothing_else_is_enqueued_while_a_stream_records(bundle, device, monkeypatch):
    plain, on_device, _ = pipelines(bundle, device)
    beside = pipelines(bundle, device)[1]
    drawn = canvas(6, 8, 1)
    on_device.run(drawn)
    results, others = [], []
    capture = device.capture

    def capture_beside_another_thread(work):
        def work_beside():
            other = Thread(target=lambda: results.append(beside.run(drawn)))
            other.start()
            other.join(timeout=0.2)
            assert other.is_alive()  # it waits for the device
            others.append(other)
            work()

        monkeypatch.setattr(device, "capture", capture)  # of the first segment alone
        return capture(work_beside)

    monkeypatch.setattr(device, "capture", capture_beside_another_thread)
    results.append(on_device.run(drawn))
    for other in others:
        other.join()
    assert len(results) == 2
    for result in results:
        assert_close(result, plain.run(drawn), tolerance="exact")


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
        reads, writes, capturable, takes_windows = (), (), True, True

        def prepare(self, *_):
            msg = "no engine is built"
            raise MissingEngineError(msg)

    def make(step):
        missing = Missing()
        missing.reads, missing.writes = step.reads, step.writes
        return missing

    pipeline = device_pipeline(
        bundle,
        device,
        make,
        threads=1,
        command=lambda c, whole: f"build {c.width}x{c.height} {whole}",
    )
    with pytest.raises(BackendUnavailableError, match="no engine is built; hint: build 8x6"):
        pipeline.run(canvas(6, 8, 0))


def test_a_canvas_in_blocks_runs_step_by_step(bundle, device):
    plain, on_device, _ = pipelines(bundle, device)
    size = (6 * 8, 140 * 8)  # two blocks

    def render(pipeline):
        made = CanvasPixels(pipeline, canvas(6, 140, 5), factor=8, threads=1)
        return made.region(0, 0, *size)

    np.testing.assert_array_equal(render(on_device), render(plain))
    assert max(shape[-1] for shape in device.uploads) < size[1]


def test_commands_for_whole_canvases_and_windows(bundle):
    whole = canvas(6, 140, 0)
    make = partial(_build_command, bundle.path, bundle.manifest)
    command = make(ProviderOptions(precision="fp16"), whole, is_whole=True)
    assert command.endswith("--provider tensorrt --sizes 1120x48 --precision fp16")
    command = make(ProviderOptions(), whole, is_whole=False)
    assert command.endswith("--provider tensorrt --min 32 --opt 1024 --max 2048")

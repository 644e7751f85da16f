from __future__ import annotations

import importlib.util
import os
import shutil
import signal

import pytest
from filelock import FileLock
from hypothesis import settings

# Two threads that wait for each other lose to whatever else the machine runs, as other workers.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Tests import onnxruntime themselves, before the SDK would turn its telemetry off.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

settings.register_profile("fast", max_examples=25, deadline=None)
settings.register_profile("ci", max_examples=100, deadline=None, derandomize=True)
settings.register_profile("slow", max_examples=1000, deadline=None)
settings.load_profile(
    os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "fast")
)

# A shell that starts pytest in the background has it ignore SIGINT, and so would every child; the
# tests of Ctrl-C need the signal to arrive.
signal.signal(signal.SIGINT, signal.default_int_handler)

NEEDS = {
    "gpu": (lambda: shutil.which("nvidia-smi") is not None, "no CUDA device on this machine"),
    "trt": (
        lambda: any(importlib.util.find_spec(name) for name in ("tensorrt", "tensorrt_rtx")),
        "neither TensorRT nor TensorRT for RTX is installed",
    ),
}
LONG = ("slow", "train")
TOGETHER = ("tests/export/",)


def pytest_addoption(parser):
    parser.addoption("--long", action="store_true", help="also run tests marked slow or train")


def pytest_collection_modifyitems(config, items):
    for mark, (present, reason) in NEEDS.items():
        marked = [item for item in items if item.get_closest_marker(mark)]
        if marked and not present():
            for item in marked:
                item.add_marker(pytest.mark.skip(reason=reason))
    # Left out by name (`-m slow`) or by option, never in silence: pytest counts them as deselected.
    if config.getoption("--long") or config.getoption("-m"):
        return
    long = [item for item in items if any(item.get_closest_marker(mark) for mark in LONG)]
    if long:
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item not in set(long)]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """A file's tests in one worker, and a whole room's where they share what takes long to make."""
    from xdist.scheduler import LoadFileScheduling  # noqa: PLC0415 - only where it is installed

    class RoomScheduling(LoadFileScheduling):
        def _split_scope(self, nodeid):
            together = [room for room in TOGETHER if nodeid.startswith(room)]
            return together[0] if together else super()._split_scope(nodeid)

    return RoomScheduling(config, log)


@pytest.fixture(scope="session")
def made_once(tmp_path_factory):
    """`made_once(name, make)`: the folder that `make(folder)` filled, once for all workers."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def made(name, make):
        folder = shared / "made" / name
        folder.parent.mkdir(exist_ok=True)
        with FileLock(f"{folder}.lock"):
            if not folder.exists():
                unfinished = folder.with_name(f"{name}.unfinished")
                shutil.rmtree(unfinished, ignore_errors=True)
                unfinished.mkdir()
                make(unfinished)
                unfinished.rename(folder)
        return folder

    return made


@pytest.fixture(autouse=True, scope="session")
def _no_user_cache(tmp_path_factory):
    """No test reads what a user's caches hold, nor writes there."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PETSGAN_CACHE", str(tmp_path_factory.getbasetemp() / "no-cache"))
        yield


@pytest.fixture(scope="session")
def bundle(tmp_path_factory):
    """The file of a small bundle with random weights."""
    from support.bundles import write_bundle  # noqa: PLC0415 - skips where onnx is absent

    return write_bundle(tmp_path_factory.mktemp("bundle") / "tiny.petsgan")


@pytest.fixture(scope="session")
def sampler(bundle):
    """The small bundle, loaded."""
    pytest.importorskip("onnxruntime", reason="sampling needs onnxruntime")
    from petsgan_sdk.runtime import load  # noqa: PLC0415 - needs onnxruntime

    return load(bundle, provider="cpu", threads=1)


@pytest.fixture(scope="session")
def copier(tmp_path_factory):
    """The file of a bundle whose model copies blocks of the cat."""
    pytest.importorskip("onnxruntime", reason="the model is run with onnxruntime")
    from support.copier_bundle import cat, write_copier  # noqa: PLC0415 - skips where onnx is absent

    return write_copier(tmp_path_factory.mktemp("bundle") / "copier.petsgan", cat())


@pytest.fixture(scope="session")
def synthesis_bundle(tmp_path_factory):
    """The file of a bundle that draws places of its photo."""
    from support.synthesis_bundle import write_synthesis_bundle  # noqa: PLC0415 - fits a photo

    return write_synthesis_bundle(tmp_path_factory.mktemp("bundle") / "places.petsgan")


@pytest.fixture(scope="session")
def synthesis(synthesis_bundle):
    """The bundle that draws places of its photo, loaded."""
    from petsgan_sdk.runtime import load  # noqa: PLC0415 - heavy

    return load(synthesis_bundle, provider="cpu", threads=1)


@pytest.fixture
def draw():
    """A generator of torch's random numbers."""
    torch = pytest.importorskip("torch", reason="it draws with torch")
    return torch.Generator().manual_seed(7)

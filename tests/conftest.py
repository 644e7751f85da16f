from __future__ import annotations

import importlib.util
import os
import shutil
import signal

import pytest
from hypothesis import settings

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

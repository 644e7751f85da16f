"""What works on this machine, what is missing, and the command that installs it.

A provider of ONNX Runtime counts only when it has really run a 32x32 convolution and the numbers
are right: the list that ONNX Runtime gives proves nothing. Of TensorRT only its parts are looked
for, since an engine takes long to build. Never imports torch; versions come from the metadata of
installed packages.
"""

from __future__ import annotations

import os
import struct
from typing import Any

import numpy as np

from petsgan_sdk import kernels
from petsgan_sdk._arrays import FloatArray
from petsgan_sdk._quota import allowed_cores, cpu_quota, usable_cores
from petsgan_sdk.diagnosis.host import installed_version, versions
from petsgan_sdk.errors import BackendUnavailableError, PetsganError
from petsgan_sdk.runtime.device.driver import open_driver
from petsgan_sdk.runtime.graphs.model import OPSET
from petsgan_sdk.runtime.graphs.wire import bytes_field, varint_field
from petsgan_sdk.runtime.providers import (
    INSTALL_CPU,
    INSTALL_GPU,
    ORT_NAMES,
    REPAIR,
    available_providers,
    conflicting_wheels,
    import_onnxruntime,
)
from petsgan_sdk.runtime.session import GraphSession
from petsgan_sdk.runtime.tensorrt.availability import Availability, find_availability
from petsgan_sdk.settings.families import FAMILIES

__all__ = ["diagnose", "probe_model", "probe_provider"]

_FLOAT = 1
_IR_VERSION = 8
_SIDE_PX = 32
_KERNEL: FloatArray = np.linspace(-0.5, 0.5, 9, dtype=np.float32).reshape(1, 1, 3, 3)
_TOLERANCE = 1e-4
_NO_RUNTIME = "onnxruntime is missing"
_EXTRAS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("training", "train", ("torch",)),
    ("exporting", "export", ("torch", "onnx", "onnxscript")),
)


def probe_model() -> bytes:
    """A model of one 3x3 convolution, `x -> y`, `[1, 1, 32, 32]` float32, in ONNX's own format."""

    def tensor_type(name: str, height: int, width: int) -> bytes:
        sizes = b"".join(bytes_field(1, varint_field(1, k)) for k in (1, 1, height, width))
        tensor = varint_field(1, _FLOAT) + bytes_field(2, sizes)
        return bytes_field(1, name) + bytes_field(2, bytes_field(1, tensor))

    shape = b"".join(varint_field(1, k) for k in _KERNEL.shape)
    raw = struct.pack("<9f", *_KERNEL.ravel().tolist())
    weights = shape + varint_field(2, _FLOAT) + bytes_field(8, "w") + bytes_field(9, raw)
    node = bytes_field(1, "x") + bytes_field(1, "w") + bytes_field(2, "y") + bytes_field(4, "Conv")
    graph = (
        bytes_field(1, node)
        + bytes_field(2, "probe")
        + bytes_field(5, weights)
        + bytes_field(11, tensor_type("x", _SIDE_PX + 2, _SIDE_PX + 2))
        + bytes_field(12, tensor_type("y", _SIDE_PX, _SIDE_PX))
    )
    opset = bytes_field(8, varint_field(2, OPSET))
    return varint_field(1, _IR_VERSION) + bytes_field(7, graph) + opset


def probe_provider(provider: str) -> str | None:
    """Run one 32x32 convolution on a provider.

    Returns:
        None when the numbers are right, else what went wrong.
    """
    side = _SIDE_PX + 2
    image = np.sin(np.arange(side * side, dtype=np.float32)).reshape(1, 1, side, side)
    try:
        session = GraphSession(probe_model(), "probe", provider=provider, threads=1)
        result = session.run({"x": image})["y"]
    except BackendUnavailableError as exc:
        return exc.plain
    except PetsganError as exc:
        return str(exc)
    windows = np.lib.stride_tricks.sliding_window_view(image[0, 0], (3, 3))
    expected = np.einsum("hwij,ij->hw", windows, _KERNEL[0, 0])
    difference = float(np.max(np.abs(result[0, 0] - expected)))
    if not difference <= _TOLERANCE:
        return f"wrong numbers: off by {difference:.2g} from numpy"
    return None


def diagnose() -> dict[str, Any]:
    """Try every part.

    Returns:
        JSON types: `ok` (a bundle with graphs can be sampled here), `models` (for each whether
        `training`, `exporting` and `sampling` work; all do without networks), `versions`,
        `providers` (`cuda`, `cpu`, `tensorrt`, `tensorrt-rtx`, each with `ok`, `present`,
        `version`, `detail` and `install`; either TensorRT serves `--provider tensorrt`), `cores`
        (`allowed` by the system, `quota` of the control groups or None, and how many are `usable`),
        `kernels` (names of backends), `backend` (the one `used`, what PETSGAN_BACKEND `asked` for,
        `simd`, and the `problem` of the compiled kernels or None), and `missing`: a list of
        `{"what", "detail", "install"}`.
    """
    missing: list[dict[str, str]] = []
    providers = _try_providers(missing)
    wheels = conflicting_wheels()
    if wheels:
        detail = f"{' and '.join(wheels)} are both installed and overwrite each other"
        missing.append({"what": "one onnxruntime", "detail": detail, "install": REPAIR})
    built = kernels.build_info()
    backends: list[str] = built["backends"]
    if built["problem"] is not None:
        detail = f"numpy is used, which is several times slower ({built['problem']})"
        missing.append({"what": "compiled kernels", "detail": detail, "install": built["remedy"]})
    lacking = {
        task: [package for package in packages if installed_version(package) is None]
        for task, _, packages in _EXTRAS
    }
    for task, extra, _ in _EXTRAS:
        if lacking[task]:
            detail = f"{task} needs {', '.join(lacking[task])}"
            command = f'pip install "petsgan-sdk[{extra}]"'
            missing.append({"what": task, "detail": detail, "install": command})
    is_ok = any(entry["ok"] for entry in providers.values()) and not wheels
    ready = {task: not absent for task, absent in lacking.items()} | {"sampling": is_ok}
    return {
        "ok": is_ok,
        "models": {
            model: {task: is_ready or not family.has_networks for task, is_ready in ready.items()}
            for family in FAMILIES
            for model in family.models
        },
        "versions": {**versions(), **versions(("torch", "onnx", "onnxscript"))},
        "providers": providers,
        "cores": {"allowed": allowed_cores(), "quota": cpu_quota(), "usable": usable_cores()},
        "kernels": backends,
        "backend": _backend_state(built),
        "missing": missing,
    }


def _backend_state(built: dict[str, Any]) -> dict[str, Any]:
    asked = os.environ.get("PETSGAN_BACKEND") or "auto"
    return {
        "used": built["backends"][0] if asked == "auto" else asked,
        "asked": asked,
        "simd": built["simd"],
        "problem": built["problem"],
    }


def _try_providers(missing: list[dict[str, str]]) -> dict[str, dict[str, Any]]:
    """Describe every provider, and add to `missing` what would make the others work."""
    providers = {
        **_try_onnxruntime(missing),
        **{name.replace("_", "-"): _entry(found) for name, found in find_availability().items()},
    }
    for name, entry in providers.items():
        if entry["install"] is not None:
            what = {"what": f"provider {name}", "detail": entry["detail"]}
            missing.append({**what, "install": entry["install"]})
    return providers


def _try_onnxruntime(missing: list[dict[str, str]]) -> dict[str, dict[str, Any]]:
    try:
        listed = available_providers()
    except BackendUnavailableError as exc:
        command = exc.hint or INSTALL_CPU
        missing.append({"what": "onnxruntime", "detail": exc.plain, "install": command})
        return {
            name: _entry(Availability(None, _NO_RUNTIME, _NO_RUNTIME, None)) for name in ORT_NAMES
        }
    providers = {}
    for name in ORT_NAMES:
        is_listed = name in listed
        problem = probe_provider(name) if is_listed else "not in this onnxruntime"
        version = import_onnxruntime().__version__ if is_listed else None
        install = INSTALL_GPU if name == "cuda" else INSTALL_CPU
        if name == "cuda" and problem is None and kernels.build_info()["cuda"]["usable"]:
            try:
                open_driver()  # which our kernels between two graphs take
            except BackendUnavailableError as exc:
                problem, install = exc.plain, exc.hint or install
        detail = problem or "answered a 32x32 inference"
        providers[name] = _entry(
            Availability(version, problem, detail, install if problem else None)
        )
    return providers


def _entry(found: Availability) -> dict[str, Any]:
    return {
        "ok": found.problem is None,
        "present": found.version is not None,
        "version": found.version,
        "detail": found.detail,
        "install": found.install,
    }
